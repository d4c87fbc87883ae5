"""A plausible past for a demonstration key: calls by hour, more by day than by night, fewer at weekends."""

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from keyadmin.models import CallOutcome
from keyadmin.models.meter import CELLS
from keyadmin.operations.demo.data import DemoKey

DAYS: Final = 30
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_WEEKEND: Final = 0.25
#: No hour of any key goes beyond the Standard tier.
_LIMIT: Final = 1_000
#: The last minutes are made one by one, so that the meter's cells and the ledger agree.
_MINUTES: Final = 120


@dataclass(frozen=True, slots=True)
class Past:
    """The ledger's rows, the meter's cells (newest first, the running one empty) and its total."""

    hours: dict[tuple[datetime, CallOutcome], int]
    cells: list[int]
    total: int


def past(spec: DemoKey, now: datetime, generator: Random) -> Past:
    """The last 30 days of a key up to `now`, and a total that reaches back to when it was made."""
    if spec.idle is None:
        return Past({}, [0] * CELLS, 0)
    cells = [0] * CELLS
    allowed: Counter[datetime] = Counter()
    hours: dict[tuple[datetime, CallOutcome], int] = {}
    this_minute = now.replace(second=0, microsecond=0)
    last = min((now - spec.idle).replace(second=0, microsecond=0), this_minute - _MINUTE)
    border = (this_minute - _MINUTES * _MINUTE).replace(minute=0)
    for age in range(1, int((this_minute - border) / _MINUTE) + 1):
        minute = this_minute - age * _MINUTE
        if minute <= last:
            calls = max(_drawn(spec, minute, generator, 1 / 60), minute == last)
            allowed[minute.replace(minute=0)] += calls
            if age < CELLS:
                cells[age] = calls
    for back in range(1, DAYS * 24 + 1):
        hour = border - back * _HOUR
        if hour <= last:
            wanted = max(_drawn(spec, hour, generator, 1.0), hour == last.replace(minute=0))
            allowed[hour] = min(wanted, _LIMIT)
            if wanted > _LIMIT:
                hours[hour, CallOutcome.LIMITED] = wanted - _LIMIT
    hours.update({(hour, CallOutcome.OK): calls for hour, calls in allowed.items() if calls})
    hours.update(_refused(spec, allowed, generator))
    if spec.idle < _HOUR:
        hours.update({(last.replace(minute=0), outcome): 1 for outcome in spec.refused})
    if spec.expires is not None and spec.expires < 0:
        hours.update(_too_late(spec, last, border, generator))
    earlier = int(spec.calls * max(0.0, spec.created - max(DAYS, spec.idle.days)) * 0.7)
    return Past(hours, cells, earlier + allowed.total())


def _refused(spec: DemoKey, allowed: Counter[datetime], generator: Random) -> dict[tuple[datetime, CallOutcome], int]:
    drawn = {
        (hour, outcome): _rounded(calls * share * generator.uniform(0.3, 1.7), generator)
        for hour, calls in allowed.items()
        for outcome, share in spec.refused.items()
    }
    return {cell: calls for cell, calls in drawn.items() if calls}


def _too_late(
    spec: DemoKey, last: datetime, until: datetime, generator: Random
) -> dict[tuple[datetime, CallOutcome], int]:
    """The calls that went on for some days with an expired key."""
    drawn = {}
    hour = last.replace(minute=0) + _HOUR
    while hour < min(until, last + timedelta(days=5)):
        if calls := _drawn(spec, hour, generator, 0.5):
            drawn[hour, CallOutcome.EXPIRED] = calls
        hour += _HOUR
    return drawn


def _drawn(spec: DemoKey, at: datetime, generator: Random, of_an_hour: float) -> int:
    """Allowed calls in a part of the hour `at`."""
    if spec.at_night:
        day = 9.5 if at.hour in (1, 2) else 0.2
    else:
        day = 1 + 0.85 * math.cos((at.hour - 14) / 24 * 2 * math.pi)
    week = _WEEKEND if at.weekday() >= 5 else 1.0
    return _rounded(spec.calls / 24 * day * week * of_an_hour * generator.uniform(0.75, 1.25), generator)


def _rounded(expected: float, generator: Random) -> int:
    """A whole number whose mean is `expected`."""
    return int(expected) + (generator.random() < expected % 1)
