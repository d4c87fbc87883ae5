"""`/api/channels`: the channels through which an organisation talks to its customers."""

from contextlib import suppress
from functools import partial
from typing import Any, Self
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import idempotency, openapi
from keyadmin.api.auth import ApiRequest, actor_of
from keyadmin.api.crud import expected_revision, filter_by_org, organisation_of, render, render_page
from keyadmin.api.schemas import Body, ListQuery, OrganisationName, Revision, Slug, Text
from keyadmin.core.actors import Actor
from keyadmin.core.errors import NoChangesError
from keyadmin.models import Channel, paging
from keyadmin.operations.catalogue import channels

router = Router(tags=["Channels"])


class ChannelOut(BaseModel):
    id: UUID
    organisation: OrganisationName
    name: str = Field(examples=["WhatsApp"])
    slug: str = Field(description="Calls name the channel by it. It never changes.", examples=["whatsapp"])
    revision: Revision

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(
            id=row.id,
            organisation=OrganisationName.of(row.organisation),
            name=row.name,
            slug=row.slug,
            revision=row.revision,
        )


class ChangedChannel(Body):
    name: Text = Field(examples=["WhatsApp"])


class NewChannel(ChangedChannel):
    organisation: Slug = ""


class ChannelQuery(ListQuery):
    q: str = Field(default="", max_length=120, description="Part of a name or slug.")


@router.get("/channels", url_name="channels", **openapi.page(ChannelOut, scope="keys:read"))
def list_(request: ApiRequest, response: HttpResponse, query: Query[ChannelQuery]) -> list[ChannelOut]:
    """List channels by name."""
    rows = filter_by_org(request, _readable(actor_of(request)).search(query.q), query.organisation)
    return render_page(request, response, rows, paging.BY_NAME, query, ChannelOut.of)


@router.post(
    "/channels",
    url_name="channels",
    **openapi.creation(
        ChannelOut,
        scope=None,
        links=openapi.links_to("channel", "channels_view", "channels_rename", "channels_remove"),
    ),
)
def create(request: ApiRequest, response: HttpResponse, new: NewChannel) -> Status[ChannelOut]:
    """Create a channel. Its slug is derived from the name."""
    actor, owner = actor_of(request), organisation_of(request, new.organisation)
    operation = partial(channels.create, actor=actor, organisation=owner.id, name=new.name)
    return idempotency.run_creation(request, response, operation, partial(_render, request, response))


@router.get("/channels/{uuid:channel}", url_name="channel", **openapi.row(ChannelOut, scope="keys:read"))
def view(request: ApiRequest, response: HttpResponse, channel: UUID) -> ChannelOut:
    """Show a channel."""
    return _render(request, response, channel)


@router.patch("/channels/{uuid:channel}", url_name="channel", **openapi.edit(ChannelOut, scope=None))
def rename(request: ApiRequest, response: HttpResponse, channel: UUID, changed: ChangedChannel) -> ChannelOut:
    """Rename a channel. Its slug does not change."""
    revision = expected_revision(request)
    with suppress(NoChangesError):
        channels.rename(actor=actor_of(request), channel=channel, name=changed.name, revision=revision)
    return _render(request, response, channel)


@router.delete("/channels/{uuid:channel}", url_name="channel", **openapi.edit(None, scope=None))
def remove(request: ApiRequest, channel: UUID) -> Status[None]:
    """Remove a channel. No key may be restricted to it."""
    channels.remove(actor=actor_of(request), channel=channel, revision=expected_revision(request))
    return Status(204, None)


def _readable(actor: Actor) -> Any:
    return Channel.objects.visible_to(actor).select_related("organisation")


def _render(request: ApiRequest, response: HttpResponse, channel: Any, created: Any = None) -> ChannelOut:
    return render(response, _readable(actor_of(request)), ChannelOut.of, id=channel)
