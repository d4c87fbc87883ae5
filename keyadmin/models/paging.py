"""Keyset pagination: a page starts after the sort key of a row, so each page of a long list costs the same."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Self
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, Q, QuerySet, Subquery
from django.utils.timezone import is_naive
from django.utils.translation import gettext as _

from keyadmin.core import url_tokens
from keyadmin.core.errors import InvalidFilterError
from keyadmin.models.expressions import COUNT_LIMIT, EqualsAny
from keyadmin.models.texts import RedactedText

#: More characters than any cursor has: the longest names have 120 characters of up to 6 bytes each in JSON.
_MAX_CURSOR_LENGTH: Final = 1500
#: In place of the value in a cursor: the one that the column of the row has.
_OF_ROW: Final = True


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list: by a column, and by a unique `tiebreaker` among rows with the same value.

    `parse` and `parse_pk` convert the texts in a cursor back into values of `column` and `tiebreaker`, or raise
    ValueError. With `nullable`, rows without a value come last, in either direction. `day` is for a column of times
    that has no index: it names an indexed column with the day (UTC) of that time.
    """

    column: str
    descending: bool
    parse: Callable[[str], Any]
    parse_pk: Callable[[str], Any]
    nullable: bool = False
    tiebreaker: str = "pk"
    day: str = ""

    def columns(self, *, backwards: bool) -> list[Any]:
        """The arguments of `order_by`; `backwards` reverses the order."""
        descending = self.descending is not backwards
        sign = "-" if descending else ""
        if not self.nullable:
            return [f"{sign}{name}" for name in dict.fromkeys((self.column, self.tiebreaker))]
        nulls: dict[str, Any] = {"nulls_first": True} if backwards else {"nulls_last": True}
        columns = [F(name) for name in (self.day, self.column) if name]
        return [
            *(column.desc(**nulls) if descending else column.asc(**nulls) for column in columns),
            f"{sign}{self.tiebreaker}",
        ]

    def after(self, value: Any, pk: Any, *, backwards: bool) -> Q:
        """The condition for the rows after the row with that value and tiebreaker, or before it if `backwards`.

        The comparison of the column alone is redundant, but lets PostgreSQL start an index scan at the value.
        """
        comparison = "lt" if self.descending is not backwards else "gt"
        if self.column == self.tiebreaker:
            return Q(**{f"{self.tiebreaker}__{comparison}": pk})
        is_null = Q(**{f"{self.column}__isnull": True})
        if value is None:
            tied = is_null & Q(**{f"{self.tiebreaker}__{comparison}": pk})
            return tied | ~is_null if backwards else tied
        later = Q(**{f"{self.column}__{comparison}": value})
        tied = Q(**{self.column: value, f"{self.tiebreaker}__{comparison}": pk})
        condition = Q(**{f"{self.column}__{comparison}e": value}) & (later | tied)
        if self.day:
            condition &= Q(**{f"{self.day}__{comparison}e": value.astimezone(UTC).date()})
        return condition | is_null if self.nullable and not backwards else condition


#: The orders of most lists.
BY_NAME: Final = Order("name", False, str, UUID)
NEWEST_FIRST: Final = Order("created_at", True, datetime.fromisoformat, UUID)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row after which a page begins, or before which it ends if `backwards`.

    A cursor is sent to clients and is not signed: the query that it is applied to restricts what the reader may see.
    """

    backwards: bool
    value: Any
    pk: Any

    @classmethod
    def encode(cls, row: Any, order: Order, *, backwards: bool) -> str:
        """The URL-safe text of the cursor at `row`."""
        value = getattr(row, order.column)
        text = value.isoformat() if hasattr(value, "isoformat") else value if value is None else str(value)
        if isinstance(value, RedactedText):  # the rows are sorted by what the column has
            text = _OF_ROW
        fields = [order.column, int(backwards), text, str(getattr(row, order.tiebreaker))]
        packed = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
        return url_tokens.split(base64.urlsafe_b64encode(packed.encode()).decode().rstrip("="))

    @classmethod
    def decode(cls, text: str, order: Order) -> Self | None:
        """The cursor of a text that `encode` made for this order; None, which means the first page, for "".

        Raises InvalidFilterError for other texts: the first page in place of another one would be read as new rows.
        """
        if not text:
            return None
        cursor = cls._decode(text, order) if len(text) <= _MAX_CURSOR_LENGTH else None
        if cursor is None:
            raise InvalidFilterError({"cursor": [_("This page of the list does not exist. Start at the first page.")]})
        return cursor

    @classmethod
    def is_of(cls, text: str, order: Order) -> bool:
        """Whether `encode` made the text for this order."""
        return len(text) <= _MAX_CURSOR_LENGTH and cls._decode(text, order) is not None

    @classmethod
    def _decode(cls, text: str, order: Order) -> Self | None:
        """The cursor; None for a text that `encode` did not make for this order."""
        text = url_tokens.join(text)
        try:
            column, backwards, value, pk = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if column != order.column or backwards not in (0, 1) or not isinstance(pk, str):
                return None
            if value is None and order.nullable:
                return cls(bool(backwards), None, order.parse_pk(pk))
            if value is _OF_ROW:
                return cls(bool(backwards), _OF_ROW, order.parse_pk(pk))
            if not isinstance(value, str) or "\0" in value:
                return None
            return cls(bool(backwards), _valid_for_postgres(order.parse(value)), order.parse_pk(pk))
        except (ValueError, TypeError, OverflowError, RecursionError):
            return None


def _valid_for_postgres(value: Any) -> Any:
    """The value, in a form that PostgreSQL accepts. Raises ValueError for lone surrogates and for naive times.

    Times are converted to UTC: Python accepts offsets of up to 24 hours, PostgreSQL does not.
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
    """The rows of a page in order, and the cursors of the pages before and after it; "" if there is none.

    A page whose rows were deleted is empty, and has no cursors.
    """

    rows: list[Any]
    before: str
    after: str
    is_first: bool


