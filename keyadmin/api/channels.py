"""`/api/channels`: the ways an organisation talks to its customers."""

from typing import Any, Self
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body as FromBody
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api.bodies import Body
from keyadmin.api.callers import actor_of, organisation_of
from keyadmin.api.filters import ListQuery
from keyadmin.api.rows import BY_NAME, Slug, Text, listed, one, within
from keyadmin.api.schemas import OrganisationName
from keyadmin.foundation.actors import Actor
from keyadmin.models import Channel
from keyadmin.operations import channels

router = Router(tags=["Channels"])


class ChannelOut(BaseModel):
    id: UUID
    organisation: OrganisationName
    name: str = Field(examples=["WhatsApp"])
    slug: str = Field(description="What calls name it by; it never changes.", examples=["whatsapp"])

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(id=row.id, organisation=OrganisationName.of(row.organisation), name=row.name, slug=row.slug)


class ChangedChannel(Body):
    name: Text = Field(examples=["WhatsApp"])


class NewChannel(ChangedChannel):
    organisation: Slug = ""


class ChannelQuery(ListQuery):
    q: str = Field(default="", max_length=120, description="Part of a name or slug.")


@router.get("/channels", response=list[ChannelOut], url_name="channels")
def list_(request: HttpRequest, response: HttpResponse, query: Query[ChannelQuery]) -> Any:
    """Channels, by name."""
    rows = within(request, _readable(actor_of(request)).search(query.q), query.organisation)
    return listed(request, response, rows, BY_NAME, query, ChannelOut.of)


@router.post("/channels", response={201: ChannelOut}, url_name="channels")
def create(request: HttpRequest, response: HttpResponse, new: NewChannel = FromBody(...)) -> Any:  # noqa: B008
    """Make a channel. Its slug is made of its first name."""
    actor, owner = actor_of(request), organisation_of(request, new.organisation)
    made = channels.create(actor=actor, organisation=owner.id, name=new.name)
    response["Location"] = f"{request.path}/{made.id}"
    return Status(201, _told(actor, made.id))


@router.get("/channels/{uuid:channel}", response=ChannelOut, url_name="channel")
def view(request: HttpRequest, channel: UUID) -> Any:
    """One channel."""
    return _told(actor_of(request), channel)


@router.patch("/channels/{uuid:channel}", response=ChannelOut, url_name="channel")
def rename(request: HttpRequest, channel: UUID, changed: ChangedChannel = FromBody(...)) -> Any:  # noqa: B008
    """Another name; the slug stays."""
    actor = actor_of(request)
    channels.rename(actor=actor, channel=channel, name=changed.name)
    return _told(actor, channel)


@router.delete("/channels/{uuid:channel}", response={204: None}, url_name="channel")
def remove(request: HttpRequest, channel: UUID) -> Any:
    """Remove a channel that no key is restricted to."""
    channels.remove(actor=actor_of(request), channel=channel)
    return Status(204, None)


def _readable(actor: Actor) -> Any:
    return Channel.objects.visible_to(actor).select_related("organisation")


def _told(actor: Actor, channel: UUID) -> ChannelOut:
    return ChannelOut.of(one(_readable(actor), id=channel))
