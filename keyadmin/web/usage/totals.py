"""The calls of many keys together, by day and by key.

Nobody waits for the sum of more than a thousand keys. Of more, the days are those that have been added up beforehand,
and by key there are those of the keys used last; pages say so. Where nothing was ever added up, the days too are of the
keys used last.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from keyadmin.models import Meter, Outcome, UsageRollUp, usage_sums
from keyadmin.models.usage_sums import Keys, Subject
from keyadmin.web.common import capped_count
from keyadmin.web.templatetags.pictures import OUTCOMES
from keyadmin.web.usage.charts import Chart

#: Of more keys than anybody waits for, so many are looked at one by one.
USED_LAST: Final = 250
_ORDER: Final = [group for group, _words in OUTCOMES]


class Calls(NamedTuple):
    allowed: int
    denied: int

    @property
    def total(self) -> int:
        return self.allowed + self.denied


@dataclass(frozen=True, slots=True)
class Sums:
    """`by_key` has those with any calls, of all keys, or of those used last if there are more than `is_some` allows.

    The chart is of all calls until now; or until `until`; or, where that is None though `is_some`, of `by_key`'s keys.
    `has_deleted`: the calls of keys that were deleted are in it.
    """

    chart: Chart
    by_key: dict[UUID, Calls]
    is_some: bool
    until: datetime | None
    has_deleted: bool

    @property
    def by_day(self) -> list[tuple[int, int]]:
        """(allowed, denied) a day, oldest first: what a sparkline shows."""
        return [(day["counts"][0], sum(day["counts"][1:])) for day in self.chart.days]

    @property
    def is_chart_some(self) -> bool:
        return self.is_some and self.until is None


def sums(keys: QuerySet[Any], count: int, days: int, subjects: Collection[Subject]) -> Sums:
    """Of the keys, which are `count` (see `counting`), over the last `days` days. In three statements; in two of a few
    chosen ones, and in four where nothing was ever added up.

    `subjects`: whose keys all of these are; none for a choice of keys that nobody adds up beforehand.
    """
    is_some = count > capped_count.LIMIT
    first = timezone.now().astimezone(UTC).date() - timedelta(days=days - 1)
    chosen: Keys = keys.order_by().values("id")
    reached = None
    if is_some:
        chosen, reached = _used_last(keys)
    elif subjects:
        reached = UsageRollUp.objects.values_list("hours_until", flat=True).first()
    reached = reached if subjects else None
    counted = None if is_some and reached else chosen
    rows = usage_sums.by_day(subjects if reached else (), counted, first)
    return Sums(
        _chart(rows, [first + timedelta(days=day) for day in range(days)]),
        _by_key(usage_sums.by_key(chosen, first)),
        is_some,
        reached if is_some else None,
        reached is not None,
    )


def _used_last(keys: QuerySet[Any]) -> tuple[list[UUID], datetime | None]:
    """Walks the index of the days of last use. With them how far calls have been added up; None if they never were."""
    used = Meter.objects.filter(key_id__in=keys.order_by().values("id"), last_used_day__isnull=False)
    last = used.order_by("-last_used_day").values_list("key_id", flat=True)[:USED_LAST]
    row = UsageRollUp.objects.values_list(ArraySubquery(last), "hours_until").first()
    return row or (list(last), None)


def _chart(rows: Iterable[tuple[date, str, int]], days: list[date]) -> Chart:
    counts = {day: [0] * len(_ORDER) for day in days}
    for day, outcome, calls in rows:
        # What came after midnight struck belongs to the last.
        counts[min(day, days[-1])][_ORDER.index(Outcome(outcome).group)] += calls
    named: list[dict[str, Any]] = [
        {"label": date_format(day, "j M"), "date": day, "counts": counts[day]} for day in days
    ]
    return Chart(named, [sum(counts[day][place] for day in days) for place in range(len(_ORDER))])


def _by_key(rows: Iterable[tuple[Any, ...]]) -> dict[UUID, Calls]:
    found: dict[UUID, Calls] = {}
    for key, allowed, denied in rows:
        before = found.get(key, Calls(0, 0))
        found[key] = Calls(before.allowed + allowed, before.denied + denied)
    return {key: calls for key, calls in found.items() if calls.total}
