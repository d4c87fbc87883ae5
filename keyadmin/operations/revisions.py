"""Optimistic concurrency: an edit is rejected if the row has changed since the editor read it."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.core.errors import StaleRevisionError
from keyadmin.models import Event, EventType, Key
from keyadmin.operations.audit import database_time

type ReadRevision = int | Collection[int] | None
"""The revision that an editor has read, or several of which any is accepted; None accepts any revision."""


def require(row: Any, revision: ReadRevision) -> None:
    """Raise StaleRevisionError if `revision`, which an editor has read, is not that of the locked row.

    The error has the last event that changed the row, so that the editor can show it.
    """
    if revision is None or row.revision in ((revision,) if isinstance(revision, int) else revision):
        return
    is_key = isinstance(row, Key)
    event = Event.objects.of_target(str(row.pk)).filter(type__in=EventType.edits()).first()
    if event is None:
        message = _("Someone else changed this. Review their change.")
        raise StaleRevisionError(_("Someone else changed this key. Review their change.") if is_key else message)
    message = _("Someone else changed this %(ago)s. Review their change.")
    if is_key:
        message = _("Someone else changed this key %(ago)s. Review their change.")
    raise StaleRevisionError(message % {"ago": _ago(database_time() - event.at)}, event=event)


def _ago(age: timedelta) -> str:
    """An age as text, such as "10 seconds ago"."""
    seconds = max(1, int(age.total_seconds()))
    if seconds < 60:
        return ngettext("%(count)d second ago", "%(count)d seconds ago", seconds) % {"count": seconds}
    if seconds < 3600:
        return ngettext("%(count)d minute ago", "%(count)d minutes ago", seconds // 60) % {"count": seconds // 60}
    hours = seconds // 3600
    if hours < 48:
        return ngettext("%(count)d hour ago", "%(count)d hours ago", hours) % {"count": hours}
    return ngettext("%(count)d day ago", "%(count)d days ago", hours // 24) % {"count": hours // 24}
