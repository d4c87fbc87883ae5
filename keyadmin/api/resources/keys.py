"""`/api/keys`: everything that pages do with keys."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_variables
from ninja import Body as FromBody
from ninja import Query, Router, Status

from keyadmin.api import headers, idempotency
from keyadmin.api.callers import actor_of, organisation_of
from keyadmin.api.crud import Reasoned, listed, one, told, within
from keyadmin.api.filters import KeyQuery, refuse_unknown
from keyadmin.api.key_bodies import ChangedKey, NewKey, Reactivation, Regeneration, values
from keyadmin.api.schemas import IssuedOut, KeyOut
from keyadmin.core.actors import Actor
from keyadmin.forms.filters import filter_keys
from keyadmin.models import Key, paging
from keyadmin.operations import keys
from keyadmin.operations.keys.secrets import Issued
from keyadmin.operations.validation import UNSET

router = Router(tags=["Keys"])

ORDER: Final = paging.Order("created_at", True, datetime.fromisoformat, UUID)


def readable(actor: Actor) -> QuerySet[Any]:
    """The keys that the caller may see, with all that is told of them, in one statement."""
    rows: Any = Key.objects.visible_to(actor).with_status().with_usage().with_grace()
    return rows.with_lists().with_channel_slugs().select_related("organisation", "bot", "tier")


@router.get("/keys", response=list[KeyOut], url_name="keys")
def list_(request: HttpRequest, response: HttpResponse, query: Query[KeyQuery]) -> Any:
    """Keys, newest first. The Link header leads to the next ones."""
    refuse_unknown(request, query)
    chosen = query.chosen()
    rows: Any = filter_keys(within(request, readable(actor_of(request)), query.organisation), chosen)
    if kind := chosen.get("kind"):
        rows = rows.filter(kind=kind)
    if status := chosen.get("status"):
        rows = rows.in_status(status)
    if chosen:
        rows = paging.materialize_ids_first_if_few(rows)
    return listed(request, response, rows, ORDER, query, KeyOut.of)


@router.post("/keys", response={201: IssuedOut, 200: IssuedOut}, url_name="keys")
def create(request: HttpRequest, response: HttpResponse, new: NewKey = FromBody(...)) -> Any:  # noqa: B008
    """Make a key. Its secret is in this answer and in no other: a repeated Idempotency-Key gets the key without it."""
    actor, owner = actor_of(request), organisation_of(request, new.organisation)
    given = values(new, owner.id)
    act = partial(keys.issue, actor=actor, organisation=owner.id, bot=new.bot, kind=new.kind, **given)
    return idempotency.created(request, response, act, partial(_told_once, request, response))


@router.get("/keys/{uuid:key}", response=KeyOut, url_name="key")
def view(request: HttpRequest, response: HttpResponse, key: UUID) -> Any:
    """One key. Its ETag is what If-Match of an edit is compared with."""
    return _told(request, response, key)


@router.patch("/keys/{uuid:key}", response=KeyOut, url_name="key")
def edit(request: HttpRequest, response: HttpResponse, key: UUID, changed: ChangedKey = FromBody(...)) -> Any:  # noqa: B008
    """Change what is given. With If-Match, only if nobody else has changed the key since it was read."""
    actor = actor_of(request)
    seen = one(Key.objects.visible_to(actor), id=key)
    keys.edit(actor=actor, key=key, revision=headers.revision(request), **values(changed, seen.organisation_id))
    return _told(request, response, key)


@router.delete("/keys/{uuid:key}", response={204: None}, url_name="key")
def delete(request: HttpRequest, key: UUID) -> Any:
    """Delete a key, for good. Its history stays."""
    keys.delete(actor=actor_of(request), key=key, revision=headers.revision(request))
    return Status(204, None)


@router.post("/keys/{uuid:key}/regenerate", response=IssuedOut, url_name="regenerate")
def regenerate(
    request: HttpRequest,
    response: HttpResponse,
    key: UUID,
    how: Regeneration = FromBody(Regeneration()),  # noqa: B008
) -> Any:
    """A new secret for the key, told in this answer only. The old one works for `grace_seconds`."""
    act = partial(keys.regenerate, actor=actor_of(request), key=key, grace=timedelta(seconds=how.grace_seconds))
    return idempotency.done(request, act, partial(_told_once, request, response))


@router.post("/keys/{uuid:key}/end-grace", response=KeyOut, url_name="end-grace")
def end_grace(request: HttpRequest, response: HttpResponse, key: UUID) -> Any:
    """Stop the old secret now."""
    keys.end_grace(actor=actor_of(request), key=key)
    return _told(request, response, key)


@router.post("/keys/{uuid:key}/revoke", response=KeyOut, url_name="revoke")
def revoke(request: HttpRequest, response: HttpResponse, key: UUID, why: Reasoned = FromBody(Reasoned())) -> Any:  # noqa: B008
    """Stop the key at once. It can be reactivated."""
    keys.revoke(actor=actor_of(request), key=key, reason=why.reason)
    return _told(request, response, key)


@router.post("/keys/{uuid:key}/reactivate", response=KeyOut, url_name="reactivate")
def reactivate(
    request: HttpRequest,
    response: HttpResponse,
    key: UUID,
    why: Reactivation = FromBody(Reactivation()),  # noqa: B008
) -> Any:
    """Let a revoked or expired key work again. An expired one needs a new `expires_at`; null: no end."""
    expires_at = why.expires_at if "expires_at" in why.model_fields_set else UNSET
    keys.reactivate(actor=actor_of(request), key=key, expires_at=expires_at, reason=why.reason)
    return _told(request, response, key)


def _told(request: HttpRequest, response: HttpResponse, key: Any) -> KeyOut:
    """The key as it is now."""
    return told(response, readable(actor_of(request)), KeyOut.of, id=key)


@sensitive_variables("issued", "token", "whole", "secret")
def _told_once(request: HttpRequest, response: HttpResponse, key: str, issued: Issued | None) -> IssuedOut:
    """The same with the secret, if one was just made."""
    token = issued.token if issued else None
    whole, secret = (token.value, token.secret if token.key_id else None) if token else (None, None)
    return IssuedOut(**_told(request, response, key).model_dump(), key=whole, secret=secret)
