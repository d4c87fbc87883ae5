"""Of two who edit the same thing, the second is told what the first one did."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.core.errors import StaleRevisionError
from keyadmin.models import Event, EventType, Key
from keyadmin.operations.audit import database_time


def require(row: Any, revision: int | None) -> None:
    """Raise Overtaken, with the event that came first, when the locked row has changed since `revision` was read.

    None is any revision.
    """
    if revision is None or revision == row.revision:
        return
    event = Event.objects.of_target(str(row.pk)).filter(verb__in=EventType.edits()).first()
    if event is None:
        words = _("Someone else changed this key. Review their change.")
        raise StaleRevisionError(
            words if isinstance(row, Key) else _("Someone else changed this. Review their change.")
        )
    ago = _ago(database_time() - event.at)
    words = _("Someone else changed this key %(ago)s. Review their change.")
    words = words if isinstance(row, Key) else _("Someone else changed this %(ago)s. Review their change.")
    raise StaleRevisionError(words % {"ago": ago}, event=event)


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
