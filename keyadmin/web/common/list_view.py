"""Parts of pages with a list: the filters in the URL, one page of rows, and the foot with the position."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext

from keyadmin.core.errors import InvalidFilterError
from keyadmin.forms.base import OperationForm
from keyadmin.models import paging
from keyadmin.web.common import capped_count, querystring
from keyadmin.web.common.current_user import CurrentUser


@dataclass(frozen=True, slots=True)
class PageFoot:
    """The foot of a list, for `_paging.html`: the position of the rows, and the links to the pages around them.

    `count` is the number of all rows, from `capped_counts`, and `formatted_count` its text. A list that is not counted
    has None and "". A URL is "" if there is no further page. The links say "Newer" and "Older" if the rows are in order
    of time (`is_by_time`), else "Previous" and "Next".
    """

    count: int | None
    formatted_count: str
    position: str
    previous_url: str
    next_url: str
    is_by_time: bool


def page_foot(
    page: paging.Page,
    *,
    url: str,
    query: dict[str, Any],
    count: int | None = None,
    rows_before: int | None = None,
    is_by_time: bool = False,
) -> PageFoot:
    """The foot of `page`, of the list at `url` with the filters in `query`.

    `rows_before`: the number of rows on the pages before this one; None if it is not known. Raises InvalidFilterError
    for a page whose rows were deleted.
    """
    if not page.rows and not page.is_first:
        raise InvalidFilterError({"cursor": [gettext("The entries of this page were removed.")]})
    formatted = "" if count is None else capped_count.format_count(count)
    return PageFoot(
        count=count,
        formatted_count=formatted,
        position=_position(page, formatted, 0 if page.is_first else rows_before),
        previous_url=querystring.link(url, query, cursor=page.before) if page.before else "",
        next_url=querystring.link(url, query, cursor=page.after) if page.after else "",
        is_by_time=is_by_time,
    )


def filter_chips(url: str, query: dict[str, Any], shown: Mapping[str, tuple[str, Any]]) -> list[dict[str, str]]:
    """The chips of filters in force, for `_filter_chips.html`. `shown`: parameter → its label and the value as text."""
    return [
        {"name": name, "label": label, "value": str(value), "remove_url": querystring.link(url, query, **{name: ""})}
        for name, (label, value) in shown.items()
    ]


def _position(page: paging.Page, total: str, rows_before: int | None) -> str:
    """The position as text; only the total if it is not known where the page begins; "" if rows are not counted."""
    if not total:
        return ""
    if rows_before is None or not page.rows:
        return gettext("%(total)s in all") % {"total": total}
    first, last = f"{rows_before + 1:,}", f"{rows_before + len(page.rows):,}"
    return gettext("%(first)s–%(last)s of %(total)s") % {"first": first, "last": last, "total": total}


def rows_to_count(rows: QuerySet[Any], order: paging.Order, cursor: str) -> dict[str, QuerySet[Any]]:
    """The QuerySets that give a list its count ("all") and its position ("before"), for `capped_counts`."""
    start = paging.Cursor.decode(cursor, order)
    if start is None:
        return {"all": rows}
    before = order.after(start.value, start.pk, backwards=True)
    if not start.backwards:  # the row of the cursor is the last of the page before
        before |= Q(**{order.tiebreaker: start.pk})
    return {"all": rows, "before": rows.filter(before)}


def rows_before(counts: dict[str, int], page: paging.Page, order: paging.Order, cursor: str) -> int | None:
    """The number of rows before the page, from the counts of `rows_to_count`. None above COUNT_LIMIT."""
    before = counts.get("before")
    if before is None or before > capped_count.COUNT_LIMIT:
        return None
    start = paging.Cursor.decode(cursor, order)
    return before - len(page.rows) if start is not None and start.backwards else before


class Listing:
    """A list for one request: the filters of `form` in the URL, and a page of rows.

    Raises InvalidFilterError for an invalid filter, but not for the field `shown_in_form`, whose error the page shows.
    """

    def __init__(
        self,
        request: HttpRequest,
        user: CurrentUser,
        form: type[OperationForm],
        url: str,
        *,
        shown_in_form: str = "",
    ) -> None:
        self.url = url
        self.form = form(request.GET)
        self.filters = self.form.valid_values(except_field=shown_in_form)
        self.query = querystring.from_filters(self.filters)
        self.cursor = request.GET.get("cursor", "")
        self.organisation = user.get_organisation_or_404(self.filters.get("organisation", ""))

    def page(
        self, rows: QuerySet[Any], order: paging.Order, size: int, *, order_of_many: paging.Order | None = None
    ) -> dict[str, Any]:
        """The template's context: `rows` of the page, `page` (PageFoot), `query`, `list_url` and `is_filtered`.

        It sends two statements. `order_of_many`, which needs an index, replaces `order` for more than COUNT_LIMIT rows.
        Raises InvalidFilterError for a cursor of the other order: the list has grown or shrunk past COUNT_LIMIT.
        """
        order_of_cursor = order
        if order_of_many and paging.Cursor.is_of(self.cursor, order_of_many):
            order_of_cursor = order_of_many
        counts = capped_count.capped_counts(rows_to_count(rows, order_of_cursor, self.cursor))
        is_small = counts["all"] <= capped_count.COUNT_LIMIT
        order = order if is_small else order_of_many or order
        page = paging.page(paging.materialize_ids_first(rows) if is_small else rows, order, self.cursor, size)
        before = rows_before(counts, page, order, self.cursor)
        return {
            "rows": page.rows,
            "page": page_foot(page, url=self.url, query=self.query, count=counts["all"], rows_before=before),
            "query": self.query,
            "list_url": self.url,
            "is_filtered": bool(self.filters.keys() - {"organisation"}),
        }
