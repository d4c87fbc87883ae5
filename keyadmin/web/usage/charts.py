"""One key's calls by day and group of outcomes: the ledger, and the minute that the meter has not handed over yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from keyadmin.models import Outcome, OutcomeGroup, UsageHour
from keyadmin.models.usage import calls_by_day
from keyadmin.web.templatetags.pictures import OUTCOMES

#: The ranges of the chart, in days, and every how many days the wide and the narrow one name a day.
RANGES: Final = {7: (1, 1), 14: (2, 4), 30: (5, 10), 90: (15, 30)}
USUAL: Final = 30
_ORDER: Final = [group for group, _ in OUTCOMES]


@dataclass(frozen=True, slots=True)
class Chart:
    """The requests of `days` days, oldest first: what the picture, its legend and its table show."""

    days: list[dict[str, Any]]
    totals: list[int]

    @property
    def newest_first(self) -> list[dict[str, Any]]:
        return self.days[::-1]

    @property
    def legend(self) -> list[tuple[str, Any, int]]:
        return [(name, OutcomeGroup(name).label, total) for name, total in zip(_ORDER, self.totals, strict=True)]

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
        words = gettext("Requests per day by outcome, last %(days)s days: %(total)s requests, %(denied)s denied")
        return words % {"days": len(self.days), "total": f"{self.total:,}", "denied": f"{self.denied:,}"}


def charts(key: Any, *days: int) -> list[Chart]:
    """One chart for each number of days, in one statement. The key comes `with_window`."""
    counts = _counts(key, max(days))
    today = _today()
    return [_chart(counts, [today - timedelta(days=back) for back in reversed(range(length))]) for length in days]


def allowed_today(key: Any) -> int:
    """Calls since midnight, UTC, without the running minute."""
    return _allowed(key, _midnight(_today()))


def asked(text: str) -> int:
    """The range that an address asks for; the usual one where it is none."""
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else USUAL
    return days if days in RANGES else USUAL


def _counts(key: Any, days: int) -> dict[date, list[int]]:
    found = calls_by_day(key, _today() - timedelta(days=days - 1))
    return {day: [groups.get(group, 0) for group in _ORDER] for day, groups in found.items()}


def _chart(counts: dict[date, list[int]], days: Sequence[date]) -> Chart:
    named: list[dict[str, Any]] = [
        {"label": date_format(day, "j M"), "date": day, "counts": counts.get(day, [0] * len(_ORDER))} for day in days
    ]
    return Chart(named, [sum(day["counts"][place] for day in named) for place in range(len(_ORDER))])


def _allowed(key: Any, since: datetime) -> int:
    rows = UsageHour.objects.filter(Q(hour__gte=since), key_id=key.id, outcome=Outcome.OK)
    return rows.aggregate(calls=Sum("count"))["calls"] or 0


def _today() -> date:
    return timezone.now().astimezone(UTC).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
