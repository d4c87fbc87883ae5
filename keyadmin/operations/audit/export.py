"""The export of history as CSV or JSON Lines. Each export is an event, recorded before the first line is written."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from keyadmin.core import csv_cells
from keyadmin.core.actors import Actor
from keyadmin.core.key_shapes import replace_keys
from keyadmin.core.time import rfc3339
from keyadmin.models import Event, EventType, Organisation
from keyadmin.models.event_search import EventFilter, EventQuery
from keyadmin.operations import audit
from keyadmin.operations.audit.transaction import Target

#: Events in one statement. No transaction is open between two statements, even if the client reads slowly.
BATCH_SIZE: Final = 1000
#: Organisations whose names are in the label of an export.
_MAX_NAMES: Final = 3
_COLUMNS: Final = (
    "number",
    "at",
    "type",
    "actor",
    "actor_kind",
    "actor_id",
    "interface",
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
    """The format of an export. The value is the extension of the file."""

    CSV = "csv"
    #: One JSON object in each line, with all fields that the hash covers.
    JSON_LINES = "jsonl"


MEDIA_TYPES: Final = {ExportFormat.CSV: csv_cells.MEDIA_TYPE, ExportFormat.JSON_LINES: "application/jsonl"}
_FORMAT_NAMES: Final = {ExportFormat.CSV: "CSV", ExportFormat.JSON_LINES: "JSON Lines"}


@dataclass(frozen=True, slots=True)
class Export:
    """A file: its name, media type and text. `pieces` can be read once; the newest event comes first."""

    name: str
    media_type: str
    pieces: Iterator[str] = field(repr=False)


def history(*, actor: Actor, conditions: EventFilter, export_format: ExportFormat) -> Export:
    """Export the events that the actor may read and that meet the conditions.

    Records an event, before the first line is written. The file has only events before that one.
    """
    query = EventQuery.of(actor, conditions)
    organisation, label = _subject(actor, conditions)
    parameters = {"format": _FORMAT_NAMES[export_format], **_recorded_conditions(conditions)}
    with audit.audited_transaction(actor):
        event = audit.record(
            EventType.HISTORY_EXPORTED,
            actor=actor,
            target=Target("history", "", label),
            organisation=organisation,
            changes={name: (None, value) for name, value in parameters.items()},
        )
    write = _csv if export_format is ExportFormat.CSV else _json_lines
    name = f"history-{event.at:%Y-%m-%d}-{event.number}.{export_format}"
    return Export(name, MEDIA_TYPES[export_format], write(query, event.number))


def _csv(query: EventQuery, before: int) -> Iterator[str]:
    return csv_cells.document(_COLUMNS, (_cells(event) for batch in _batches(query, before) for event in batch))


def _json_lines(query: EventQuery, before: int) -> Iterator[str]:
    for batch in _batches(query, before):
        yield "".join(f"{json.dumps(event.serialize(), ensure_ascii=False)}\n" for event in batch)


def _batches(query: EventQuery, before: int) -> Iterator[list[Event]]:
    while batch := list(query.page_after(before, limit=BATCH_SIZE)):
        yield batch
        before = batch[-1].number


def _cells(event: Event) -> tuple[Any, ...]:
    """The values of _COLUMNS."""
    changes = json.dumps(event.changes, ensure_ascii=False) if event.changes else ""
    return (
        event.number,
        event.at,
        event.type,
        event.actor_label,
        event.actor_kind,
        event.actor_id,
        event.interface,
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


def _recorded_conditions(conditions: EventFilter) -> dict[str, str | None]:
    """The conditions as the event of the export records them. Keys are masked, because a search may contain one."""
    texts = {"text": conditions.text, "actor": conditions.actor, "target": conditions.target}
    recorded: dict[str, str | None] = {name: replace_keys(text, "•••") for name, text in texts.items()}
    recorded |= {
        "type": conditions.type,
        "since": rfc3339(conditions.since),
        "until": rfc3339(conditions.until),
    }
    return {name: value for name, value in recorded.items() if value}


def _subject(actor: Actor, conditions: EventFilter) -> tuple[Organisation | None, str]:
    """The organisation of the export's event, if all exported events are of one, and the label of its target.

    An event without an organisation is visible only to its actor and to people with a system role.
    """
    organisations = Organisation.objects.visible_to(actor).order_by("name", "id")
    if conditions.organisation:
        organisations = organisations.filter(id=conditions.organisation)
    first = list(organisations[: _MAX_NAMES + 1])
    names = ", ".join(organisation.name for organisation in first[:_MAX_NAMES])
    label = f"{names} …" if len(first) > _MAX_NAMES else names
    return first[0] if len(first) == 1 else None, label or actor.label
