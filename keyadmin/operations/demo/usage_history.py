"""Generates the usage of a demonstration key: fewer calls at night and at weekends."""

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
#: The number of calls on a day of the weekend, as a fraction of that on a weekday.
_WEEKEND_SHARE: Final = 0.25
#: The hourly limit of the Standard tier.
_HOURLY_LIMIT: Final = 1_000
#: The last minutes are generated minute by minute, so that the meter's cells and the ledger have the same calls.
_DETAILED_MINUTES: Final = 120


@dataclass(frozen=True, slots=True)
class UsageHistory:
    """Calls by hour and outcome; the cells of the meter, newest first, the current minute empty; and its total."""

    hours: dict[tuple[datetime, CallOutcome], int]
    cells: list[int]
    total: int


def generate_history(spec: DemoKey, now: datetime, generator: Random) -> UsageHistory:
    """The usage of the key in the DAYS before `now`, and a total since its creation."""
    if spec.idle is None:
        return UsageHistory({}, [0] * CELLS, 0)
    cells = [0] * CELLS
    allowed: Counter[datetime] = Counter()
    hours: dict[tuple[datetime, CallOutcome], int] = {}
    this_minute = now.replace(second=0, microsecond=0)
    last = min((now - spec.idle).replace(second=0, microsecond=0), this_minute - _MINUTE)
    detailed_from = (this_minute - _DETAILED_MINUTES * _MINUTE).replace(minute=0)
    for age in range(1, int((this_minute - detailed_from) / _MINUTE) + 1):
        minute = this_minute - age * _MINUTE
        if minute <= last:
            calls = max(_random_calls(spec, minute, generator, 1 / 60), minute == last)
            allowed[minute.replace(minute=0)] += calls
            if age < CELLS:
                cells[age] = calls
    for back in range(1, DAYS * 24 + 1):
        hour = detailed_from - back * _HOUR
        if hour <= last:
            calls = max(_random_calls(spec, hour, generator, 1.0), hour == last.replace(minute=0))
            allowed[hour] = min(calls, _HOURLY_LIMIT)
            if calls > _HOURLY_LIMIT:
                hours[hour, CallOutcome.LIMITED] = calls - _HOURLY_LIMIT
    hours.update({(hour, CallOutcome.OK): calls for hour, calls in allowed.items() if calls})
    hours.update(_denied_calls(spec, allowed, generator))
    if spec.idle < _HOUR:
        hours.update({(last.replace(minute=0), outcome): 1 for outcome in spec.denied})
    if spec.expires is not None and spec.expires < 0:
        hours.update(_calls_after_expiry(spec, last, detailed_from, generator))
    earlier = int(spec.calls * max(0.0, spec.created - max(DAYS, spec.idle.days)) * 0.7)
    return UsageHistory(hours, cells, earlier + allowed.total())


def _denied_calls(
    spec: DemoKey, allowed: Counter[datetime], generator: Random
) -> dict[tuple[datetime, CallOutcome], int]:
    denied = {
        (hour, outcome): _round_randomly(calls * share * generator.uniform(0.3, 1.7), generator)
        for hour, calls in allowed.items()
        for outcome, share in spec.denied.items()
    }
    return {cell: calls for cell, calls in denied.items() if calls}


def _calls_after_expiry(
    spec: DemoKey, last: datetime, until: datetime, generator: Random
) -> dict[tuple[datetime, CallOutcome], int]:
    """Denied calls of a client that still uses the expired key for some days."""
    denied = {}
    hour = last.replace(minute=0) + _HOUR
    while hour < min(until, last + timedelta(days=5)):
        if calls := _random_calls(spec, hour, generator, 0.5):
            denied[hour, CallOutcome.EXPIRED] = calls
        hour += _HOUR
    return denied


def _random_calls(spec: DemoKey, at: datetime, generator: Random, share_of_hour: float) -> int:
    """A random number of allowed calls in `share_of_hour` of the hour `at`."""
    if spec.at_night:
        hour_factor = 9.5 if at.hour in (1, 2) else 0.2
    else:
        hour_factor = 1 + 0.85 * math.cos((at.hour - 14) / 24 * 2 * math.pi)
    weekday_factor = _WEEKEND_SHARE if at.weekday() >= 5 else 1.0
    return _round_randomly(
        spec.calls / 24 * hour_factor * weekday_factor * share_of_hour * generator.uniform(0.75, 1.25), generator
    )


def _round_randomly(expected: float, generator: Random) -> int:
    """One of the two nearest whole numbers, at random, so that the mean is `expected`."""
    return int(expected) + (generator.random() < expected % 1)
