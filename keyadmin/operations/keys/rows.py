"""Keys as rows to be changed: found, allowed, locked."""

from typing import Any
from uuid import UUID

from django.db import connection

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import NotFoundError
from keyadmin.core.time import rfc3339
from keyadmin.models import Key
from keyadmin.operations import policy
from keyadmin.operations.organisations import owners


def lock(actor: Actor, key: UUID, permission: policy.Permission) -> Key:
    """The key, locked after its organisation is held, if the actor sees it and has the permission."""
    organisation = owners.hold_organisation(actor, Key.objects.filter(id=key).values("organisation")[:1])
    if actor.kind is ActorKind.KEY and actor.id and actor.id < key:
        hold_actor(actor)
    row = (
        Key.objects.select_related("organisation", "bot", "tier")
        .select_for_update(no_key=True, of=("self",))
        .filter(id=key)
        .first()
    )
    if row is None:
        raise NotFoundError
    if actor.kind is ActorKind.KEY and actor.id and actor.id > key:
        hold_actor(actor)
    locked: Key = row
    policy.require_for_key(actor, permission, organisation, locked.kind)
    return locked


def hold_actor(actor: Actor) -> None:
    """Until the change is made, nobody revokes, narrows or deletes the key that makes it."""
    if actor.kind is ActorKind.KEY:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM key WHERE id = %s FOR SHARE", [actor.id])


def identity(key: Key) -> dict[str, Any]:
    """What history calls a key by, besides its name."""
    return {"masked": key.masked, "key_id": key.key_id}


def biography(key: Key) -> dict[str, Any]:
    """What is worth knowing of a key that is gone."""
    return {
        "kind": key.kind,
        "bot": key.bot.name if key.bot else None,
        "created_at": rfc3339(key.created_at),
        "created_by": key.created_by,
        "last_used_at": rfc3339(_last_used(key)),
        "revoked_at": rfc3339(key.revoked_at),
        "revoked_reason": key.revoked_reason,
    }


def _last_used(key: Key) -> Any:
    return Key.objects.filter(id=key.id).with_usage().values_list("last_used_at", flat=True).first()
