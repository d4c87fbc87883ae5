"""Keyset paging: a page is found by the row it follows, so that it costs the same however deep it is."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Q, QuerySet
from django.utils.timezone import is_naive

from keyadmin.models.arrays import IsOneOf
from keyadmin.models.counts import LIMIT

#: More than any cursor that `at` makes: the longest names have 120 characters, of up to 6 bytes each in JSON.
_LONGEST: Final = 1500


@dataclass(frozen=True, slots=True)
class Order:
    """A column and the primary key, or another unique `tie`, that breaks its ties; `parse` reads the column's text
    back, or raises.

    Rows without a value come last in either direction; say where there can be any. `day`, of a column of moments, is
    one that has their days (UTC) and an index.
    """

    column: str
    descending: bool
    parse: Callable[[str], Any]
    parse_pk: Callable[[str], Any]
    nullable: bool = False
    tie: str = "pk"
    day: str = ""

    def columns(self, *, backwards: bool) -> list[Any]:
        down = self.descending is not backwards
        sign = "-" if down else ""
        if not self.nullable:
            return [f"{sign}{name}" for name in dict.fromkeys((self.column, self.tie))]
        end: dict[str, Any] = {"nulls_first": True} if backwards else {"nulls_last": True}
        columns = [F(name) for name in (self.day, self.column) if name]
        return [*(column.desc(**end) if down else column.asc(**end) for column in columns), f"{sign}{self.tie}"]

    def beyond(self, value: Any, pk: Any, *, backwards: bool) -> Q:
        """The rows after a row; its first half lets the database walk an index."""
        than = "lt" if self.descending is not backwards else "gt"
        if self.column == self.tie:
            return Q(**{f"{self.tie}__{than}": pk})
        without = Q(**{f"{self.column}__isnull": True})
        if value is None:
            tied = without & Q(**{f"{self.tie}__{than}": pk})
            return tied | ~without if backwards else tied
        later = Q(**{f"{self.column}__{than}": value})
        tied = Q(**{self.column: value, f"{self.tie}__{than}": pk})
        found = Q(**{f"{self.column}__{than}e": value}) & (later | tied)
        if self.day:
            found &= Q(**{f"{self.day}__{than}e": value.astimezone(UTC).date()})
        return found | without if self.nullable and not backwards else found


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins. It only says where: what the reader may see is decided anew."""

    backwards: bool
    value: Any
    pk: Any

    @classmethod
    def at(cls, row: Any, order: Order, *, backwards: bool) -> str:
        value = getattr(row, order.column)
        text = value.isoformat() if hasattr(value, "isoformat") else value if value is None else str(value)
        place = [order.column, int(backwards), text, str(getattr(row, order.tie))]
        packed = json.dumps(place, separators=(",", ":"), ensure_ascii=False)
        return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, order: Order) -> Self | None:
        """None for anything that `at` did not make for the order: the reader then starts at the first page."""
        if not text or len(text) > _LONGEST:
            return None
        try:
            column, backwards, value, pk = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if column != order.column or backwards not in (0, 1) or not isinstance(pk, str):
                return None
            if value is None and order.nullable:
                return cls(bool(backwards), None, order.parse_pk(pk))
            if not isinstance(value, str) or "\0" in value:
                return None
            return cls(bool(backwards), _askable(order.parse(value)), order.parse_pk(pk))
        except (ValueError, TypeError, OverflowError, RecursionError):
            return None


def _askable(value: Any) -> Any:
    """The value as the database can be asked about it, or ValueError: Python knows offsets of up to 24 hours, times
    without any, and text that is no Unicode.
    """
    if isinstance(value, str):
        value.encode()
    if isinstance(value, datetime):
        if is_naive(value):
            raise ValueError("a time without a time zone")
        return value.astimezone(UTC)
    return value


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order, and the cursors of the pages around them ("" where there is none)."""

    rows: list[Any]
    before: str
    after: str
    is_first: bool


def page(rows: QuerySet[Any], order: Order, cursor: str, size: int) -> Page:
    """One page, in one statement: the one row more tells whether there is another."""

    def fetch(start: Cursor | None, most: int) -> list[Any]:
        backwards = start is not None and start.backwards
        beyond = rows.filter(order.beyond(start.value, start.pk, backwards=backwards)) if start else rows
        return list(beyond.order_by(*order.columns(backwards=backwards))[:most])

    return page_by(fetch, order, cursor, size)


def found_first(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows, where they are known to be few: found before they are put in order. PostgreSQL, which expects
    more of them, would look for them along an index of the order, in the whole table.
    """
    return rows.filter(IsOneOf(F("pk"), ArraySubquery(rows.order_by().values("pk"))))


def found_first_if_few(rows: QuerySet[Any]) -> QuerySet[Any]:
    """As `found_first`, if they are few: a statement finds out."""
    return found_first(rows) if rows.order_by().values("pk")[: LIMIT + 1].count() <= LIMIT else rows


def page_by(fetch: Callable[[Cursor | None, int], list[Any]], order: Order, cursor: str, size: int) -> Page:
    """As `page`, of rows that `fetch` finds: from a place on, the nearest first, at most so many."""
    start = Cursor.read(cursor, order)
    backwards = start is not None and start.backwards
    found = fetch(start, size + 1)
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    if not found:  # what the cursor pointed at has shrunk away
        return page_by(fetch, order, "", size) if start else Page([], "", "", is_first=True)
    has_before = more if backwards else start is not None
    has_after = backwards or more
    return Page(
        found,
        Cursor.at(found[0], order, backwards=True) if has_before else "",
        Cursor.at(found[-1], order, backwards=False) if has_after else "",
        is_first=not has_before,
    )


def page_of(rows: Sequence[Any], order: Order, cursor: str, size: int) -> Page:
    """As `page`, of rows at hand, which are in the order already; it must descend and have a value everywhere."""
    start = Cursor.read(cursor, order)
    if start is None:
        before, after = [], list(rows)
    else:
        here = (start.value, start.pk)
        before = [row for row in rows if (getattr(row, order.column), row.pk) > here]
        after = [row for row in rows if (getattr(row, order.column), row.pk) < here]
    backwards = start is not None and start.backwards
    found = before[-size:] if backwards else after[:size]
    if not found:
        return page_of(rows, order, "", size) if start else Page([], "", "", is_first=True)
    has_before = len(before) > size if backwards else bool(before) or start is not None
    has_after = backwards or len(after) > size
    return Page(
        found,
        Cursor.at(found[0], order, backwards=True) if has_before else "",
        Cursor.at(found[-1], order, backwards=False) if has_after else "",
        is_first=not has_before,
    )
