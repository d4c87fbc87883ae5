"""Exports of history: their content, and the event that precedes each."""

import csv
import io
import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError

from keyadmin.models import Event, EventType, Organisation, Person
from keyadmin.models.event_search import EventFilter
from keyadmin.operations import keys
from keyadmin.operations.audit import export as exports
from keyadmin.operations.audit.export import ExportFormat
from tests.factories import OPERATOR, KeyFactory, as_actor
from tests.operations.helpers import latest_event
from tests.owner import events_rejected


@pytest.fixture
def story(jonas: Person, lena: Person, northwind: Organisation, contoso: Organisation) -> list[Event]:
    ours, theirs = KeyFactory.create(organisation=northwind, name="=cmd()"), KeyFactory.create(organisation=contoso)
    keys.revoke(actor=as_actor(jonas, ip="::1", user_agent="Größe"), key=ours.id, reason="\t-1+1")
    keys.reactivate(actor=as_actor(jonas), key=ours.id)
    keys.revoke(actor=as_actor(lena), key=theirs.id)
    return list(Event.objects.order_by("-number"))


def export(actor: Any, export_format: ExportFormat, **conditions: Any) -> str:
    return "".join(
        exports.history(actor=actor, conditions=EventFilter(**conditions), export_format=export_format).pieces
    )


def test_json_lines_contain_everything_that_is_hashed(story: list[Event]) -> None:
    lines = [json.loads(line) for line in export(OPERATOR, ExportFormat.JSON_LINES).splitlines()]
    assert [line["number"] for line in lines] == [event.number for event in story]
    for line in lines:
        actor, target = line["actor"], line["target"]
        fields = {
            "format": line["format"],
            "number": line["number"],
            "at": line["at"],
            "type": line["type"],
            "actor_kind": actor["kind"],
            "actor_id": actor["id"],
            "actor_label": actor["label"],
            "interface": actor["interface"],
            "ip": actor["ip"],
            "user_agent": actor["user_agent"],
            "request_id": line["request_id"],
            "organisation_id": line["organisation"],
            "organisation_label": line["organisation_label"],
            "target_kind": target["kind"],
            "target_id": target["id"],
            "target_label": target["label"],
            "changes": line["changes"],
            "reason": line["reason"],
        }
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert sha256(bytes.fromhex(line["previous_hash"]) + text.encode()).hexdigest() == line["hash"]


def test_csv_cells_are_never_formulas(story: list[Event]) -> None:
    head, *rows = csv.reader(io.StringIO(export(OPERATOR, ExportFormat.CSV).removeprefix("\ufeff")))
    by_number = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    assert list(by_number) == [str(event.number) for event in story]
    revoked = by_number[str(story[-1].number)]
    assert (revoked["target"], revoked["reason"]) == ("'=cmd()", "'-1+1")
    assert (revoked["ip"], revoked["user_agent"], revoked["actor"]) == ("::1", "Größe", "Jonas Lind")
    assert json.loads(revoked["changes"]) == story[-1].changes
    assert revoked["hash"] == bytes(story[-1].hash).hex()


def test_auditor_exports_only_visible_events(asha: Person, story: list[Event]) -> None:
    lines = export(as_actor(asha), ExportFormat.JSON_LINES).splitlines()
    assert [json.loads(line)["actor"]["label"] for line in lines] == ["Jonas Lind", "Jonas Lind"]
    event = latest_event()
    assert (event.type, event.actor_label, event.organisation_label) == (
        EventType.HISTORY_EXPORTED,
        "Asha Nair",
        "Northwind",
    )
    assert export(as_actor(asha), ExportFormat.CSV, text="lena").count("\n") == 1


def test_export_is_recorded_with_its_conditions_before_it_is_read(story: list[Event], contoso: Any) -> None:
    secret = "kad_a1b2c3d4e5f6a7b8_" + "A" * 49
    since = datetime(2020, 1, 1, tzinfo=UTC)
    made = exports.history(
        actor=OPERATOR,
        export_format=ExportFormat.CSV,
        conditions=EventFilter(text=f"retired {secret}", type="key.revoked", organisation=contoso.id, since=since),
    )
    event = latest_event()
    assert event.changes == {
        "format": [None, "CSV"],
        "text": [None, "retired •••"],
        "type": [None, "key.revoked"],
        "since": [None, "2020-01-01T00:00:00Z"],
    }
    assert (event.target_kind, event.target_label, event.organisation_id) == ("history", "Contoso", contoso.id)
    assert str(event.number) in made.name
    assert made.name.endswith(".csv")
    keys.reactivate(actor=OPERATOR, key=UUID(story[0].target_id))
    assert (
        "".join(exports.history(actor=OPERATOR, conditions=EventFilter(), export_format=ExportFormat.CSV).pieces).count(
            "\n"
        )
        == 1 + 5
    )


def test_export_of_several_organisations_names_them(story: list[Event], northwind: Organisation) -> None:
    export(OPERATOR, ExportFormat.JSON_LINES)
    assert (latest_event().target_label, latest_event().organisation_id) == ("Contoso, Northwind", None)


@pytest.mark.parametrize(("text", "expected"), [("", [3, 2, 1]), ("lena", [3]), ("cmd", [2, 1])])
def test_export_contains_all_batches(
    story: list[Event], monkeypatch: pytest.MonkeyPatch, text: str, expected: list[int]
) -> None:
    monkeypatch.setattr(exports, "BATCH_SIZE", 2)
    first = story[-1].number - 1
    lines = export(OPERATOR, ExportFormat.JSON_LINES, text=text).splitlines()
    assert [json.loads(line)["number"] - first for line in lines] == expected


def test_export_that_cannot_be_recorded_fails(story: list[Event]) -> None:
    with events_rejected(), pytest.raises(DatabaseError, match="permission denied for table event"):
        exports.history(actor=OPERATOR, conditions=EventFilter(), export_format=ExportFormat.CSV)
