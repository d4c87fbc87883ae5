"""Requests by day and group of outcomes: of one key, and of many keys together.

A chart of one key reads the hourly ledger, and from the key's meter the last minutes, which are not in the ledger yet.

The requests of up to `capped_count.COUNT_LIMIT` keys are added up when a page is rendered. With more keys this takes
too long. The figures by day then come from the roll-up, and the figures by key cover only the MAX_SUMMED_KEYS keys that
were used last. If there is no roll-up yet, the figures by day cover only those keys, too. `UsageTotals` says which of
these cases applies, and the pages state it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext

from keyadmin.core.errors import InvalidFilterError
from keyadmin.models import CallOutcome, CallOutcomeGroup, Meter, UsageRollUp, usage_sums
from keyadmin.models.usage import calls_by_day
from keyadmin.models.usage_sums import Keys, Subject
from keyadmin.web.common import capped_count
from keyadmin.web.templatetags.pictures import OUTCOMES

#: Range of a chart in days → days between two labels in the wide and in the narrow drawing.
RANGES: Final = {7: (1, 1), 14: (2, 4), 30: (5, 10), 90: (15, 30)}
DEFAULT_DAYS: Final = 30
#: The number of keys that are added up if there are more than `capped_count.COUNT_LIMIT`.
MAX_SUMMED_KEYS: Final = 250
_GROUPS: Final = [group for group, _ in OUTCOMES]


@dataclass(frozen=True, slots=True)
class Chart:
    """Requests by day, oldest day first, for the drawing, its legend and its table.

    `days`: [{"label": "22 Nov", "date": date, "counts": [one int for each group of OUTCOMES]}].
    `totals`: one sum over all days for each group of OUTCOMES.
    """

    days: list[dict[str, Any]]
    totals: list[int]

    @property
    def newest_first(self) -> list[dict[str, Any]]:
        return self.days[::-1]

    @property
    def legend(self) -> list[tuple[str, str | Promise, int]]:
        """(group, label, total) of each group of outcomes."""
        return [(name, CallOutcomeGroup(name).label, total) for name, total in zip(_GROUPS, self.totals, strict=True)]

    @property
    def total(self) -> int:
        return sum(self.totals)

    @property
    def denied(self) -> int:
        return sum(self.totals[1:])

    @property
    def denied_share(self) -> str:
        """`4.2%`."""
        return f"{100 * self.denied / self.total:.1f}%" if self.total else "0%"

    @property
    def every(self) -> tuple[int, int]:
        return RANGES[len(self.days)]

    @property
    def label(self) -> str:
        label = gettext("Requests per day by outcome, last %(days)s days: %(total)s requests, %(denied)s denied")
        return label % {"days": len(self.days), "total": f"{self.total:,}", "denied": f"{self.denied:,}"}


class CallCount(NamedTuple):
    allowed: int
    denied: int

    @property
    def total(self) -> int:
        return self.allowed + self.denied


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """The requests of many keys by day and by key.

    `by_key`: the keys with any requests. If `is_partial`, only those among the keys that were used last.
    `until`: the chart covers all keys up to this moment. None: it covers them up to now, or if `is_partial` the keys of
    `by_key`.
    `has_deleted`: the chart includes requests of keys that have been deleted.
    """

    chart: Chart
    by_key: dict[UUID, CallCount]
    is_partial: bool
    until: datetime | None
    has_deleted: bool

    @property
    def by_day(self) -> list[tuple[int, int]]:
        """(allowed, denied) by day, oldest first, as a sparkline takes it."""
        return [(day["counts"][0], sum(day["counts"][1:])) for day in self.chart.days]

    @property
    def is_chart_partial(self) -> bool:
        return self.is_partial and self.until is None


def parse_days(text: str) -> int:
    """The range that `text` names, in days; DEFAULT_DAYS for "". Raises InvalidFilterError for other texts."""
    days = {str(days): days for days in RANGES} | {"": DEFAULT_DAYS}
    if text not in days:
        choices = ", ".join(map(str, RANGES))
        raise InvalidFilterError({"days": [gettext("Choose one of these numbers of days: %s.") % choices]})
    return days[text]


def first_day(days: int) -> date:
    """The first day (UTC) of a range of so many days, of which today is the last."""
    return _today() - timedelta(days=days - 1)


def charts_of_key(key: Any, *ranges: int) -> list[Chart]:
    """One chart for each range in days, in one statement. The key must be annotated by `with_window`."""
    today = _today()
    groups_by_day = calls_by_day(key, first_day(max(ranges)))
    counts = {day: [groups.get(group, 0) for group in _GROUPS] for day, groups in groups_by_day.items()}
    return [_chart(counts, [today - timedelta(days=back) for back in reversed(range(days))]) for days in ranges]


def usage_totals(keys: QuerySet[Any], count: int, days: int, subjects: Collection[Subject]) -> UsageTotals:
    """The requests of `keys` over the last `days` days.

    `count`: the number of keys, from `capped_count`.
    `subjects`: the organisations and bots whose keys these are, to use the roll-up; empty if the keys are another
    selection, which has no roll-up.

    Sends three statements: two without subjects and with few keys, four with many keys and no roll-up yet.
    """
    is_partial = count > capped_count.COUNT_LIMIT
    first = first_day(days)
    summed_keys: Keys = keys.order_by().values("id")
    rolled_up_until = None
    if is_partial:
        summed_keys, rolled_up_until = _last_used(keys)
    elif subjects:
        rolled_up_until = UsageRollUp.objects.values_list("hours_until", flat=True).first()
    if not subjects:
        rolled_up_until = None
    ledger_keys = None if is_partial and rolled_up_until else summed_keys
    rows = usage_sums.by_day(subjects if rolled_up_until else (), ledger_keys, first)
    return UsageTotals(
        chart=_chart_of_rows(rows, [first + timedelta(days=day) for day in range(days)]),
        by_key=_by_key(usage_sums.by_key(summed_keys, first)),
        is_partial=is_partial,
        until=rolled_up_until if is_partial else None,
        has_deleted=rolled_up_until is not None,
    )


def _last_used(keys: QuerySet[Any]) -> tuple[list[UUID], datetime | None]:
    """The ids of the keys used last, and up to when usage is rolled up (None if it never was), in one statement.

    The statement walks the index on the day of last use.
    """
    used = Meter.objects.filter(key_id__in=keys.order_by().values("id"), last_used_day__isnull=False)
    ids = used.order_by("-last_used_day").values_list("key_id", flat=True)[:MAX_SUMMED_KEYS]
    row = UsageRollUp.objects.values_list(ArraySubquery(ids), "hours_until").first()
    return row or (list(ids), None)


def _chart_of_rows(rows: Iterable[tuple[date, str, int]], days: list[date]) -> Chart:
    counts = {day: [0] * len(_GROUPS) for day in days}
    for day, outcome, calls in rows:
        # A call made after midnight, while this page is being rendered, counts for the last day.
        counts[min(day, days[-1])][_GROUPS.index(CallOutcome(outcome).group)] += calls
    return _chart(counts, days)


def _chart(counts: dict[date, list[int]], days: Sequence[date]) -> Chart:
    rows: list[dict[str, Any]] = [
        {"label": date_format(day, "j M"), "date": day, "counts": counts.get(day, [0] * len(_GROUPS))} for day in days
    ]
    return Chart(rows, [sum(row["counts"][place] for row in rows) for place in range(len(_GROUPS))])


def _by_key(rows: Iterable[tuple[Any, ...]]) -> dict[UUID, CallCount]:
    counts: dict[UUID, CallCount] = {}
    for key, allowed, denied in rows:
        before = counts.get(key, CallCount(0, 0))
        counts[key] = CallCount(before.allowed + allowed, before.denied + denied)
    return {key: calls for key, calls in counts.items() if calls.total}


def _today() -> date:
    return timezone.now().astimezone(UTC).date()
