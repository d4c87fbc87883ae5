"""Deleted keys: people who may read the history of a key see when it was deleted, and by whom."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext

from keyadmin.core.errors import NotFoundError
from keyadmin.models import Event, EventType
from keyadmin.web.common import htmx
from keyadmin.web.common.current_user import CurrentUser
from keyadmin.web.common.errors import DeletedKeyError
from keyadmin.web.templatetags.ui import short_date


@dataclass(frozen=True, slots=True)
class DeletedKey:
    """A deleted key, as the event of its deletion describes it. `masked` is "" for a key without a key ID."""

    name: str
    masked: str
    deleted_at: datetime
    deleted_by: str
    reason: str
    created_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def from_event(cls, event: Event) -> "DeletedKey":
        def value(field: str) -> Any:
            return (event.changes.get(field) or [None])[0]

        def moment(field: str) -> datetime | None:
            text = value(field)
            return parse_datetime(text) if isinstance(text, str) else None

        return cls(
            name=event.target_label,
            masked=value("masked") or "",
            deleted_at=event.at,
            deleted_by=event.actor_label,
            reason=event.reason,
            created_at=moment("created_at"),
            last_used_at=moment("last_used_at"),
        )


def deleted_key_page(request: HttpRequest, user: CurrentUser, key: UUID) -> HttpResponse:
    """The page of a deleted key, status 404. Raises `not_found_error` for any other id, and for htmx."""
    event = _deletion_event(user, key)
    if event is None or htmx.is_htmx(request):
        raise not_found_error(user, key, event)
    context = {
        "deleted": DeletedKey.from_event(event),
        "history_url": user.list_url("history:list", target=str(key)),
        "section": "keys",
    }
    return render(request, "keys/deleted.html", context, status=404)


def not_found_error(user: CurrentUser, key: UUID, event: Event | None = None) -> NotFoundError:
    """The error for a key that does not exist: DeletedKeyError if the user may read its history."""
    event = event or _deletion_event(user, key)
    if event is None:
        return NotFoundError()
    message = gettext("This key was deleted on %(date)s by %(name)s.")
    return DeletedKeyError(message % {"date": short_date(event.at), "name": event.actor_label})


def _deletion_event(user: CurrentUser, key: UUID) -> Event | None:
    events = Event.objects.visible_to(user.actor).of_target(str(key))
    event: Event | None = events.filter(type=EventType.KEY_DELETED.value).first()
    return event
