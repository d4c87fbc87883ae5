"""`/api/api-keys`: a small, settled shape of the management of keys, for clients that were written for it.

The organisation is the caller's. A person's key inherits the person's permissions; a key's key gets a copy of the
caller's own, with its limits. All else about keys is under `/api/keys`.
"""

from datetime import datetime
from functools import partial, reduce
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_variables
from ninja import Body as FromBody
from ninja import Router
from pydantic import BaseModel, Field

from keyadmin.api import idempotency, pagination, schemas
from keyadmin.api.bodies import Body, Moment
from keyadmin.api.callers import actor_of, organisation_of
from keyadmin.api.crud import one
from keyadmin.core import cidr
from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.time import rfc3339
from keyadmin.models import Key, Kind, paging
from keyadmin.models.scope import allowed_for_kind
from keyadmin.operations import grants, keys

router = Router(tags=["API keys, in short"])

SIZE: Final = 100
ORDER: Final = paging.Order("created_at", True, datetime.fromisoformat, UUID)


class NewKey(Body):
    """`expires_at` is RFC 3339; null or absent: no end."""

    name: str
    expires_at: Moment = None


class Entry(BaseModel):
    id: UUID
    name: str = Field(examples=["Production Integration"])
    key_prefix: str = Field(description="Eight characters, for recognition.", examples=["a1b2c3d4"])
    last_used_at: str | None
    expires_at: str | None = Field(examples=["2026-12-31T23:59:59Z"])
    is_active: bool
    created_at: str


class Made(BaseModel):
    id: UUID
    name: str
    key: str | None = Field(description="Told this once: null where the same Idempotency-Key is sent again.")
    key_prefix: str
    expires_at: str | None
    created_at: str


class Listed(BaseModel):
    status: str = "success"
    data: list[Entry]


class Created(BaseModel):
    status: str = "success"
    data: Made


class Message(BaseModel):
    message: str


class Deleted(BaseModel):
    status: str = "success"
    data: Message


@router.get("/api-keys", response=Listed, url_name="api-keys")
def list_(request: HttpRequest, response: HttpResponse, organisation: str = "", cursor: str = "") -> Any:
    """The organisation's keys, newest first, a hundred at a time; the Link header leads to the next ones."""
    owner = organisation_of(request, organisation)
    rows = Key.objects.visible_to(actor_of(request)).filter(organisation=owner).with_status().with_usage()
    page = paging.page(rows, ORDER, cursor, SIZE)
    pagination.lead_on(request, response, page)
    return Listed(data=[_entry(row) for row in page.rows])


@router.post("/api-keys", response={201: Created, 200: Created}, url_name="api-keys")
def create(request: HttpRequest, response: HttpResponse, new: NewKey = FromBody(...), organisation: str = "") -> Any:  # noqa: B008
    """Make a key."""
    actor, owner = actor_of(request), organisation_of(request, organisation)
    given = {"inherits": True} if actor.kind is ActorKind.PERSON else _copied(actor, owner.id)
    chosen = {"name": new.name, "expires_at": new.expires_at, **given}
    act = partial(keys.issue, actor=actor, organisation=owner.id, **chosen)
    return idempotency.created(request, response, act, partial(_told_once, actor))


@router.delete("/api-keys/{uuid:key}", response=Deleted, url_name="api-key")
def delete(request: HttpRequest, key: UUID) -> Any:
    """Delete a key: it stops at once, for good."""
    keys.delete(actor=actor_of(request), key=key)
    return Deleted(data=Message(message="API key deleted successfully"))


@sensitive_variables("issued")
def _told_once(actor: Actor, key: str, issued: keys.Issued | None) -> Created:
    row = issued.key if issued else one(Key.objects.visible_to(actor), id=key)
    told = Made(
        id=row.id,
        name=row.name,
        key=issued.token.value if issued else None,
        key_prefix=row.recognition,
        expires_at=_time(row.expires_at),
        created_at=_time(row.created_at),
    )
    return Created(data=told)


def _copied(actor: Actor, organisation: UUID) -> dict[str, Any]:
    """What the calling key may do and is limited to, as far as another standard key may have it."""
    own = grants.of_actor(actor, organisation)
    return {
        "scopes": allowed_for_kind(Kind.STANDARD, own.scopes),
        "channels": own.channels,
        "networks": reduce(cidr.common, own.lists) if own.lists else (),
    }


def _entry(row: Any) -> Entry:
    return Entry(
        id=row.id,
        name=row.name,
        key_prefix=row.recognition,
        last_used_at=_time(row.last_used_at),
        expires_at=_time(row.expires_at),
        is_active=schemas.is_alive(row),
        created_at=_time(row.created_at),
    )


def _time(moment: datetime | None) -> Any:
    """RFC 3339 in UTC, in whole seconds."""
    return rfc3339(moment and moment.replace(microsecond=0))
