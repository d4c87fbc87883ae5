"""Of two who edit the same thing, the second is told what the first one did."""

from datetime import timedelta
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.models import Event, Key, Verb
from keyadmin.operations.errors import Overtaken
from keyadmin.operations.recording import database_time

#: What makes a thing another than it was: each counts its `revision` up.
_CHANGING: Final = (
    Verb.KEY_EDITED, Verb.KEY_REGENERATED, Verb.KEY_REVOKED, Verb.KEY_REACTIVATED,
    Verb.NETWORK_ADDED, Verb.NETWORK_CHANGED, Verb.NETWORK_REMOVED,
    Verb.BOT_EDITED, Verb.BOT_DISABLED, Verb.BOT_ENABLED, Verb.CHANNEL_RENAMED, Verb.TIER_EDITED, Verb.SCOPE_EDITED,
    Verb.ORGANISATION_EDITED, Verb.ORGANISATION_DISABLED, Verb.ORGANISATION_ENABLED,
    Verb.PERSON_EDITED, Verb.PERSON_DEACTIVATED, Verb.PERSON_REACTIVATED,
    Verb.SYSTEM_ROLE_CHANGED, Verb.ROLE_CHANGED, Verb.ROLE_REMOVED,
)  # fmt: skip


def require(row: Any, revision: int | None) -> None:
    """Raise Overtaken, with the event that came first, when the locked row has changed since `revision` was read.

    None is any revision.
    """
    if revision is None or revision == row.revision:
        return
    event = Event.objects.of_target(str(row.pk)).filter(verb__in=_CHANGING).first()
    if event is None:
        words = _("Someone else changed this key. Review their change.")
        raise Overtaken(words if isinstance(row, Key) else _("Someone else changed this. Review their change."))
    ago = _ago(database_time() - event.at)
    words = _("Someone else changed this key %(ago)s. Review their change.")
    words = words if isinstance(row, Key) else _("Someone else changed this %(ago)s. Review their change.")
    raise Overtaken(words % {"ago": ago}, event=event)


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
