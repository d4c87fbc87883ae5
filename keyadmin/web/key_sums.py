"""The calls of many keys together, by day and by key: their ledgers, and the minutes not handed over yet.

Nobody waits for the sum of more than a thousand keys: of more, it is that of those used last, and pages say so.
Deleted keys are left out.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.formats import date_format

from keyadmin.models import Meter, Outcome, UsageHour
from keyadmin.web import counting
from keyadmin.web.key_usage import Chart
from keyadmin.web.templatetags.pictures import OUTCOMES

_ORDER: Final = [group for group, _words in OUTCOMES]


class Calls(NamedTuple):
    allowed: int
    denied: int

    @property
    def total(self) -> int:
        return self.allowed + self.denied


@dataclass(frozen=True, slots=True)
class Sums:
    """`by_key` has those with any calls. `is_some`: there are more keys than were counted."""

    chart: Chart
    by_key: dict[UUID, Calls]
    is_some: bool

    @property
    def by_day(self) -> list[tuple[int, int]]:
        """(allowed, denied) a day, oldest first: what a sparkline shows."""
        return [(day["counts"][0], sum(day["counts"][1:])) for day in self.chart.days]


class _Running(NamedTuple):
    """The calls that a key's meter has not handed over to the ledger."""

    key: UUID
    day: date
    calls: int


def sums(keys: QuerySet[Any], count: int, days: int) -> Sums:
    """Of the keys, which are `count` (see `counting`), over the last `days` days, in three statements."""
    is_some = count > counting.LIMIT
    today = timezone.now().astimezone(UTC).date()
    first = today - timedelta(days=days - 1)
    meters = _meters(keys, is_some=is_some)
    running = [row for row in meters if row.calls and first <= row.day]
    rows = UsageHour.objects.filter(
        key_id__in=[row.key for row in meters], hour__gte=datetime.combine(first, time.min, tzinfo=UTC)
    )
    shown = [first + timedelta(days=day) for day in range(days)]
    return Sums(_chart(rows, running, shown), _by_key(rows, running), is_some)


def _meters(keys: QuerySet[Any], *, is_some: bool) -> list[_Running]:
    rows = Meter.objects.filter(key_id__in=keys.order_by().values("id"))
    if is_some:  # walks the index of the days of last use
        rows = rows.filter(last_used_day__isnull=False).order_by("-last_used_day")[: counting.LIMIT]
    found = rows.values_list("key_id", "minute", "cells__0")
    return [_Running(key, datetime.fromtimestamp(minute * 60, UTC).date(), calls) for key, minute, calls in found]


def _chart(rows: QuerySet[Any], running: Collection[_Running], days: list[date]) -> Chart:
    counts = {day: [0] * len(_ORDER) for day in days}
    by_day = rows.annotate(day=TruncDate("hour", tzinfo=UTC)).values("day", "outcome").annotate(calls=Sum("count"))
    for day, outcome, calls in by_day.values_list("day", "outcome", "calls"):
        # What came after midnight struck belongs to the last.
        counts[min(day, days[-1])][_ORDER.index(Outcome(outcome).group)] += int(calls)
    for row in running:
        counts[min(row.day, days[-1])][0] += row.calls
    named: list[dict[str, Any]] = [
        {"label": date_format(day, "j M"), "date": day, "counts": counts[day]} for day in days
    ]
    return Chart(named, [sum(counts[day][place] for day in days) for place in range(len(_ORDER))])


def _by_key(rows: QuerySet[Any], running: Collection[_Running]) -> dict[UUID, Calls]:
    ok = Q(outcome=Outcome.OK)
    summed = rows.values("key_id").annotate(allowed=Sum("count", filter=ok), denied=Sum("count", filter=~ok))
    found = {
        key: Calls(int(allowed or 0), int(denied or 0))
        for key, allowed, denied in summed.values_list("key_id", "allowed", "denied")
    }
    for row in running:
        before = found.get(row.key, Calls(0, 0))
        found[row.key] = Calls(before.allowed + row.calls, before.denied)
    return {key: calls for key, calls in found.items() if calls.total}
