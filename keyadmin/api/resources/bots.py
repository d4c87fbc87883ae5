"""`/api/bots`: an organisation's service accounts."""

from datetime import datetime
from functools import partial
from typing import Any, Self
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body as FromBody
from ninja import Query, Router
from pydantic import BaseModel, Field

from keyadmin.api import headers, idempotency
from keyadmin.api.bodies import Body
from keyadmin.api.callers import actor_of, organisation_of
from keyadmin.api.crud import (
    BY_NAME,
    Reasoned,
    Slug,
    Text,
    given,
    listed,
    told,
    within,
)
from keyadmin.api.filters import ListQuery
from keyadmin.api.schemas import OrganisationName, Revision
from keyadmin.core.actors import Actor
from keyadmin.models import Bot
from keyadmin.operations.organisations import bots

router = Router(tags=["Bots"])


class BotOut(BaseModel):
    id: UUID
    organisation: OrganisationName
    name: str = Field(examples=["Release bot"])
    description: str
    is_conversational: bool = Field(description="Others exist only to own keys.")
    is_active: bool = Field(description="All keys of a disabled bot are paused.")
    networks: list[str] = Field(description="Its allow-list, which binds all its keys.", examples=[["203.0.113.0/24"]])
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
    """Only what is given is changed."""

    name: Text = Field(default="", examples=["Release bot"])
    description: Text = ""
    is_conversational: bool = True


class NewBot(ChangedBot):
    name: Text = Field(examples=["Release bot"])
    organisation: Slug = ""


class BotQuery(ListQuery):
    q: str = Field(default="", max_length=120, description="Part of a name.")


@router.get("/bots", response=list[BotOut], url_name="bots")
def list_(request: HttpRequest, response: HttpResponse, query: Query[BotQuery]) -> Any:
    """Bots, by name."""
    rows = within(request, _readable(actor_of(request)).filter(name__icontains=query.q), query.organisation)
    return listed(request, response, rows, BY_NAME, query, BotOut.of)


@router.post("/bots", response={201: BotOut, 200: BotOut}, url_name="bots")
def create(request: HttpRequest, response: HttpResponse, new: NewBot = FromBody(...)) -> Any:  # noqa: B008
    """Make a bot."""
    actor, owner = actor_of(request), organisation_of(request, new.organisation)
    act = partial(bots.create, actor=actor, **given(new) | {"organisation": owner.id})
    return idempotency.created(request, response, act, partial(_told, request, response))


@router.get("/bots/{uuid:bot}", response=BotOut, url_name="bot")
def view(request: HttpRequest, response: HttpResponse, bot: UUID) -> Any:
    """One bot."""
    return _told(request, response, bot)


@router.patch("/bots/{uuid:bot}", response=BotOut, url_name="bot")
def edit(request: HttpRequest, response: HttpResponse, bot: UUID, changed: ChangedBot = FromBody(...)) -> Any:  # noqa: B008
    """Change what is given."""
    bots.edit(actor=actor_of(request), bot=bot, revision=headers.revision(request), **given(changed))
    return _told(request, response, bot)


@router.post("/bots/{uuid:bot}/disable", response=BotOut, url_name="disable-bot")
def disable(request: HttpRequest, response: HttpResponse, bot: UUID, why: Reasoned = FromBody(Reasoned())) -> Any:  # noqa: B008
    """Pause every key of the bot at once."""
    bots.disable(actor=actor_of(request), bot=bot, reason=why.reason)
    return _told(request, response, bot)


@router.post("/bots/{uuid:bot}/enable", response=BotOut, url_name="enable-bot")
def enable(request: HttpRequest, response: HttpResponse, bot: UUID, why: Reasoned = FromBody(Reasoned())) -> Any:  # noqa: B008
    """Bring its keys back."""
    bots.enable(actor=actor_of(request), bot=bot, reason=why.reason)
    return _told(request, response, bot)


def _readable(actor: Actor) -> Any:
    return Bot.objects.visible_to(actor).select_related("organisation").prefetch_related("allow_list")


def _told(request: HttpRequest, response: HttpResponse, bot: Any, made: Any = None) -> BotOut:
    return told(response, _readable(actor_of(request)), BotOut.of, id=bot)
