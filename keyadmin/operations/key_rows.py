"""Keys as rows to be changed: found, allowed, locked."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.foundation.actors import Actor
from keyadmin.models import Event, Key, Verb
from keyadmin.operations import owners, policy
from keyadmin.operations.errors import Conflict, NotFound
from keyadmin.operations.recording import database_time, rfc3339

#: What makes a key another than it was: each counts its `revision` up.
_CHANGING: Final = (
    Verb.KEY_EDITED, Verb.KEY_REGENERATED, Verb.KEY_REVOKED, Verb.KEY_REACTIVATED,
    Verb.NETWORK_ADDED, Verb.NETWORK_CHANGED, Verb.NETWORK_REMOVED,
)  # fmt: skip


def lock(actor: Actor, key: UUID, permission: policy.Permission) -> Key:
    """The key, locked after its organisation, if the actor sees it and has the permission."""
    seen = Key.objects.visible_to(actor).filter(id=key).values_list("organisation_id", flat=True).first()
    if seen is None:
        raise NotFound
    organisation = owners.lock_organisation(actor, seen)
    row = (
        Key.objects.select_related("organisation", "bot", "tier")
        .select_for_update(no_key=True, of=("self",))
        .filter(id=key)
        .first()
    )
    if row is None:
        raise NotFound
    locked: Key = row
    policy.require_for_key(actor, permission, organisation, locked.kind)
    return locked


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


def require_revision(key: Key, revision: int | None) -> None:
    """Raise Conflict, with the event that came first, when the key has changed since `revision` was read."""
    if revision is None or revision == key.revision:
        return
    event = Event.objects.of_target(str(key.id)).filter(verb__in=_CHANGING).first()
    if event is None:
        raise Conflict(_("Someone else changed this key. Review their change."))
    ago = _ago(database_time() - event.at)
    raise Conflict(_("Someone else changed this key %(ago)s. Review their change.") % {"ago": ago}, event=event)


def _last_used(key: Key) -> Any:
    return Key.objects.filter(id=key.id).with_usage().values_list("last_used_at", flat=True).first()


def _ago(age: timedelta) -> str:
    seconds = max(1, int(age.total_seconds()))
    if seconds < 60:
        return ngettext("%(count)d second ago", "%(count)d seconds ago", seconds) % {"count": seconds}
    if seconds < 3600:
        return ngettext("%(count)d minute ago", "%(count)d minutes ago", seconds // 60) % {"count": seconds // 60}
    hours = seconds // 3600
    if hours < 48:
        return ngettext("%(count)d hour ago", "%(count)d hours ago", hours) % {"count": hours}
    return ngettext("%(count)d day ago", "%(count)d days ago", hours // 24) % {"count": hours // 24}
