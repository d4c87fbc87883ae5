"""`/api/allow-list-entries`: the networks that a key, or every key of a bot, may be used from."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, Self
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Body as FromBody
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import headers, idempotency
from keyadmin.api.bodies import Body
from keyadmin.api.callers import actor_of, organisation_of
from keyadmin.api.crud import listed, one, told
from keyadmin.api.filters import ListQuery
from keyadmin.api.schemas import BotName, Revision
from keyadmin.core.actors import Actor
from keyadmin.core.errors import InvalidInputError
from keyadmin.models import AllowListEntry, Bot, Key, paging
from keyadmin.operations.organisations import allow_lists

router = Router(tags=["Allow-list entries"])

BY_OWNER: Final = paging.Order("owner_id", False, UUID, UUID)
Network = Annotated[str, Field(max_length=100, examples=["203.0.113.0/24"])]
Owner = Annotated[UUID | None, Field(strict=False)]


class KeyName(BaseModel):
    id: UUID
    name: str


class EntryOut(BaseModel):
    """Of a bot's list or of a key's own."""

    id: UUID
    network: str = Field(examples=["203.0.113.0/24"])
    bot: BotName | None
    key: KeyName | None
    created_at: datetime
    revision: Revision

    @classmethod
    def of(cls, row: Any) -> Self:
        bot = BotName.of(row.bot) if row.bot else None
        key = KeyName(id=row.key.id, name=row.key.name) if row.key else None
        return cls(
            id=row.id, network=str(row.network), bot=bot, key=key, created_at=row.created_at, revision=row.revision
        )


class NewEntry(Body):
    """For one `bot` or one `key`. The first entry of a list closes it to all other addresses."""

    network: Network
    bot: Owner = None
    key: Annotated[UUID | None, Field(strict=False, examples=["9b2d1c4e-5f60-4a7b-8c9d-0e1f2a3b4c5d"])] = None


class ChangedEntry(Body):
    network: Network


class EntryQuery(ListQuery):
    bot: UUID | None = None
    key: UUID | None = None


@router.get("/allow-list-entries", response=list[EntryOut], url_name="allow-list-entries")
def list_(request: HttpRequest, response: HttpResponse, query: Query[EntryQuery]) -> Any:
    """Entries, by owner: of one bot, of one key, of an organisation, or all."""
    actor = actor_of(request)
    owners = {
        owner: one(model.objects.visible_to(actor), id=identity)
        for model, owner in ((Bot, "bot"), (Key, "key"))
        if (identity := getattr(query, owner))
    }
    # Who sees an owner sees its list.
    entries = AllowListEntry.objects.filter(**owners) if owners else AllowListEntry.objects.visible_to(actor)
    rows = entries.with_owner().select_related("bot", "key")
    if query.organisation:
        rows = rows.of_organisation(organisation_of(request, query.organisation))
    return listed(request, response, rows, BY_OWNER, query, EntryOut.of)


@router.post("/allow-list-entries", response={201: EntryOut, 200: EntryOut}, url_name="allow-list-entries")
def add(request: HttpRequest, response: HttpResponse, new: NewEntry = FromBody(...)) -> Any:  # noqa: B008
    """Add a network."""
    if (new.bot is None) == (new.key is None):
        raise InvalidInputError({"body": ["Name one bot or one key."]})
    act = partial(allow_lists.add, actor=actor_of(request), network=new.network, bot=new.bot, key=new.key)
    return idempotency.created(request, response, act, partial(_told, request, response))


@router.get("/allow-list-entries/{uuid:entry}", response=EntryOut, url_name="allow-list-entry")
def view(request: HttpRequest, response: HttpResponse, entry: UUID) -> Any:
    """One entry."""
    return _told(request, response, entry)


@router.patch("/allow-list-entries/{uuid:entry}", response=EntryOut, url_name="allow-list-entry")
def change(
    request: HttpRequest,
    response: HttpResponse,
    entry: UUID,
    changed: ChangedEntry = FromBody(...),  # noqa: B008
) -> Any:
    """Put another network in its place."""
    allow_lists.change(
        actor=actor_of(request), entry=entry, network=changed.network, revision=headers.revision(request)
    )
    return _told(request, response, entry)


@router.delete("/allow-list-entries/{uuid:entry}", response={204: None}, url_name="allow-list-entry")
def remove(request: HttpRequest, entry: UUID, allow_any: bool = False) -> Any:
    """Remove a network. The last one of a list opens it to any address, which takes `allow_any=true`."""
    allow_lists.remove(actor=actor_of(request), entry=entry, allow_any=allow_any, revision=headers.revision(request))
    return Status(204, None)


def _readable(actor: Actor) -> Any:
    return AllowListEntry.objects.visible_to(actor).select_related("bot", "key")


def _told(request: HttpRequest, response: HttpResponse, entry: Any, made: Any = None) -> EntryOut:
    return told(response, _readable(actor_of(request)), EntryOut.of, id=entry)
