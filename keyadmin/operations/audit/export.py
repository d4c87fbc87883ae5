"""History taken out of keyadmin: what is taken, by whom, is history itself before the first line is told."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from keyadmin.core import csv_cells
from keyadmin.core.actors import Actor
from keyadmin.core.tokens import KEY_SHAPED
from keyadmin.models import Event, EventType, Organisation
from keyadmin.models.event_search import EventFilter, EventQuery
from keyadmin.operations import audit
from keyadmin.operations.audit.transaction import Target, rfc3339

#: Events read by one statement; between two no transaction is open, however slow the reader.
BATCH: Final = 1000
#: Organisations that an export names.
_NAMED: Final = 3
_COLUMNS: Final = (
    "number",
    "at",
    "action",
    "actor",
    "actor_kind",
    "actor_id",
    "door",
    "ip",
    "user_agent",
    "organisation",
    "organisation_id",
    "target_kind",
    "target",
    "target_id",
    "changes",
    "reason",
    "request_id",
    "hash",
)


class ExportFormat(StrEnum):
    CSV = "csv"
    #: One JSON object a line; with all that the hash is made of.
    JSON_LINES = "jsonl"


MEDIA_TYPES: Final = {ExportFormat.CSV: "text/csv; charset=utf-8", ExportFormat.JSON_LINES: "application/jsonl"}
_NAMES: Final = {ExportFormat.CSV: "CSV", ExportFormat.JSON_LINES: "JSON Lines"}


@dataclass(frozen=True, slots=True)
class Export:
    """A file: its name, its type, and its text piece by piece, newest event first. The pieces come once."""

    name: str
    media_type: str
    pieces: Iterator[str] = field(repr=False)


def history(*, actor: Actor, wanted: EventFilter, format: ExportFormat) -> Export:  # noqa: A002
    """What the actor may read of history and wants: all that happened before this export, which is recorded first."""
    found = EventQuery.of(actor, wanted)
    organisation, label = _concerned(actor, wanted)
    asked = {"format": _NAMES[format], **_asked(wanted)}
    with audit.audited_transaction(actor):
        event = audit.record(
            EventType.HISTORY_EXPORTED,
            actor=actor,
            target=Target("history", "", label),
            organisation=organisation,
            changes={name: (None, value) for name, value in asked.items()},
        )
    pieces = _csv(found, event.number) if format is ExportFormat.CSV else _json_lines(found, event.number)
    return Export(f"history-{event.at:%Y-%m-%d}-{event.number}.{format}", MEDIA_TYPES[format], pieces)


def _csv(found: EventQuery, newest: int) -> Iterator[str]:
    yield csv_cells.line(_COLUMNS)
    for batch in _batches(found, newest):
        yield "".join(csv_cells.line(_cells(event)) for event in batch)


def _json_lines(found: EventQuery, newest: int) -> Iterator[str]:
    for batch in _batches(found, newest):
        yield "".join(f"{json.dumps(event.serialize(), ensure_ascii=False)}\n" for event in batch)


def _batches(found: EventQuery, number: int) -> Iterator[list[Event]]:
    while batch := list(found.page_after(number, limit=BATCH)):
        yield batch
        number = batch[-1].number


def _cells(event: Event) -> tuple[Any, ...]:
    changes = json.dumps(event.changes, ensure_ascii=False) if event.changes else ""
    return (
        event.number,
        event.at,
        event.verb,
        event.actor_label,
        event.actor_kind,
        event.actor_id,
        event.door,
        event.ip,
        event.user_agent,
        event.organisation_label,
        event.organisation_id,
        event.target_kind,
        event.target_label,
        event.target_id,
        changes,
        event.reason,
        event.request_id,
        bytes(event.hash).hex(),
    )


def _asked(wanted: EventFilter) -> dict[str, str | None]:
    """The filters as history keeps them. Somebody may have searched for a whole key: that is never kept."""
    texts = {"text": wanted.text, "actor": wanted.actor, "target": wanted.target}
    kept: dict[str, str | None] = {
        name: re.sub(KEY_SHAPED, "•••", text, flags=re.IGNORECASE | re.VERBOSE) for name, text in texts.items()
    }
    kept |= {"type": wanted.action, "since": rfc3339(wanted.since), "until": rfc3339(wanted.until)}
    return {name: value for name, value in kept.items() if value}


def _concerned(actor: Actor, wanted: EventFilter) -> tuple[Organisation | None, str]:
    """Whose history it is, so that they read of it: of several organisations nobody's in particular, by their names."""
    readable = Organisation.objects.visible_to(actor).order_by("name", "id")
    if wanted.organisation:
        readable = readable.filter(id=wanted.organisation)
    some = list(readable[: _NAMED + 1])
    names = ", ".join(one.name for one in some[:_NAMED]) + (" …" if len(some) > _NAMED else "")
    return some[0] if len(some) == 1 else None, names or actor.label
