"""Keys that are no more: who deleted them and when, for those who may read that history."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext

from keyadmin.core.errors import NotFoundError
from keyadmin.models import Event, EventType
from keyadmin.web.common import htmx, querystring
from keyadmin.web.common.current_user import CurrentUser
from keyadmin.web.templatetags.ui import short_date


class DeletedKeyError(NotFoundError):
    """The key was there; the message says who deleted it and when."""


def page(request: HttpRequest, user: CurrentUser, key: UUID) -> HttpResponse:
    """404 that says what became of the key. Raises NotFound for whom the key never was."""
    event = _deletion(user, key)
    if event is None or htmx.is_htmx(request):
        raise missing(user, key, event)
    user.page_organisation = next((known for known in user.organisations if known.id == event.organisation_id), None)
    context = {
        "gone": {
            "name": event.target_label,
            "masked": _was(event, "masked"),
            "at": event.at,
            "by": event.actor_label,
            "reason": event.reason,
            "created_at": _moment(_was(event, "created_at")),
            "last_used_at": _moment(_was(event, "last_used_at")),
        },
        "history_url": querystring.link(reverse("history:list"), {"target": key}),
        "section": "keys",
    }
    return render(request, "keys/gone.html", context, status=404)


def missing(user: CurrentUser, key: UUID, event: Event | None = None) -> NotFoundError:
    """The refusal for a key that is not there, with what the user may know about that."""
    event = event or _deletion(user, key)
    if event is None:
        return NotFoundError()
    words = gettext("This key was deleted on %(date)s by %(by)s.")
    return DeletedKeyError(words % {"date": short_date(event.at), "by": event.actor_label})


def _deletion(user: CurrentUser, key: UUID) -> Event | None:
    events = Event.objects.visible_to(user.actor).of_target(str(key))
    event: Event | None = events.filter(verb=EventType.KEY_DELETED.value).first()
    return event


def _was(event: Event, field: str) -> Any:
    return (event.changes.get(field) or [None])[0]


def _moment(text: Any) -> datetime | None:
    return parse_datetime(text) if isinstance(text, str) else None
