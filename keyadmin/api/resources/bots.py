"""`/api/bots`: the service accounts of organisations, which own keys."""

from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Self
from uuid import UUID

from django.http import HttpResponse
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import idempotency, openapi
from keyadmin.api.auth import ApiRequest, actor_of
from keyadmin.api.crud import expected_revision, filter_by_org, organisation_of, render, render_page
from keyadmin.api.schemas import NO_REASON, Body, ListQuery, OrganisationName, ReasonIn, Revision, Slug, Text
from keyadmin.core.actors import Actor
from keyadmin.core.errors import NoChangesError
from keyadmin.models import Bot, paging
from keyadmin.operations.organisations import bots

router = Router(tags=["Bots"])


class BotOut(BaseModel):
    id: UUID
    organisation: OrganisationName
    name: str = Field(examples=["Release bot"])
    description: str = Field(examples=["Deploys releases"])
    is_conversational: bool = Field(description="false: the bot exists only to own keys.", examples=[False])
    is_active: bool = Field(description="false: all keys of the bot are paused.", examples=[True])
    networks: list[str] = Field(
        description="The bot's allow-list, which restricts all its keys.", examples=[["203.0.113.0/24"]]
    )
    created_at: datetime
    revision: Revision

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(
            id=row.id,
            organisation=OrganisationName.of(row.organisation),
            name=row.name,
            description=row.description,
            is_conversational=row.is_conversational,
            is_active=row.is_active,
            networks=[str(entry.network) for entry in row.allow_list.all()],
            created_at=row.created_at,
            revision=row.revision,
        )


class ChangedBot(Body):
    """Fields that are not sent do not change."""

    name: Text = Field(default="", examples=["Release bot"])
    description: Text = ""
    is_conversational: bool = False


class NewBot(ChangedBot):
    name: Text = Field(examples=["Release bot"])
    organisation: Slug = ""


class BotQuery(ListQuery):
    q: str = Field(default="", max_length=120, description="Part of a name.")


@router.get("/bots", url_name="bots", **openapi.page(BotOut, scope="keys:read"))
def list_(request: ApiRequest, response: HttpResponse, query: Query[BotQuery]) -> list[BotOut]:
    """List bots by name."""
    rows = filter_by_org(request, _readable(actor_of(request)).search(query.q), query.organisation)
    return render_page(request, response, rows, paging.BY_NAME, query, BotOut.of)


@router.post(
    "/bots",
    url_name="bots",
    **openapi.creation(
        BotOut,
        scope=None,
        links=openapi.links_to("bot", "bots_view", "bots_edit", "bots_disable", "bots_enable"),
    ),
)
def create(request: ApiRequest, response: HttpResponse, new: NewBot) -> Status[BotOut]:
    """Create a bot."""
    actor, owner = actor_of(request), organisation_of(request, new.organisation)
    operation = partial(bots.create, actor=actor, **new.sent_fields() | {"organisation": owner.id})
    return idempotency.run_creation(request, response, operation, partial(_render, request, response))


@router.get("/bots/{uuid:bot}", url_name="bot", **openapi.row(BotOut, scope="keys:read"))
def view(request: ApiRequest, response: HttpResponse, bot: UUID) -> BotOut:
    """Show a bot."""
    return _render(request, response, bot)


@router.patch("/bots/{uuid:bot}", url_name="bot", **openapi.edit(BotOut, scope=None))
def edit(request: ApiRequest, response: HttpResponse, bot: UUID, changed: ChangedBot) -> BotOut:
    """Edit a bot."""
    with suppress(NoChangesError):
        bots.edit(actor=actor_of(request), bot=bot, revision=expected_revision(request), **changed.sent_fields())
    return _render(request, response, bot)


@router.post("/bots/{uuid:bot}/disable", url_name="disable-bot", **openapi.action(BotOut, scope=None))
def disable(request: ApiRequest, response: HttpResponse, bot: UUID, body: ReasonIn = NO_REASON) -> BotOut:
    """Disable a bot. All its keys are paused immediately."""
    bots.disable(actor=actor_of(request), bot=bot, reason=body.reason)
    return _render(request, response, bot)


@router.post("/bots/{uuid:bot}/enable", url_name="enable-bot", **openapi.action(BotOut, scope=None))
def enable(request: ApiRequest, response: HttpResponse, bot: UUID, body: ReasonIn = NO_REASON) -> BotOut:
    """Enable a bot. Its keys work again."""
    bots.enable(actor=actor_of(request), bot=bot, reason=body.reason)
    return _render(request, response, bot)


def _readable(actor: Actor) -> Any:
    return Bot.objects.visible_to(actor).select_related("organisation").prefetch_related("allow_list")


def _render(request: ApiRequest, response: HttpResponse, bot: Any, created: Any = None) -> BotOut:
    return render(response, _readable(actor_of(request)), BotOut.of, id=bot)
