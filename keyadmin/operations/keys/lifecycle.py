"""API keys: issue, edit, regenerate, revoke, reactivate, delete."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from keyadmin.core import cidr, tokens
from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import ConflictError, InvalidInputError
from keyadmin.core.time import rfc3339
from keyadmin.models import AddressDay, Bot, EventType, Key, KeyDay, Kind, LastDenial, Meter, Organisation, ScopeDay
from keyadmin.models.meter import CELLS
from keyadmin.operations import audit, grants, policy, revisions
from keyadmin.operations.keys import rows, secrets
from keyadmin.operations.keys import values as key_values
from keyadmin.operations.keys.secrets import Issued, end_grace, regenerate
from keyadmin.operations.organisations import owners
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import UNSET, FieldErrors, Unset, clean_reason, require_changes

__all__ = ["UNSET", "Issued", "delete", "edit", "end_grace", "issue", "reactivate", "regenerate", "revoke"]


def issue(
    *,
    actor: Actor,
    organisation: UUID,
    bot: UUID | None = None,
    kind: Kind | None = None,
    name: str,
    description: str = "",
    scopes: Collection[str] = (),
    inherits: bool = False,
    channels: Collection[UUID] = (),
    networks: Sequence[cidr.Network] = (),
    expires_at: datetime | None = None,
    tier: UUID | None = None,
) -> Issued:
    """Make a key and return it with its secret, this once.

    `kind` None means a bot's key where there is a bot, else a standard one. The organisation's public key, given
    no scopes, holds all that an owner holds.
    """
    with audit.audited_transaction(actor):
        # Of public keys there is one: who makes it makes it alone.
        find = owners.lock_organisation if kind == Kind.PUBLIC else owners.hold_organisation
        owner = find(actor, organisation)
        rows.hold_actor(actor)
        key = _new_key(actor, owner, owners.bot_of(owner, bot) if bot else None, kind)
        policy.require_for_key(actor, Permission.ISSUE_KEYS, owner, key.kind)
        _require_room(key)
        if key.kind == Kind.PUBLIC and not inherits:
            scopes = scopes or grants.of_owner()
        values = key_values.Values(
            name,
            description,
            frozenset(scopes),
            inherits,
            frozenset(channels),
            tuple(networks),
            expires_at,
            tier or owner.default_tier_id,
        )
        token, described = _bring_to_life(actor, key, values)
        changes = audit.created(described)
        audit.record(EventType.KEY_ISSUED, actor=actor, target=key, organisation=owner, changes=changes)
    return Issued(key, token)


def edit(
    *,
    actor: Actor,
    key: UUID,
    revision: int | None,
    name: str | Unset = UNSET,
    description: str | Unset = UNSET,
    scopes: Collection[str] | Unset = UNSET,
    inherits: bool | Unset = UNSET,
    channels: Collection[UUID] | Unset = UNSET,
    networks: Sequence[cidr.Network] | Unset = UNSET,
    expires_at: datetime | Unset | None = UNSET,
    tier: UUID | Unset = UNSET,
    allow_any: bool = False,
) -> Key:
    """Change what is given. `revision` is the one that was read; None edits whatever is there now.

    Taking the last network away opens the key to any address, which takes `allow_any`.
    """
    given: dict[str, Any] = {
        "name": name,
        "description": description,
        "inherits": inherits,
        "expires_at": expires_at,
        "tier": tier,
        "scopes": scopes if scopes is UNSET else frozenset(scopes),
        "channels": channels if channels is UNSET else frozenset(channels),
        "networks": networks if networks is UNSET else tuple(networks),
    }
    with audit.audited_transaction(actor):
        row = rows.lock(actor, key, Permission.EDIT_KEYS)
        revisions.require(row, revision)
        old = key_values.of(row)
        new = key_values.altered(old, given)
        new = key_values.judged(actor, row, new, old, audit.database_time())
        if old.networks and not new.networks and not allow_any:
            raise InvalidInputError({"allow_any": [key_values.when_emptied(row)]})
        changes = key_values.changes(old, new)
        require_changes(changes)
        row.revision += 1
        key_values.save(row, new, old)
        _record(EventType.KEY_EDITED, actor, row, changes)
    return row


def revoke(*, actor: Actor, key: UUID, reason: str = "") -> Key:
    """Stop the key at once. It can be reactivated."""
    with audit.audited_transaction(actor):
        row = rows.lock(actor, key, Permission.REVOKE_KEYS)
        if row.revoked_at is not None:
            raise ConflictError(_("This key is already revoked."))
        reason = clean_reason(reason)
        row.revoked_at, row.revoked_reason, row.revision = audit.database_time(), reason, row.revision + 1
        row.save(update_fields=("revoked_at", "revoked_reason", "revision"))
        _record(EventType.KEY_REVOKED, actor, row, {"revoked_at": (None, rfc3339(row.revoked_at))}, reason)
    return row


def reactivate(*, actor: Actor, key: UUID, expires_at: datetime | Unset | None = UNSET, reason: str = "") -> Key:
    """Let a revoked or expired key work again; an expired one needs a new expiry."""
    with audit.audited_transaction(actor):
        row = rows.lock(actor, key, Permission.REACTIVATE_KEYS)
        now = audit.database_time()
        expired = row.expires_at is not None and row.expires_at <= now
        if row.revoked_at is None and not expired:
            raise ConflictError(_("This key is not revoked."))
        if expired and expires_at is UNSET:
            raise InvalidInputError({"expires_at": [_("Set a new expiry first.")]})
        reason = clean_reason(reason)
        before = {"revoked_at": rfc3339(row.revoked_at), "expires_at": rfc3339(row.expires_at)}
        if expires_at is not UNSET:
            _set_expiry(row, expires_at, now)
        grants.require_within(grants.of_key(row), grants.of_actor(actor, row.organisation_id))
        row.revoked_at, row.revoked_reason, row.revision = None, "", row.revision + 1
        row.save(update_fields=("revoked_at", "revoked_reason", "expires_at", "revision"))
        after = {"revoked_at": None, "expires_at": rfc3339(row.expires_at)}
        _record(EventType.KEY_REACTIVATED, actor, row, audit.changed(before, after), reason)
    return row


def delete(*, actor: Actor, key: UUID, revision: int | None = None) -> None:
    """Remove the key with its secrets and lists, for good. Its history and its calls by hour stay."""
    with audit.audited_transaction(actor):
        row = rows.lock(actor, key, Permission.DELETE_KEYS)
        revisions.require(row, revision)
        described = rows.identity(row) | rows.biography(row) | key_values.describe(key_values.of(row))
        target, organisation = audit.target_of(row), row.organisation
        secrets.end(row.secrets.all())
        for use in (LastDenial, ScopeDay, AddressDay, KeyDay):
            use.objects.filter(key_id=key).delete()
        row.delete()
        audit.record(
            EventType.KEY_DELETED,
            actor=actor,
            target=target,
            organisation=organisation,
            changes=audit.removed(described),
            invalidate=audit.Invalidation(closed=[key]),
        )


def _new_key(actor: Actor, organisation: Organisation, bot: Bot | None, kind: Kind | None) -> Key:
    kind = kind or (Kind.BOT if bot else Kind.STANDARD)
    if (kind == Kind.BOT) != (bot is not None):
        raise InvalidInputError({"kind": [_("A bot's key, and no other, belongs to a bot.")]})
    creator = actor.id if actor.kind is ActorKind.PERSON else None
    return Key(organisation=organisation, bot=bot, kind=kind, creator_id=creator, created_by=actor.label[:200])


def _require_room(key: Key) -> None:
    """Raise Conflict where the owner takes no such key now."""
    owners.require_active(key.organisation, key.bot)
    if key.kind == Kind.PUBLIC and key.organisation.keys.filter(kind=Kind.PUBLIC).exists():
        words = _("%(organisation)s already has a public key. Delete it first.")
        raise ConflictError(words % {"organisation": key.organisation.name})


def _bring_to_life(actor: Actor, key: Key, values: key_values.Values) -> tuple[tokens.Token, dict[str, Any]]:
    """Check the values, mint, save key, secret and meter; returns the token and what history says of the key."""
    key.created_at = audit.database_time()
    values = key_values.judged(actor, key, values, None, key.created_at)
    token = tokens.mint(key.organisation.key_prefix, tokens.Format(key.organisation.key_format))
    secrets.name_after(key, token)
    key_values.save(key, values, None)
    secrets.store(key, token, key.created_at)
    Meter.objects.create(key_id=key.id, version=1, cells=[0] * CELLS)
    ownership = {"kind": str(key.kind), "bot": key.bot.name if key.bot else None}
    return token, rows.identity(key) | ownership | key_values.describe(values)


def _set_expiry(key: Key, expires_at: datetime | None, now: datetime) -> None:
    errors = FieldErrors()
    key_values.check_expiry(errors, key, expires_at, now)
    errors.raise_if_any()
    key.expires_at = expires_at
    if expires_at is not None:
        key.secrets.filter(not_after__gt=expires_at).update(not_after=expires_at)


def _record(event_type: EventType, actor: Actor, key: Key, changes: audit.Changes, reason: str = "") -> None:
    """The last line of what changes a key that stays."""
    audit.record(
        event_type,
        actor=actor,
        target=key,
        organisation=key.organisation,
        changes=changes,
        reason=reason,
        invalidate=audit.Invalidation(keys=[key.id]),
    )
