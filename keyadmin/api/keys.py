"""`/api/keys`: everything that pages do with keys."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Body as FromBody
from ninja import Query, Router, Status

from keyadmin.api import headers
from keyadmin.api.callers import actor_of, organisation_of
from keyadmin.api.filters import KeyQuery
from keyadmin.api.key_bodies import ChangedKey, NewKey, Reactivation, Regeneration, check_opening, values
from keyadmin.api.rows import Reasoned, listed, one, within
from keyadmin.api.schemas import IssuedOut, KeyOut
from keyadmin.forms.filters import filter_keys
from keyadmin.foundation.actors import Actor
from keyadmin.models import Key, paging
from keyadmin.operations import keys
from keyadmin.operations.checks import UNCHANGED
from keyadmin.operations.errors import AlreadyIssued
from keyadmin.operations.key_secrets import Issued

router = Router(tags=["Keys"])

ORDER: Final = paging.Order("created_at", True, datetime.fromisoformat, UUID)


def readable(actor: Actor) -> QuerySet[Any]:
    """The keys that the caller may see, with all that is told of them: five statements, however many."""
    rows: Any = Key.objects.visible_to(actor).with_status().with_usage().with_grace()
    return rows.select_related("organisation", "bot", "tier").prefetch_related("scopes", "channels", "allow_list")


def find(actor: Actor, key: UUID) -> Any:
    return one(readable(actor), id=key)


@router.get("/keys", response=list[KeyOut], url_name="keys")
def list_(request: HttpRequest, response: HttpResponse, query: Query[KeyQuery]) -> Any:
    """Keys, newest first. The Link header leads to the next ones."""
    chosen = query.chosen()
    rows = filter_keys(within(request, readable(actor_of(request)), query.organisation), chosen)
    for column in ("kind", "status_now"):
        if value := chosen.get(column):
            rows = rows.filter(**{column: value})
    return listed(request, response, rows, ORDER, query, KeyOut.of)


@router.post("/keys", response={201: IssuedOut, 200: IssuedOut}, url_name="keys")
def create(request: HttpRequest, response: HttpResponse, new: NewKey = FromBody(...)) -> Any:  # noqa: B008
    """Make a key. Its secret is in this answer and in no other: a repeated Idempotency-Key gets the key without it."""
    actor, owner = actor_of(request), organisation_of(request, new.organisation)
    given = values(new, owner.id)
    nonce = headers.idempotency_key(request)
    try:
        issued = keys.issue(actor=actor, organisation=owner.id, bot=new.bot, kind=new.kind, nonce=nonce, **given)
    except AlreadyIssued as already:
        return Status(200, _told_once(response, actor, already.key_id, None))
    response["Location"] = f"{request.path}/{issued.key.id}"
    return Status(201, _told_once(response, actor, issued.key.id, issued))


@router.get("/keys/{uuid:key}", response=KeyOut, url_name="key")
def view(request: HttpRequest, response: HttpResponse, key: UUID) -> Any:
    """One key. Its ETag is what If-Match of an edit is compared with."""
    return _told(response, actor_of(request), key)


@router.patch("/keys/{uuid:key}", response=KeyOut, url_name="key")
def edit(request: HttpRequest, response: HttpResponse, key: UUID, changed: ChangedKey = FromBody(...)) -> Any:  # noqa: B008
    """Change what is given. With If-Match, only if nobody else has changed the key since it was read."""
    actor = actor_of(request)
    row = find(actor, key)
    check_opening(changed, row)
    keys.edit(actor=actor, key=key, revision=headers.revision(request), **values(changed, row.organisation_id))
    return _told(response, actor, key)


@router.delete("/keys/{uuid:key}", response={204: None}, url_name="key")
def delete(request: HttpRequest, key: UUID) -> Any:
    """Delete a key, for good. Its history stays."""
    keys.delete(actor=actor_of(request), key=key)
    return Status(204, None)


@router.post("/keys/{uuid:key}/regenerate", response=IssuedOut, url_name="regenerate")
def regenerate(
    request: HttpRequest, response: HttpResponse, key: UUID, how: Regeneration = FromBody(Regeneration())  # noqa: B008
) -> Any:  # fmt: skip
    """A new secret for the key, told in this answer only. The old one works for `grace_seconds`."""
    actor, nonce = actor_of(request), headers.idempotency_key(request)
    try:
        issued = keys.regenerate(actor=actor, key=key, grace=timedelta(seconds=how.grace_seconds), nonce=nonce)
    except AlreadyIssued as already:
        return _told_once(response, actor, already.key_id, None)
    return _told_once(response, actor, key, issued)


@router.post("/keys/{uuid:key}/end-grace", response=KeyOut, url_name="end-grace")
def end_grace(request: HttpRequest, response: HttpResponse, key: UUID) -> Any:
    """Stop the old secret now."""
    actor = actor_of(request)
    keys.end_grace(actor=actor, key=key)
    return _told(response, actor, key)


@router.post("/keys/{uuid:key}/revoke", response=KeyOut, url_name="revoke")
def revoke(request: HttpRequest, response: HttpResponse, key: UUID, why: Reasoned = FromBody(Reasoned())) -> Any:  # noqa: B008
    """Stop the key at once. It can be reactivated."""
    actor = actor_of(request)
    keys.revoke(actor=actor, key=key, reason=why.reason)
    return _told(response, actor, key)


@router.post("/keys/{uuid:key}/reactivate", response=KeyOut, url_name="reactivate")
def reactivate(
    request: HttpRequest, response: HttpResponse, key: UUID, why: Reactivation = FromBody(Reactivation())  # noqa: B008
) -> Any:  # fmt: skip
    """Let a revoked or expired key work again. An expired one needs a new `expires_at`; null: no end."""
    actor = actor_of(request)
    expires_at = why.expires_at if "expires_at" in why.model_fields_set else UNCHANGED
    keys.reactivate(actor=actor, key=key, expires_at=expires_at, reason=why.reason)
    return _told(response, actor, key)


def _told(response: HttpResponse, actor: Actor, key: UUID) -> KeyOut:
    """The key as it is now, with its ETag."""
    row = find(actor, key)
    response["ETag"] = headers.etag(row.revision)
    return KeyOut.of(row)


def _told_once(response: HttpResponse, actor: Actor, key: UUID, issued: Issued | None) -> IssuedOut:
    """As `_told`, with the secret if one was just made."""
    token = issued.token if issued else None
    whole, secret = (token.value, token.secret if token.key_id else None) if token else (None, None)
    return IssuedOut(**_told(response, actor, key).model_dump(), key=whole, secret=secret)
