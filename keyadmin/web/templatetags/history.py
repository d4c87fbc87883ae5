"""What an event of the history says: its icon, one line, its changes field by field, its JSON."""

import json
from datetime import datetime
from typing import Any, NamedTuple

from django import template
from django.utils.translation import gettext, gettext_lazy

from keyadmin.models import Event
from keyadmin.models.event import EventType
from keyadmin.web.history import event_text
from keyadmin.web.templatetags.ui import absolute_time

register = template.Library()

_ICONS = {
    EventType.KEY_ISSUED: "key-round",
    EventType.KEY_REGENERATED: "rotate-cw",
    EventType.GRACE_ENDED: "timer-off",
    EventType.KEY_REVOKED: "ban",
    EventType.SYSTEM_ROLE_CHANGED: "user-cog",
    EventType.PERSON_INVITED: "mail-plus",
    EventType.LINK_MADE: "link",
    EventType.PASSWORD_CHOSEN: "lock-keyhole",
    EventType.PASSWORD_CHANGED: "lock-keyhole",
    EventType.PASSWORD_RESET_REQUESTED: "lock-keyhole",
    EventType.PASSWORD_RESET: "lock-keyhole",
    EventType.SIGNED_IN: "log-in",
    EventType.SIGN_IN_FAILED: "shield-alert",
    EventType.SIGNED_OUT: "log-out",
    EventType.HISTORY_EXPORTED: "file-down",
    EventType.REVIEW_EXPORTED: "file-down",
    EventType.NOTICE_SENT: "mail",
    EventType.USAGE_PRUNED: "trash-2",
}
#: By the last word of the verb, where the verb itself has no icon.
_ICONS_BY_END = {
    "created": "plus",
    "added": "plus",
    "edited": "sliders-horizontal",
    "changed": "sliders-horizontal",
    "role_changed": "user-cog",
    "role_removed": "user-minus",
    "renamed": "pencil",
    "disabled": "power-off",
    "deactivated": "power-off",
    "enabled": "power",
    "reactivated": "power",
    "deleted": "trash-2",
    "removed": "trash-2",
}
_FIELDS = {
    "name": gettext_lazy("Name"),
    "description": gettext_lazy("Description"),
    "scopes": gettext_lazy("Permissions"),
    "channels": gettext_lazy("Channels"),
    "networks": gettext_lazy("Allowed IP addresses"),
    "network": gettext_lazy("Allowed IP addresses"),
    "expires_at": gettext_lazy("Expires"),
    "tier": gettext_lazy("Rate tier"),
    "inherits": gettext_lazy("Full access"),
    "is_active": gettext_lazy("Enabled"),
    "email": gettext_lazy("E-mail address"),
    "revoked_at": gettext_lazy("Revoked"),
    "old_secret_until": gettext_lazy("Old secret until"),
    "links_made": gettext_lazy("Links made"),
    "password_link": gettext_lazy("Password link"),
    "is_conversational": gettext_lazy("Conversational"),
    "bot": gettext_lazy("Bot"),
    "kind": gettext_lazy("Kind"),
    "key_id": gettext_lazy("Key ID"),
    "format": gettext_lazy("Format"),
    "text": gettext_lazy("Text"),
    "actor": gettext_lazy("Actor"),
    "action": gettext_lazy("Action"),
    "target": gettext_lazy("Target"),
    "since": gettext_lazy("From"),
    "until": gettext_lazy("Until"),
    "expiring": gettext_lazy("Expiring"),
}
#: Fields that the action or the target says already, or that say nothing to people.
_SAID_ALREADY = {"is_active", "revoked_at", "key_id", "masked", "recognition", "kind", "created_at", "last_used_at"}
#: Fields that say nothing to people; the JSON has them.
_FOR_PROGRAMS = {"masked", "recognition"}
_COMING = {"created", "issued", "added", "exported"}
_GOING = {"deleted", "removed"}
#: What an empty value means, where it means something.
_EMPTY = {
    "expires_at": gettext_lazy("Never"),
    "networks": gettext_lazy("Any address"),
    "channels": gettext_lazy("All channels"),
}
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
    """The lucide icon of the event's verb."""
    known = _ICONS.get(EventType(event.verb)) if event.verb in EventType.values else None
    return known or _ICONS_BY_END.get(event.verb.rpartition(".")[2], "history")


@register.filter
def event_act(event: Event) -> str:
    """What the actor did: "created the key"."""
    return event_text.act(event)


@register.filter
def event_changes(event: Event) -> list[Change]:
    """Every field that changed; lists are compared as sets. What came or went has no other side."""
    end = event.verb.rpartition(".")[2]
    changes = [
        _change(field, before, after) for field, (before, after) in event.changes.items() if field not in _FOR_PROGRAMS
    ]
    if end in _COMING:
        return [change._replace(removed=[]) for change in changes if change.added]
    if end in _GOING:
        return [change._replace(added=[]) for change in changes if change.removed]
    return changes


@register.filter
def event_summary(event: Event) -> str:
    """One line for the table: the reason in quotes, or the first changes that the action's name leaves open."""
    if event.reason:
        return f"“{event.reason}”"
    if event.verb.rpartition(".")[2] in _GOING:
        return ""
    telling = {
        field: (before, after)
        for field, (before, after) in event.changes.items()
        if field not in _SAID_ALREADY and not (before is None and (field == "name" or after is False))
    }
    parts = []
    for field, (before, after) in telling.items():
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


def _change(field: str, before: Any, after: Any) -> Change:
    label = str(_FIELDS.get(field, field.replace("_", " ").capitalize()))
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
        return [str(_EMPTY[field])] if field in _EMPTY else []
    return [_word(field, one) for one in (value if isinstance(value, list) else [value])]


def _word(field: str, value: Any) -> str:
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if field.endswith(("_at", "_until")) or field in ("since", "until"):
        return absolute_time(datetime.fromisoformat(value))
    return str(value)
