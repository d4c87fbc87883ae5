"""Cursors: opaque, survivable, and only a place to begin."""

import base64
import json
from datetime import datetime
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from keyadmin.models import Key
from keyadmin.web.paging import Cursor, Order

NEWEST = Order("created_at", True, datetime.fromisoformat, UUID)
NUMBER = Order("pk", True, int, int)


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_round_trip() -> None:
    key = Key(id=uuid4(), created_at=datetime.fromisoformat("2026-11-22T12:00:00.123456+00:00"))
    cursor = Cursor.read(Cursor.at(key, NEWEST, backwards=True), NEWEST)
    assert cursor == Cursor(True, key.created_at, key.id)


@given(st.text())
def test_garbage_begins_at_the_beginning(text: str) -> None:
    assert Cursor.read(text, NEWEST) is None


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_well_packed_garbage_does_too(value: object) -> None:
    assert Cursor.read(packed(value), NEWEST) is None


def test_values_of_the_wrong_sort() -> None:
    for bad in ([0, "2026", "x"], [2, "2026-01-01", str(uuid4())], [0, "a\0b", str(uuid4())], [0, 5, 5], {"a": 1}):
        assert Cursor.read(packed(bad), NEWEST) is None
    assert Cursor.read("[" * 700, NEWEST) is None
    assert Cursor.read(packed([0, "9" * 400, "9" * 400]), NUMBER) is None