def page(rows: QuerySet[Any], order: Order, cursor: str, size: int) -> Page:
    """One page of a query, in one statement. Reads `size` + 1 rows, to find out whether more rows follow."""

    def fetch(start: Cursor | None, limit: int) -> list[Any]:
        backwards = start is not None and start.backwards
        if start is not None and start.value is _OF_ROW:
            value: Any = Subquery(rows.model._default_manager.filter(pk=start.pk).values(order.column)[:1])
            start = replace(start, value=value)
        following = rows.filter(order.after(start.value, start.pk, backwards=backwards)) if start else rows
        return list(following.order_by(*order.columns(backwards=backwards))[:limit])

    return page_from(fetch, order, cursor, size)


def materialize_ids_first(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows, for a query that matches few: PostgreSQL finds their IDs first and then sorts.

    Otherwise PostgreSQL may expect many matches, and scan the whole table in the order of an index.
    """
    return rows.filter(EqualsAny(F("pk"), ArraySubquery(rows.order_by().values("pk"))))


def materialize_ids_first_if_few(rows: QuerySet[Any]) -> QuerySet[Any]:
    """`materialize_ids_first` if there are at most COUNT_LIMIT rows. Counts them in one more statement."""
    is_few = rows.order_by().values("pk")[: COUNT_LIMIT + 1].count() <= COUNT_LIMIT
    return materialize_ids_first(rows) if is_few else rows


def page_from(fetch: Callable[[Cursor | None, int], list[Any]], order: Order, cursor: str, size: int) -> Page:
    """One page of the rows that `fetch(start, limit)` returns.

    `fetch` returns at most `limit` rows after the cursor `start`, or before it if `start.backwards`, the nearest first.
    `start` is None for the first page.
    """
    start = Cursor.decode(cursor, order)
    backwards = start is not None and start.backwards
    rows = fetch(start, size + 1)
    has_more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    if not rows:
        return Page([], "", "", is_first=start is None)
    return _page(rows, order, has_before=has_more if backwards else start is not None, has_after=backwards or has_more)


def page_list(rows: Sequence[Any], order: Order, cursor: str, size: int) -> Page:
    """One page of a sorted list. The order must be descending, and the column must not contain None."""
    start = Cursor.decode(cursor, order)
    if start is None:
        before, after = [], list(rows)
    else:
        position = (start.value, start.pk)
        before = [row for row in rows if (getattr(row, order.column), row.pk) > position]
        after = [row for row in rows if (getattr(row, order.column), row.pk) < position]
    backwards = start is not None and start.backwards
    shown = before[-size:] if backwards else after[:size]
    if not shown:
        return Page([], "", "", is_first=start is None)
    has_before = len(before) > size if backwards else bool(before) or start is not None
    return _page(shown, order, has_before=has_before, has_after=backwards or len(after) > size)


def _page(rows: list[Any], order: Order, *, has_before: bool, has_after: bool) -> Page:
    return Page(
        rows,
        Cursor.encode(rows[0], order, backwards=True) if has_before else "",
        Cursor.encode(rows[-1], order, backwards=False) if has_after else "",
        is_first=not has_before,
    )
