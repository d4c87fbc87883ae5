"""Usage: its sums by day, and its end."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Min
from django.utils.translation import gettext as _

from keyadmin.core.errors import InvalidInputError
from keyadmin.models import Key, Meter, UsageDay, UsageHour, UsageRollUp
from keyadmin.models.usage_sums import INSTALLATION
from keyadmin.operations.audit import database_time
from keyadmin.operations.locks import advisory_lock
from keyadmin.operations.usage.pruning import kept_days

#: After so long nothing that was counted in an hour is still on its way to the ledger or the meter.
GRACE: Final = timedelta(minutes=1)
#: Keys in one statement.
BATCH: Final = 1_000
#: PostgreSQL's advisory lock of whoever is adding up.
ROLLING_UP: Final = 0x6B61645F726F6C6C
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ADD_HOUR, _WRITE_KEYS = (Path(__file__).with_name(f"roll_up_{name}.sql").read_text() for name in ("hour", "keys"))


def roll_up(*, again_from: date | None = None) -> UsageRollUp:
    """Add up every hour that is over and has not been added yet, each exactly once, and the finished days of each key.

    `again_from`: forget the sums of that day and later, and make them anew; for when a clock was set back, or rows were
    written into the past. Raises Invalid where hours of it have been removed; Conflict while somebody else adds up.
    """
    with advisory_lock(ROLLING_UP, _("Somebody else is adding up the usage.")):
        until = _hour(database_time() - GRACE)
        state = _begin(until, again_from)
        while state.hours_until < until:
            _skip_gap(state, until)
            if state.hours_until < until:
                _add_hour(state)
        midnight = datetime.combine(state.hours_until.astimezone(UTC), time.min, tzinfo=UTC)
        if state.days_until < midnight:
            for keys in _batches():
                _run(_WRITE_KEYS, keys=keys, first=state.days_until, until=midnight)
            state.days_until = midnight
            state.save(update_fields=("days_until",))
        return state


def _begin(until: datetime, again_from: date | None) -> UsageRollUp:
    """How far the sums reach; at the very beginning, up to the first call that anybody counted."""
    state = UsageRollUp.objects.first()
    if state is None:
        first = min(_next(_LONG_AGO) or until, until)
        day = datetime.combine(first.astimezone(UTC), time.min, tzinfo=UTC)
        return UsageRollUp.objects.create(hours_until=_hour(first), days_until=day)
    if again_from is not None:
        if again_from <= (until - timedelta(days=kept_days().shortest)).date():
            raise InvalidInputError({"again_from": [_("The hours of that day may have been removed already.")]})
        midnight = datetime.combine(again_from, time.min, tzinfo=UTC)
        with transaction.atomic():
            UsageDay.objects.filter(day__gte=again_from).delete()
            state.hours_until = min(state.hours_until, midnight)
            state.days_until = min(state.days_until, midnight)
            state.save()
    return state


def _skip_gap(state: UsageRollUp, until: datetime) -> None:
    """Over hours, more than a day of them, in which nobody called."""
    following = min(_next(state.hours_until) or until, until)
    if following - state.hours_until > _DAY:
        state.hours_until = _hour(following)
        state.save(update_fields=("hours_until",))


def _next(since: datetime) -> datetime | None:
    """When the first call was made, at that hour or later; within a day the hour of any such call will do."""
    hour: datetime | None = UsageHour.objects.filter(hour__gte=since).aggregate(first=Min("hour"))["first"]
    if hour is not None and hour <= since + _DAY:
        return hour
    used = Meter.objects.filter(cells__0__gt=0, minute__gte=int(since.timestamp()) // 60)
    minute = used.aggregate(first=Min("minute"))["first"]
    known = [moment for moment in (hour, minute and datetime.fromtimestamp(minute * 60, UTC)) if moment]
    return min(known, default=None)


def _add_hour(state: UsageRollUp) -> None:
    """Add it and say so, or neither."""
    with transaction.atomic():
        _run(_ADD_HOUR, hour=state.hours_until, installation=INSTALLATION)
        state.hours_until += _HOUR
        state.save(update_fields=("hours_until",))


def _batches() -> Iterator[list[UUID]]:
    after = UUID(int=0)
    while keys := list(Key.objects.filter(id__gt=after).order_by("id").values_list("id", flat=True)[:BATCH]):
        yield keys
        after = keys[-1]


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _run(statement: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
