"""Operations on a key as a whole: issue, edit, revoke, reactivate, delete."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from keyadmin.core import cidr, tokens
from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import ConflictError, InvalidInputError
from keyadmin.core.time import rfc3339
from keyadmin.models import AddressDay, Bot, EventType, Key, KeyDay, KeyKind, LastDenial, Meter, Organisation, ScopeDay
from keyadmin.models.meter import CELLS
from keyadmin.operations import allow_list_rules, audit, policy, privileges, revisions
from keyadmin.operations.keys import rows, secrets
from keyadmin.operations.keys import values as key_values
from keyadmin.operations.keys.secrets import IssuedKey
from keyadmin.operations.organisations import key_owners
from keyadmin.operations.policy import Permission
from keyadmin.operations.revisions import ReadRevision
from keyadmin.operations.validation import UNSET, Unset, clean_reason, require_changes


def issue(
    *,
    actor: Actor,
    organisation: UUID,
    bot: UUID | None = None,
    kind: KeyKind | None = None,
    name: str | Unset = UNSET,
    description: str = "",
    scopes: Collection[str] = (),
    inherits: bool = False,
    channels: Collection[UUID] = (),
    networks: Sequence[cidr.Network] = (),
    notes: Mapping[cidr.Network, str] | None = None,
    expires_at: datetime | Unset | None = None,
    tier: UUID | None = None,
) -> IssuedKey:
    """Create a key. The result contains the only copy of its secret.

    Without `name`, the name is taken from the description, and follows it until the name itself is edited.
    `kind` defaults to BOT if a bot is given, else to STANDARD. A public key without `scopes` gets all scopes of an
    owner. Without `channels` or `networks` the key is not restricted. `notes` are those of the networks. `expires_at`
    None means that the key never expires; UNSET means that it expires as late as the organisation's rules and the
    acting key allow. `tier` defaults to that of the organisation.
    """
    with audit.audited_transaction(actor):
        # An organisation has at most one public key, so only one public key may be created at a time.
        lock = key_owners.lock_organisation if kind == KeyKind.PUBLIC else key_owners.lock_organisation_shared
        owner = lock(actor, organisation)
        rows.lock_acting_key_shared(actor)
        key = _new_key(actor, owner, key_owners.get_bot(owner, bot) if bot else None, kind)
        policy.require_for_key(actor, Permission.ISSUE_KEYS, owner, key.kind)
        _require_owner_can_have(key)
        key_values.require_scopes_or_inheritance(scopes, inherits=inherits)
        if key.kind == KeyKind.PUBLIC and not inherits:
            scopes = scopes or privileges.scopes_of_owner()
        if expires_at is UNSET:
            expires_at = key_values.default_expiry(actor, key, audit.database_time())
        values = key_values.KeyValues(
            "" if name is UNSET else name,
            name is UNSET,
            description,
            frozenset(scopes),
            inherits,
            frozenset(channels),
            tuple(networks),
            {network: note for network, note in (notes or {}).items() if network in networks},
            expires_at,
            tier or owner.default_tier_id,
        )
        token, description_for_history = _create_rows(actor, key, values)
        changes = audit.changes_of_new(description_for_history)
        audit.record(EventType.KEY_ISSUED, actor=actor, target=key, organisation=owner, changes=changes)
    return IssuedKey(key, token)


def edit(
    *,
    actor: Actor,
    key: UUID,
    revision: ReadRevision,
    name: str | Unset = UNSET,
    description: str | Unset = UNSET,
    scopes: Collection[str] | Unset = UNSET,
    inherits: bool | Unset = UNSET,
    channels: Collection[UUID] | Unset = UNSET,
    networks: Sequence[cidr.Network] | Unset = UNSET,
    notes: Mapping[cidr.Network, str] | Unset = UNSET,
    expires_at: datetime | Unset | None = UNSET,
    tier: UUID | Unset = UNSET,
    allow_any: bool = False,
) -> Key:
    """Change the fields that are not UNSET. `revision` is the one that the actor has read; None accepts any.

    If `notes` is UNSET, the networks that stay keep theirs. A name that was taken from the description follows it until
    another name is given.
    `allow_any` confirms the removal of the last network, after which any address is allowed.
    """
    fields: dict[str, Any] = {
        "name": name,
        "description": description,
        "inherits": inherits,
        "expires_at": expires_at,
        "tier": tier,
        "scopes": scopes if scopes is UNSET else frozenset(scopes),
        "channels": channels if channels is UNSET else frozenset(channels),
        "networks": networks if networks is UNSET else tuple(networks),
        "notes": notes,
    }
    with audit.audited_transaction(actor):
        row = rows.lock(actor, key, Permission.EDIT_KEYS)
        revisions.require(row, revision)
        old = key_values.values_of(row)
        new = key_values.stop_following_if_renamed(old, key_values.apply_fields(old, fields))
        key_values.require_scopes_or_inheritance(() if scopes is UNSET else scopes, inherits=new.inherits)
        new = key_values.validate(actor, row, new, old, audit.database_time())
        if old.networks and not new.networks:
            allow_list_rules.require_confirmation(row, allow_any, removed=len(old.networks))
        changes = key_values.changes(old, new)
        require_changes(changes)
        row.revision += 1
        key_values.save(row, new, old)
        changes |= secrets.cut_grace(row)
        rows.record(EventType.KEY_EDITED, actor, row, changes)
    return row


def require_revocable(key: Key) -> None:
    """Raise ConflictError if the key is revoked."""
    if key.revoked_at is not None:
        raise ConflictError(_("This key is already revoked."))


def require_ended(key: Key, now: datetime) -> None:
    """Raise ConflictError if the key is neither revoked nor expired."""
    if key.revoked_at is None and not key.is_expired_at(now):
        raise ConflictError(_("This key is neither revoked nor expired."))


def revoke(*, actor: Actor, key: UUID, reason: str = "") -> Key:
    """Revoke the key: its calls are denied from now on. A revoked key can be reactivated."""
    with audit.audited_transaction(actor):
        row = rows.lock(actor, key, Permission.REVOKE_KEYS)
        require_revocable(row)
        revoke_locked(actor, row, clean_reason(reason))
    return row


def revoke_locked(actor: Actor, row: Key, reason: str) -> None:
    """Revoke the locked key, and record the event. Call it last in the audited transaction."""
    row.revoked_at, row.revoked_reason, row.revision = audit.database_time(), reason, row.revision + 1
    row.save(update_fields=("revoked_at", "revoked_reason", "revision"))
    changes = {"revoked_at": (None, rfc3339(row.revoked_at))}
    rows.record(EventType.KEY_REVOKED, actor, row, changes, reason)


def reactivate(*, actor: Actor, key: UUID, expires_at: datetime | Unset | None = UNSET, reason: str = "") -> Key:
    """Make a revoked or expired key valid again.

    A key that has expired needs a new `expires_at`. So does one whose expiry the organisation's rules do not allow any
    more. The grace period of an old secret ends with the new expiry.
    """
    with audit.audited_transaction(actor):
        row = rows.lock(actor, key, Permission.REACTIVATE_KEYS)
        now = audit.database_time()
        require_ended(row, now)
        if row.is_expired_at(now) and expires_at is UNSET:
            raise InvalidInputError({"expires_at": [_("Set a new expiry first.")]})
        reason = clean_reason(reason)
        before = rows.describe_validity(row)
        key_values.set_expiry(row, expires_at, now)
        privileges.require_within(
            privileges.ceiling_of_key(row), privileges.ceiling_of_actor(actor, row.organisation_id)
        )
        row.revoked_at, row.revoked_reason, row.revision = None, "", row.revision + 1
        row.save(update_fields=("revoked_at", "revoked_reason", "expires_at", "revision"))
        changes = audit.changes_between(before, rows.describe_validity(row)) | secrets.cut_grace(row)
        rows.record(EventType.KEY_REACTIVATED, actor, row, changes, reason)
    return row


def delete(*, actor: Actor, key: UUID, revision: ReadRevision = None) -> None:
    """Delete the key with its secrets and allow-list. Its history and its hourly usage stay."""
    with audit.audited_transaction(actor):
        row = rows.lock(actor, key, Permission.DELETE_KEYS)
        revisions.require(row, revision)
        before = rows.audit_identity(row) | rows.deletion_snapshot(row) | key_values.describe(key_values.values_of(row))
        before["old_secret_until"] = rfc3339(secrets.old_secret_until(row, audit.database_time()))
        target, organisation = audit.target_of(row), row.organisation
        secrets.delete_secrets(row.secrets.all())
        for model in (LastDenial, ScopeDay, AddressDay, KeyDay):
            model.objects.filter(key_id=key).delete()
        row.delete()
        audit.record(
            EventType.KEY_DELETED,
            actor=actor,
            target=target,
            organisation=organisation,
            changes=audit.changes_of_removed(before),
            invalidate=audit.Invalidation(deleted_keys=[key]),
        )


def _new_key(actor: Actor, organisation: Organisation, bot: Bot | None, kind: KeyKind | None) -> Key:
    """An unsaved key of the bot, or of the organisation if there is none."""
    kind = kind or (KeyKind.BOT if bot else KeyKind.STANDARD)
    if (kind == KeyKind.BOT) != (bot is not None):
        raise InvalidInputError({"kind": [_("Choose a bot for a bot’s key, and no bot for any other key.")]})
    creator = actor.id if actor.kind is ActorKind.PERSON else None
    return Key(organisation=organisation, bot=bot, kind=kind, creator_id=creator, created_by=actor.label[:200])


def _require_owner_can_have(key: Key) -> None:
    """Raise ConflictError if the owner is disabled, or if it already has a public key and this is another."""
    key_owners.require_active(key.organisation, key.bot)
    if key.kind == KeyKind.PUBLIC and key.organisation.keys.filter(kind=KeyKind.PUBLIC).exists():
        message = _("%(organisation)s already has a public key. Delete it first.")
        raise ConflictError(message % {"organisation": key.organisation.name})


def _create_rows(actor: Actor, key: Key, values: key_values.KeyValues) -> tuple[tokens.Token, dict[str, Any]]:
    """Validate the values, create the token, and save the key, its secret and its meter.

    Returns the token and the fields of the key for history.
    """
    key.created_at = audit.database_time()
    values = key_values.validate(actor, key, values, None, key.created_at)
    token = tokens.mint(key.organisation.key_prefix, tokens.KeyFormat(key.organisation.key_format))
    secrets.copy_public_part(key, token)
    key_values.save(key, values, None)
    secrets.store_secret(key, token, key.created_at)
    Meter.objects.create(key_id=key.id, version=1, cells=[0] * CELLS)
    ownership = {"kind": str(key.kind), "bot": key.bot.name if key.bot else None}
    return token, rows.audit_identity(key) | ownership | key_values.describe(values)
