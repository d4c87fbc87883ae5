"""What an event of the history says: its icon, one line, its changes field by field, its JSON."""

import json
from datetime import datetime
from typing import Any, NamedTuple

from django import template
from django.utils.translation import gettext, gettext_lazy

from keyadmin.models import Event, EventType
from keyadmin.models.event_types import FIELDS, Effect, EventField
from keyadmin.web.history import event_text
from keyadmin.web.templatetags.ui import absolute_time

register = template.Library()

_DOORS = {
    "page": gettext_lazy("Pages"),
    "api": gettext_lazy("API"),
    "command": gettext_lazy("Command line"),
    "background": gettext_lazy("Background work"),
}


class Change(NamedTuple):
    """A field's change, as what went and what came; `kept` counts what stayed in a list."""

    label: str
    removed: list[str]
    added: list[str]
    kept: int


@register.filter
def event_icon(event: Event) -> str:
    """The lucide icon of the event's type."""
    event_type = EventType.from_value(event.verb)
    return event_type.details.icon if event_type else "history"


@register.filter
def event_act(event: Event) -> str:
    """What the actor did: "created the key"."""
    return event_text.act(event)


@register.filter
def event_changes(event: Event) -> list[Change]:
    """Every field that changed. Lists are compared as sets. If the target was added or removed, only its values."""
    effect = _effect(event)
    changes = [_change(field, *values) for field, values in event.changes.items() if _field(field).in_details]
    if effect is Effect.ADDS:
        return [change._replace(removed=[]) for change in changes if change.added]
    if effect is Effect.REMOVES:
        return [change._replace(added=[]) for change in changes if change.removed]
    return changes


@register.filter
def event_summary(event: Event) -> str:
    """One line for the table: the reason in quotes, or the first two changes that the type leaves open."""
    if event.reason:
        return f"“{event.reason}”"
    if _effect(event) is Effect.REMOVES:
        return ""
    parts = []
    for field, (before, after) in event.changes.items():
        if not _field(field).in_summary or (before is None and (field == "name" or after is False)):
            continue
        change = _change(field, before, after)
        values = [f"− {value}" for value in change.removed] if before is not None else []
        values += [f"+ {value}" if before is not None else value for value in change.added]
        shown = ", ".join(values[:2]) + (" …" if len(values) > 2 else "")
        parts.append(f"{change.label}: {shown}" if shown else change.label)
    more = len(parts) > 2 and not parts[1].endswith("…")
    return " · ".join(parts[:2]) + (" …" if more else "")


@register.filter
def event_json(event: Event) -> str:
    """The event as the API and exports tell it."""
    return json.dumps(event.serialize(), indent=2, ensure_ascii=False)


@register.filter
def door_label(door: str) -> str:
    """The door an event came through, in words."""
    return str(_DOORS.get(door, door))


@register.filter
def short_hash(digest: bytes | memoryview) -> str:
    """`9c41…e07b`."""
    digits = bytes(digest).hex()
    return f"{digits[:4]}…{digits[-4:]}"


def _effect(event: Event) -> Effect:
    event_type = EventType.from_value(event.verb)
    return event_type.details.effect if event_type else Effect.CHANGES


def _field(name: str) -> EventField:
    """The field of the registry; a newer version's unknown field is labelled by its name."""
    return FIELDS.get(name) or EventField(name.replace("_", " ").capitalize())


def _change(field: str, before: Any, after: Any) -> Change:
    label = str(_field(field).label)
    if not (isinstance(before, list) or isinstance(after, list)):
        return Change(label, _words(field, before), _words(field, after), 0)
    old, new = before or [], after or []
    kept = [value for value in old if value in new]
    removed = [value for value in old if value not in kept]
    added = [value for value in new if value not in kept]
    return Change(
        label,
        _words(field, removed) if removed or not old else [],
        _words(field, added) if added or not new else [],
        len(kept),
    )


def _words(field: str, value: Any) -> list[str]:
    """The value line by line; an empty one is a line only where emptiness means something."""
    if value in (None, "", []):
        return [str(empty)] if (empty := _field(field).empty) else []
    return [_word(field, one) for one in (value if isinstance(value, list) else [value])]


def _word(field: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if field.endswith(("_at", "_until")) or field in ("since", "until"):
        return absolute_time(datetime.fromisoformat(value))
    return str(value)
