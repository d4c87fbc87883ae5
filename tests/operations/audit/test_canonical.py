"""The canonical form of events is versioned: each event is verified by the format that it was recorded in."""

from typing import Any

import pytest

from keyadmin.models import Event, Organisation
from keyadmin.operations import organisations
from keyadmin.operations.audit import canonical, chain
from tests.factories import OPERATOR


def format_for_tests(event: Any) -> str:
    return f"{event.format} {event.number} {event.type}"


@pytest.fixture
def record_in_format(monkeypatch: pytest.MonkeyPatch, northwind: Organisation) -> Any:
    def record(number: int) -> Event:
        if number not in canonical.FORMATS:
            monkeypatch.setitem(canonical.FORMATS, number, format_for_tests)
        monkeypatch.setattr("keyadmin.operations.audit.transaction.CURRENT_FORMAT", number)
        name = f"Northwind {Event.objects.count()}"
        organisations.edit(actor=OPERATOR, organisation=northwind.id, name=name)
        return Event.objects.latest("number")

    return record


def test_new_event_has_the_current_format(record_in_format: Any) -> None:
    assert record_in_format(canonical.CURRENT_FORMAT).format == canonical.CURRENT_FORMAT == max(canonical.FORMATS)


def test_event_of_format_1_is_verified_after_format_2_was_added(record_in_format: Any) -> None:
    first, second = record_in_format(1), record_in_format(2)
    assert (first.format, second.format) == (1, 2)
    assert chain.verify().number == second.number
    assert chain.verify(after=None).hash == bytes(second.hash)


def test_format_is_part_of_the_hash(record_in_format: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    event = record_in_format(1)
    monkeypatch.setitem(canonical.FORMATS, 2, format_for_tests)
    event.format = 2
    assert canonical.hash_of(event) != bytes(event.hash)


def test_unknown_format_is_reported_as_a_broken_chain(record_in_format: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    event = record_in_format(9)
    monkeypatch.delitem(canonical.FORMATS, 9)
    with pytest.raises(canonical.UnknownFormatError, match="format 9"):
        canonical.hash_of(event)
    with pytest.raises(chain.BrokenChainError, match=r"Event 1: its format 9 is unknown to this version") as broken:
        chain.verify()
    assert broken.value.number == event.number
