"""`/api/channels`: the ways an organisation talks to its customers."""

from functools import partial
from typing import Any, Self
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body as FromBody
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import headers, idempotency
from keyadmin.api.bodies import Body
from keyadmin.api.callers import actor_of, organisation_of
from keyadmin.api.crud import (
    BY_NAME,
    Slug,
    Text,
    listed,
    told,
    within,
)
from keyadmin.api.filters import ListQuery
from keyadmin.api.schemas import OrganisationName, Revision
from keyadmin.core.actors import Actor
from keyadmin.models import Channel
from keyadmin.operations.catalogue import channels

router = Router(tags=["Channels"])


class ChannelOut(BaseModel):
    id: UUID
    organisation: OrganisationName
    name: str = Field(examples=["WhatsApp"])
    slug: str = Field(description="What calls name it by; it never changes.", examples=["whatsapp"])
    revision: Revision

    @classmethod
    def of(cls, row: Any) -> Self:
        owner = OrganisationName.of(row.organisation)
        return cls(id=row.id, organisation=owner, name=row.name, slug=row.slug, revision=row.revision)


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


@router.post("/channels", response={201: ChannelOut, 200: ChannelOut}, url_name="channels")
def create(request: HttpRequest, response: HttpResponse, new: NewChannel = FromBody(...)) -> Any:  # noqa: B008
    """Make a channel. Its slug is made of its first name."""
    actor, owner = actor_of(request), organisation_of(request, new.organisation)
    act = partial(channels.create, actor=actor, organisation=owner.id, name=new.name)
    return idempotency.created(request, response, act, partial(_told, request, response))


@router.get("/channels/{uuid:channel}", response=ChannelOut, url_name="channel")
def view(request: HttpRequest, response: HttpResponse, channel: UUID) -> Any:
    """One channel."""
    return _told(request, response, channel)


@router.patch("/channels/{uuid:channel}", response=ChannelOut, url_name="channel")
def rename(
    request: HttpRequest,
    response: HttpResponse,
    channel: UUID,
    changed: ChangedChannel = FromBody(...),  # noqa: B008
) -> Any:
    """Another name; the slug stays."""
    revision = headers.revision(request)
    channels.rename(actor=actor_of(request), channel=channel, name=changed.name, revision=revision)
    return _told(request, response, channel)


@router.delete("/channels/{uuid:channel}", response={204: None}, url_name="channel")
def remove(request: HttpRequest, channel: UUID) -> Any:
    """Remove a channel that no key is restricted to."""
    channels.remove(actor=actor_of(request), channel=channel, revision=headers.revision(request))
    return Status(204, None)


def _readable(actor: Actor) -> Any:
    return Channel.objects.visible_to(actor).select_related("organisation")


def _told(request: HttpRequest, response: HttpResponse, channel: Any, made: Any = None) -> ChannelOut:
    return told(response, _readable(actor_of(request)), ChannelOut.of, id=channel)
