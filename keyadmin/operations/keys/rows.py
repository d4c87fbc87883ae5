"""What operations on keys share: locks, descriptions for history, and the record of the event."""

from datetime import datetime
from uuid import UUID

from django.db import connection

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import NotFoundError
from keyadmin.core.time import rfc3339
from keyadmin.models import EventType, Key
from keyadmin.operations import audit, policy
from keyadmin.operations.organisations import key_owners


def lock(actor: Actor, key: UUID, permission: policy.Permission) -> Key:
    """The key, locked. Locks its organisation in share mode first.

    Raises NotFoundError if the actor may not see the key, and ForbiddenError if it lacks the permission. If the actor
    is a key, that key is locked as well; the two are locked in the order of their ids.
    """
    organisation = key_owners.lock_organisation_shared(actor, Key.objects.filter(id=key).values("organisation")[:1])
    if actor.kind is ActorKind.KEY and actor.id and actor.id < key:
        lock_acting_key_shared(actor)
    rows = Key.objects.select_related("organisation", "bot", "tier").select_for_update(no_key=True, of=("self",))
    row: Key | None = rows.filter(id=key).first()
    if row is None:
        raise NotFoundError
    if actor.kind is ActorKind.KEY and actor.id and actor.id > key:
        lock_acting_key_shared(actor)
    policy.require_for_key(actor, permission, organisation, row.kind)
    return row


def lock_acting_key_shared(actor: Actor) -> None:
    """If the actor is a key, lock it, so that it cannot be revoked, restricted or deleted before the commit."""
    if actor.kind is ActorKind.KEY:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM key WHERE id = %s FOR SHARE", [actor.id])


def audit_identity(key: Key) -> dict[str, str | None]:
    """The fields that identify a key in history, in addition to its name."""
    return {"masked": key.masked, "key_id": key.key_id}


def deletion_snapshot(key: Key) -> dict[str, str | None]:
    """The fields that history keeps of a deleted key, in addition to `audit_identity` and its values."""
    return {
        "kind": key.kind,
        "bot": key.bot.name if key.bot else None,
        "created_at": rfc3339(key.created_at),
        "created_by": key.created_by,
        "last_used_at": rfc3339(_last_used_at(key)),
        "revoked_at": rfc3339(key.revoked_at),
        "revoked_reason": key.revoked_reason,
    }


def describe_validity(key: Key) -> dict[str, str | None]:
    """The fields of a revocation and the expiry, for history."""
    return {
        "revoked_at": rfc3339(key.revoked_at),
        "revoked_reason": key.revoked_reason or None,
        "expires_at": rfc3339(key.expires_at),
    }


def record(event_type: EventType, actor: Actor, key: Key, changes: audit.Changes, reason: str = "") -> None:
    """Record the event of a change of one key, and make its snapshots stale."""
    audit.record(
        event_type,
        actor=actor,
        target=key,
        organisation=key.organisation,
        changes=changes,
        reason=reason,
        invalidate=audit.Invalidation(keys=[key.id]),
    )


def _last_used_at(key: Key) -> datetime | None:
    return Key.objects.filter(id=key.id).with_usage().values_list("last_used_at", flat=True).first()
