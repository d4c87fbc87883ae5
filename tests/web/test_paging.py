"""Cursors of pages: they are read back unchanged, and invalid ones are errors."""

import base64
import json
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyadmin.core.errors import InvalidFilterError
from keyadmin.models import Event, Key, Organisation, Person
from keyadmin.models.paging import Cursor, Order, page
from tests.factories import KeyFactory
from tests.fixtures.clients import SignedIn

NEWEST = Order("created_at", True, datetime.fromisoformat, UUID)
NUMBER = Order("pk", True, int, int)


def packed(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_cursor_is_read_back_unchanged() -> None:
    key = Key(id=uuid4(), created_at=datetime.fromisoformat("2026-11-22T12:00:00.123456+00:00"))
    cursor = Cursor.decode(Cursor.encode(key, NEWEST, backwards=True), NEWEST)
    assert cursor == Cursor(True, key.created_at, key.id)


def is_refused(text: str, order: Order) -> bool:
    try:
        return Cursor.decode(text, order) is None and text != ""
    except InvalidFilterError as error:
        return list(error.errors) == ["cursor"]


@given(st.text(min_size=1))
def test_text_that_is_no_cursor_is_an_error(text: str) -> None:
    assert is_refused(text, NEWEST)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_encoded_value_that_is_no_cursor_is_an_error(value: object) -> None:
    assert is_refused(packed(value), NEWEST)


def test_cursor_with_values_of_the_wrong_type_is_an_error() -> None:
    for bad in ([0, "2026", "x"], [2, "2026-01-01", str(uuid4())], [0, "a\0b", str(uuid4())], [0, 5, 5], {"a": 1}):
        assert is_refused(packed(bad), NEWEST)
    assert is_refused("[" * 700, NEWEST)
    assert is_refused(packed([0, "9" * 800, "9" * 800]), NUMBER)


NAME = Order("name", False, str, UUID)
#: What Python reads and PostgreSQL does not: an offset that is too wide, no time zone, half a character.
UNASKABLE = ["2026-01-01T00:00:00+23:59", "0001-01-01T00:00:00+01:00", "2026-01-01T00:00:00", "\ud800"]
OFFSETS = st.builds("{}{:02}:{:02}".format, st.sampled_from("+-"), st.integers(0, 23), st.integers(0, 59))
TIMES = st.builds(lambda at, offset: at.isoformat() + offset, st.datetimes(), OFFSETS | st.just(""))
ANY_TEXT = st.text(st.characters(exclude_categories=()))
PLACES = st.tuples(st.booleans().map(int), TIMES | ANY_TEXT, st.uuids().map(str) | st.integers().map(str) | ANY_TEXT)


@pytest.mark.parametrize("value", UNASKABLE)
@pytest.mark.parametrize("sort", ["newest", "name"])
def test_cursor_value_invalid_for_postgres_is_an_error(
    maya: Person, signed_in: SignedIn, value: str, sort: str
) -> None:
    answer = signed_in(maya).get("/keys/", {"sort": sort, "cursor": packed([0, value, str(uuid4())])})
    assert answer.status_code == 422
    assert f'href="/keys/?sort={sort}"' in answer.content.decode()


def test_page_whose_rows_were_deleted_says_so(northwind: Organisation, maya: Person, signed_in: SignedIn) -> None:
    for number in range(45):
        KeyFactory.create(organisation=northwind, name=f"Key {number:02}")
    client: Any = signed_in(maya)
    url = client.get("/keys/?sort=name").context["page"].next_url
    Key.objects.filter(name__gte="Key 10").delete()
    answer = client.get(url)
    assert (answer.status_code, "The entries of this page were removed." in answer.content.decode()) == (422, True)
    assert 'href="/keys/?sort=name"' in answer.content.decode()


UNKNOWN: Final = [
    *("/keys/?status=live", "/keys/?scope=nope", "/keys/?kind=robot", "/keys/?bot=x", "/keys/?sort=size"),
    *("/keys/?open=yes", "/keys/?used=30", "/keys/?cursor=x", "/history/?type=key.stolen", "/history/?since=yesterday"),
    *("/history/?until=2026-02-30", "/history/?cursor=x", "/people/?role=chief", "/people/?status=away"),
    *("/review/?finding=nope", "/usage/?days=31", "/usage/?bot=x", "/usage/?key=x"),
    *("/bots/?cursor=x", "/channels/?cursor=x", "/organisations/?cursor=x", "/review/?cursor=x"),
]


@pytest.mark.parametrize("url", UNKNOWN)
def test_unknown_filter_value_is_an_error_that_leads_to_the_list_without_it(
    maya: Person, signed_in: SignedIn, htmx: SignedIn, url: str
) -> None:
    answer = signed_in(maya).get(url)
    assert answer.status_code == 422
    page, path = answer.content.decode(), url.partition("?")[0]
    assert "This list can’t be shown" in page
    assert f'href="{path}"' in page
    assert signed_in(maya).get(path).status_code == 200
    part = htmx(maya).get(url)
    assert (part.status_code, part["HX-Reswap"], "toast" in part["HX-Trigger"]) == (422, "none", True)


@given(PLACES.map(packed) | st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
def test_any_cursor_text_gives_a_page_or_is_refused(db: None, cursor: str) -> None:
    for rows, order in ((Key.objects.all(), NEWEST), (Key.objects.all(), NAME), (Event.objects.all(), NUMBER)):
        with suppress(InvalidFilterError):
            page(rows, order, cursor, 20)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=120))
def test_cursor_of_the_longest_name_is_read_back(name: str) -> None:
    key = Key(id=uuid4(), name=name)
    assert Cursor.decode(Cursor.encode(key, NAME, backwards=False), NAME) == Cursor(False, name, key.id)


@pytest.mark.parametrize("letter", ["\U0001f511", "\u00fc", "\\", '"', "\x01"])
def test_pages_reach_every_key_with_a_longest_name(
    northwind: Organisation, maya: Person, signed_in: SignedIn, letter: str
) -> None:
    """A cursor that could not be read back led to the first page again, for ever."""
    names = {f"{number:02}{letter * 118}" for number in range(45)}
    for name in names:
        KeyFactory.create(organisation=northwind, name=name)
    client: Any = signed_in(maya)
    url, seen = "/keys/?sort=name", set()
    for _ in range(3):
        context = client.get(url).context
        seen |= {key.name for key in context["keys"]}
        url = context["page"].next_url
        assert len(urlsplit(url).query) < 4000
    assert (seen, url) == (names, "")
