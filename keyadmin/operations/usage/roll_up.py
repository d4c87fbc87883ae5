"""The roll-up: sums usage by day, of each key, bot and organisation, and of the installation."""

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
from keyadmin.operations.usage.pruning import get_retention

#: The time after the end of an hour at which all its calls are in the ledger or in meters.
HOUR_END_DELAY: Final = timedelta(minutes=1)
#: Keys in one statement.
BATCH_SIZE: Final = 1_000
#: ID of the advisory lock: one process runs the roll-up at a time.
ROLL_UP_LOCK_ID: Final = 0x6B61645F726F6C6C
_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ADD_HOURS, _WRITE_KEYS = (Path(__file__).with_name(f"roll_up_{name}.sql").read_text() for name in ("hours", "keys"))


def roll_up(*, again_from: date | None = None) -> UsageRollUp:
    """Add the finished hours that are not summed yet, each exactly once, and write the finished days of each key.

    `again_from` deletes the sums from that day on and computes them again. This is needed after a clock was set back,
    or after rows of the past were inserted. Raises InvalidInputError if hours of that time may have been pruned, and
    ConflictError while another process runs the roll-up.
    """
    with advisory_lock(ROLL_UP_LOCK_ID, _("Usage is already being summed. Try again later.")):
        until = _hour(database_time() - HOUR_END_DELAY)
        state = _begin(until, again_from)
        while state.hours_until < until:
            _skip_gap(state, until)
            if state.hours_until < until:
                _add_hours(state, until)
        midnight = datetime.combine(state.hours_until.astimezone(UTC), time.min, tzinfo=UTC)
        if state.days_until < midnight:
            for keys in _key_batches():
                _execute(_WRITE_KEYS, keys=keys, first=state.days_until, until=midnight)
            state.days_until = midnight
            state.save(update_fields=("days_until",))
        return state


def _begin(until: datetime, again_from: date | None) -> UsageRollUp:
    """The state of the roll-up, set back to `again_from` if given. The first run starts at the first call."""
    state = UsageRollUp.objects.first()
    if state is None:
        first = min(_next_call(_EPOCH) or until, until)
        day = datetime.combine(first.astimezone(UTC), time.min, tzinfo=UTC)
        return UsageRollUp.objects.create(hours_until=_hour(first), days_until=day)
    if again_from is not None:
        if again_from <= (until - timedelta(days=get_retention().shortest)).date():
            raise InvalidInputError(
                {"again_from": [_("Choose a later day: the hours of that day may have been deleted.")]}
            )
        midnight = datetime.combine(again_from, time.min, tzinfo=UTC)
        with transaction.atomic():
            UsageDay.objects.filter(day__gte=again_from).delete()
            state.hours_until = min(state.hours_until, midnight)
            state.days_until = min(state.days_until, midnight)
            state.save()
    return state


def _skip_gap(state: UsageRollUp, until: datetime) -> None:
    """Skip a gap of more than a day without calls."""
    next_call = min(_next_call(state.hours_until) or until, until)
    if next_call - state.hours_until > _DAY:
        state.hours_until = _hour(next_call)
        state.save(update_fields=("hours_until",))


def _next_call(since: datetime) -> datetime | None:
    """The hour or minute of the first call since then; exact only if it is more than a day later.

    None if there is none.
    """
    hour: datetime | None = UsageHour.objects.filter(hour__gte=since).aggregate(first=Min("hour"))["first"]
    if hour is not None and hour <= since + _DAY:
        return hour
    meters = Meter.objects.filter(cells__0__gt=0, minute__gte=int(since.timestamp()) // 60)
    minute = meters.aggregate(first=Min("minute"))["first"]
    known = [moment for moment in (hour, minute and datetime.fromtimestamp(minute * 60, UTC)) if moment]
    return min(known, default=None)


def _add_hours(state: UsageRollUp, until: datetime) -> None:
    """Add the hours up to `until`, or to the end of the day, to the sums and advance the state, in one transaction."""
    midnight = datetime.combine(state.hours_until.astimezone(UTC), time.min, tzinfo=UTC) + _DAY
    end = min(until, midnight)
    with transaction.atomic():
        _execute(_ADD_HOURS, since=state.hours_until, until=end, installation=INSTALLATION)
        state.hours_until = end
        state.save(update_fields=("hours_until",))


def _key_batches() -> Iterator[list[UUID]]:
    """The ids of all keys, in batches of BATCH_SIZE."""
    after = UUID(int=0)
    while keys := list(Key.objects.filter(id__gt=after).order_by("id").values_list("id", flat=True)[:BATCH_SIZE]):
        yield keys
        after = keys[-1]


def _hour(moment: datetime) -> datetime:
    """The start of the hour (UTC)."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _execute(statement: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
