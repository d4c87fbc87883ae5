"""`/api/api-keys`: a small and stable interface for existing clients. `/api/keys` offers everything.

The organisation is the caller's. A key that a person creates inherits the person's permissions; a key that a key
creates gets a copy of the caller's scopes and restrictions.
"""

from datetime import datetime
from functools import partial, reduce
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.debug import sensitive_variables
from ninja import Query, Router, Status
from pydantic import BaseModel, Field

from keyadmin.api import idempotency, openapi
from keyadmin.api.auth import ApiRequest, actor_of
from keyadmin.api.crud import add_link_header, get_or_404, organisation_of, require_known_filters
from keyadmin.api.schemas import Body, ListFilters, Moment, Slug
from keyadmin.core import cidr
from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.time import rfc3339
from keyadmin.models import Key, KeyKind, KeyStatus, paging
from keyadmin.models.scope import allowed_for_kind
from keyadmin.operations import keys, privileges
from keyadmin.operations.validation import UNSET

router = Router(tags=["API keys (short form)"])

PAGE_SIZE: Final = 100


class NewApiKey(Body):
    """`expires_at` null: the key never expires. Absent: as late as the organisation and the calling key allow."""

    name: str = Field(examples=["Production Integration"])
    expires_at: Moment = None


class ApiKeyQuery(ListFilters):
    organisation: Slug = ""
    cursor: str = Field(default="", description="From the Link header of another page.")


class ListedKey(BaseModel):
    id: UUID
    name: str = Field(examples=["Production Integration"])
    key_prefix: str = Field(description="Eight characters by which people recognise the key.", examples=["a1b2c3d4"])
    last_used_at: str | None = Field(examples=["2026-11-29T14:02:00Z"])
    expires_at: str | None = Field(examples=["2026-12-31T23:59:59Z"])
    is_active: bool = Field(examples=[True])
    created_at: str = Field(examples=["2026-08-04T09:30:00Z"])


class CreatedKey(BaseModel):
    id: UUID
    name: str = Field(examples=["Production Integration"])
    key: str | None = Field(
        description="Shown once; null if the same Idempotency-Key is sent again.",
        examples=["kad_a1b2c3d4e5f6a7b8_SECRET"],
    )
    key_prefix: str = Field(examples=["a1b2c3d4"])
    expires_at: str | None = Field(examples=["2026-12-31T23:59:59Z"])
    created_at: str = Field(examples=["2026-08-04T09:30:00Z"])


class KeyList(BaseModel):
    status: str = "success"
    data: list[ListedKey]


class KeyCreated(BaseModel):
    status: str = "success"
    data: CreatedKey


class Message(BaseModel):
    message: str = Field(examples=["API key deleted successfully"])


class KeyDeleted(BaseModel):
    status: str = "success"
    data: Message


@router.get("/api-keys", url_name="api-keys", **openapi.row(KeyList, scope="keys:read", headers=("Link",)))
def list_(request: ApiRequest, response: HttpResponse, query: Query[ApiKeyQuery]) -> KeyList:
    """List the organisation's keys, newest first, 100 a page. The Link header has the URL of the next page."""
    require_known_filters(request, query)
    owner = organisation_of(request, query.organisation)
    rows = Key.objects.visible_to(actor_of(request)).filter(organisation=owner).with_status().with_usage()
    page = paging.page(rows, paging.NEWEST_FIRST, query.cursor, PAGE_SIZE)
    add_link_header(request, response, page)
    return KeyList(data=[_listed_key(row) for row in page.rows])


@router.post(
    "/api-keys",
    url_name="api-keys",
    **openapi.creation(
        KeyCreated, scope="keys:write", links=openapi.links_to("key", "api_keys_delete", pointer="data/id")
    ),
)
def create(request: ApiRequest, response: HttpResponse, new: NewApiKey, organisation: Slug = "") -> Status[KeyCreated]:
    """Create a key."""
    actor, owner = actor_of(request), organisation_of(request, organisation)
    grant = {"inherits": True} if actor.kind is ActorKind.PERSON else _grant_of_key(actor, owner.id)
    expires_at = new.expires_at if "expires_at" in new.model_fields_set else UNSET
    operation = partial(keys.issue, actor=actor, organisation=owner.id, name=new.name, expires_at=expires_at, **grant)
    return idempotency.run_creation(request, response, operation, partial(_render_created, actor))


@router.delete("/api-keys/{uuid:key}", url_name="api-key", **openapi.action(KeyDeleted, scope="keys:write"))
def delete(request: ApiRequest, key: UUID) -> KeyDeleted:
    """Delete a key. It stops working immediately. This cannot be undone."""
    keys.delete(actor=actor_of(request), key=key)
    return KeyDeleted(data=Message(message="API key deleted successfully"))


@sensitive_variables("issued")
def _render_created(actor: Actor, key: str, issued: keys.IssuedKey | None) -> KeyCreated:
    row = issued.key if issued else get_or_404(Key.objects.visible_to(actor), id=key)
    created = CreatedKey(
        id=row.id,
        name=row.name,
        key=issued.token.value if issued else None,
        key_prefix=row.recognition,
        expires_at=rfc3339(row.expires_at),
        created_at=_whole_seconds(row.created_at),
    )
    return KeyCreated(data=created)


def _grant_of_key(actor: Actor, organisation: UUID) -> dict[str, Any]:
    """The calling key's scopes, channels and networks, as far as a standard key may have them."""
    own = privileges.ceiling_of_actor(actor, organisation)
    return {
        "scopes": allowed_for_kind(KeyKind.STANDARD, own.scopes),
        "channels": own.channels,
        "networks": reduce(cidr.intersection, own.lists) if own.lists else (),
    }


def _listed_key(row: Any) -> ListedKey:
    return ListedKey(
        id=row.id,
        name=row.name,
        key_prefix=row.recognition,
        last_used_at=row.last_used_at and _whole_seconds(row.last_used_at),
        expires_at=rfc3339(row.expires_at),
        is_active=row.status in (KeyStatus.ACTIVE, KeyStatus.EXPIRING),
        created_at=_whole_seconds(row.created_at),
    )


def _whole_seconds(moment: datetime) -> str:
    """RFC 3339 in UTC, without fractions of a second."""
    return rfc3339(moment.replace(microsecond=0))
