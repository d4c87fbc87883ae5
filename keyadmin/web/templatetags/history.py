"""Filters for events of the history: icon, sentence, summary, changes by field, and JSON."""

import json
from datetime import datetime
from typing import Any, Final, NamedTuple

from django import template
from django.utils.translation import gettext, gettext_lazy

from keyadmin.models import Event, EventType
from keyadmin.models.event_types import FIELDS, Effect, EventField
from keyadmin.web.templatetags.ui import absolute_time

register = template.Library()

#: The number of changes in a summary, and of values of each change.
MAX_SUMMARY_PARTS: Final = 2
_INTERFACES: Final = {
    "page": gettext_lazy("Pages"),
    "api": gettext_lazy("API"),
    "command": gettext_lazy("Command line"),
    "background": gettext_lazy("Background work"),
}


class Change(NamedTuple):
    """The change of one field: the removed and the added values, and how many values of a list are unchanged."""

    label: str
    removed: list[str]
    added: list[str]
    kept: int


@register.filter
def event_icon(event: Event) -> str:
    """The lucide icon of the event's type."""
    event_type = EventType.from_value(event.type)
    return event_type.details.icon if event_type else "history"


@register.filter
def event_sentence(event: Event) -> str:
    """What the actor did, between the names of actor and target: "created the key".

    An unknown event type, from a newer version, is shown by its value.
    """
    event_type = EventType.from_value(event.type)
    return event_type.sentence(event.target_kind) if event_type else f"· {event.type}"


@register.filter
def event_changes(event: Event) -> list[Change]:
    """The changed fields. If the event adds (removes) its target, only the added (removed) values are included."""
    effect = _effect(event)
    changes = [_change(field, *values) for field, values in event.changes.items() if _field(field).in_details]
    if effect is Effect.ADDS:
        return [change._replace(removed=[]) for change in changes if change.added]
    if effect is Effect.REMOVES:
        return [change._replace(added=[]) for change in changes if change.removed]
    return changes


@register.filter
def event_note(event: Event) -> str:
    """The first changes that are not clear from the event's type, and the reason in quotes; "" if there are none."""
    return " · ".join(text for text in (_text_of_changes(event), f"“{event.reason}”" if event.reason else "") if text)


@register.filter
def event_summary(event: Event) -> str:
    """What the event did, in words that need no other column; never empty."""
    if note := event_note(event):
        return note
    event_type = EventType.from_value(event.type)
    if event_type is None:
        return event.type
    summary = str(event_type.details.summary)
    if summary and "{" not in summary:
        return summary
    sentence = event_type.sentence(event.target_kind)
    return f"{sentence[0].upper()}{sentence[1:]} {event.target_label}".strip()


@register.filter
def event_json(event: Event) -> str:
    """The event in the form of the API and of exports, indented."""
    return json.dumps(event.serialize(), indent=2, ensure_ascii=False)


@register.filter
def interface_label(interface: str) -> str:
    """The label of the interface through which the actor worked; the value itself if it is unknown."""
    return str(_INTERFACES.get(interface, interface))


@register.filter
def short_hash(digest: bytes | memoryview) -> str:
    """`9c41…e07b`."""
    digits = bytes(digest).hex()
    return f"{digits[:4]}…{digits[-4:]}"


def _text_of_changes(event: Event) -> str:
    """At most MAX_SUMMARY_PARTS changed fields, each with as many values; "" if the type says everything."""
    event_type, parts, rest = EventType.from_value(event.type), [], dict(event.changes)
    if event_type and "{" in (summary := str(event_type.details.summary)):
        field = event_type.details.fields[0]
        if field in rest:
            change = _change(field, *rest.pop(field))
            parts.append(summary.format(added=_shortened(change.added), removed=_shortened(change.removed)))
    if _effect(event) is Effect.REMOVES:
        rest = {}
    for field, (before, after) in rest.items():
        if not _field(field).in_summary or (before is None and (field == "name" or after is False)):
            continue
        change = _change(field, before, after)
        values = [f"− {value}" for value in change.removed] if before is not None else []
        values += [f"+ {value}" if before is not None else value for value in change.added]
        text = _shortened(values)
        parts.append(f"{change.label}: {text}" if text else change.label)
    is_cut = len(parts) > MAX_SUMMARY_PARTS and not parts[MAX_SUMMARY_PARTS - 1].endswith("…")
    return " · ".join(parts[:MAX_SUMMARY_PARTS]) + (" …" if is_cut else "")


def _shortened(values: list[str]) -> str:
    return ", ".join(values[:MAX_SUMMARY_PARTS]) + (" …" if len(values) > MAX_SUMMARY_PARTS else "")


def _effect(event: Event) -> Effect:
    event_type = EventType.from_value(event.type)
    return event_type.details.effect if event_type else Effect.CHANGES


def _field(name: str) -> EventField:
    """The registry's entry for a field. A field of a newer version is labelled by its name."""
    return FIELDS.get(name) or EventField(name.replace("_", " ").capitalize())


def _change(field: str, before: Any, after: Any) -> Change:
    """The change of a field. Lists are compared as sets, so that their unchanged values are left out."""
    label = str(_field(field).label)
    if not (isinstance(before, list) or isinstance(after, list)):
        return Change(label, _display_values(field, before), _display_values(field, after), 0)
    old, new = before or [], after or []
    kept = [value for value in old if value in new]
    removed = [value for value in old if value not in kept]
    added = [value for value in new if value not in kept]
    return Change(
        label,
        _display_values(field, removed) if removed or not old else [],
        _display_values(field, added) if added or not new else [],
        len(kept),
    )


def _display_values(field: str, value: Any) -> list[str]:
    """The values of a field as text. No value gives the registry's text for an empty field, if it has one."""
    if value in (None, "", []):
        return [str(empty)] if (empty := _field(field).empty) else []
    return [_display(field, item) for item in (value if isinstance(value, list) else [value])]


def _display(field: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if field.endswith(("_at", "_until")) or field in ("since", "until"):
        return absolute_time(datetime.fromisoformat(value))
    return str(value)
