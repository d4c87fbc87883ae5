"""The roll-up of usage: daily sums, so that a page does not have to add up the hours of a hundred thousand keys.

`UsageDay` has the sums of organisations, bots and the whole installation; `KeyDay` has those of each key, for finished
days. `UsageRollUp` says up to which time. Later calls are in `UsageHour`, and those of a key's newest minute are in its
meter. The sum of a finished hour does not change any more: it includes a minute that is still in a meter.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, QuerySet, Sum, Value
from django.db.models.functions import Cast, Coalesce, TruncDate
from django.utils.translation import gettext_lazy as _

from keyadmin.models.expressions import EqualsAny
from keyadmin.models.meter import Meter
from keyadmin.models.usage import CallOutcome, UsageHour

#: The subject of the sums of all keys.
INSTALLATION: Final = UUID(int=0)
type Keys = Collection[UUID] | QuerySet[Any]
"""IDs of keys, or a query that returns IDs of keys."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class KeySubset(models.TextChoices):
    """Which keys of a subject a sum covers. OWN leaves out the keys of bots."""

    ALL = "all", _("All keys")
    OWN = "own", _("Keys of no bot")


class Subject(NamedTuple):
    """What a sum covers: the keys of an organisation, of a bot, or of the installation (INSTALLATION)."""

    id: UUID
    key_subset: KeySubset = KeySubset.ALL


class UsageDayQuerySet(models.QuerySet[Any]):
    def of(self, subjects: Collection[Subject]) -> Self:
        condition = Q(pk__in=[])
        for key_subset in KeySubset:
            if ids := [subject.id for subject in subjects if subject.key_subset == key_subset]:
                condition |= Q(subject__in=ids, key_subset=key_subset)
        return self.filter(condition)


class UsageDay(models.Model):
    """The calls of a subject on a day, by outcome. Calls of keys that were deleted later are included."""

    pk = models.CompositePrimaryKey("subject", "key_subset", "day", "outcome")
    subject = models.UUIDField()
    key_subset = models.CharField(max_length=3, choices=KeySubset)
    day = models.DateField()
    outcome = models.CharField(max_length=16, choices=CallOutcome)
    count = models.BigIntegerField()

    objects = UsageDayQuerySet.as_manager()

    class Meta:
        db_table = "usage_day"
        constraints = (
            models.CheckConstraint(condition=Q(outcome__in=CallOutcome.values), name="usage_day_outcome_known"),
            models.CheckConstraint(condition=Q(key_subset__in=KeySubset.values), name="usage_day_key_subset_known"),
        )

    def __str__(self) -> str:
        return f"{self.subject} {self.key_subset} {self.day} {self.outcome}"


class KeyDay(models.Model):
    """The calls of a key on a finished day."""

    pk = models.CompositePrimaryKey("key_id", "day")
    key_id = models.UUIDField()
    day = models.DateField()
    allowed = models.BigIntegerField()
    denied = models.BigIntegerField()

    class Meta:
        db_table = "key_day"
        indexes = (models.Index(fields=("day",), name="key_day_day"),)

    def __str__(self) -> str:
        return f"{self.key_id} {self.day}"


class UsageRollUp(models.Model):
    """Up to which time usage is summed, in one row.

    The hours before `hours_until` are in UsageDay, and the days before `days_until` are in KeyDay.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    hours_until = models.DateTimeField()
    days_until = models.DateTimeField()

    class Meta:
        db_table = "usage_roll_up"
        constraints = (models.CheckConstraint(condition=Q(id=1), name="usage_roll_up_single"),)

    def __str__(self) -> str:
        return f"{self.hours_until:%Y-%m-%d %H:%M}"


def by_day(subjects: Collection[Subject], keys: Keys | None, first: date) -> list[tuple[date, str, int]]:
    """(day, outcome, calls) from the day `first` (UTC) on, in one statement. The caller adds up rows of the same day.

    The rows are the sums of the subjects and, unless `keys` is None, the calls of these keys that are not summed yet.
    """
    added = UsageDay.objects.of(subjects).filter(day__gte=first).values("day", "outcome").annotate(calls=Sum("count"))
    parts: list[Any] = [added.values_list("day", "outcome", "calls")]
    if keys is not None:
        until = summed_until("hours_until")
        hours = _of_keys(UsageHour.objects, keys).filter(hour__gte=_midnight(first)).filter(hour__gte=until)
        days = hours.annotate(day=TruncDate("hour", tzinfo=UTC)).values("day", "outcome").annotate(calls=Sum("count"))
        minutes = _newest_minutes(keys, first).filter(at__gte=until).annotate(day=TruncDate("at", tzinfo=UTC))
        running = (
            minutes.annotate(outcome=_text(CallOutcome.OK)).values("day", "outcome").annotate(calls=Sum("cells__0"))
        )
        parts += [days.values_list("day", "outcome", "calls"), running.values_list("day", "outcome", "calls")]
    rows = parts[0].union(*parts[1:], all=True) if parts[1:] else parts[0]
    return [(day, outcome, int(calls)) for day, outcome, calls in rows]


def by_key(keys: Keys, first: date, *by: str) -> list[tuple[Any, ...]]:
    """(key, allowed, denied), or (key, day, allowed, denied) if `by` is "day", from the day `first` (UTC) on.

    One statement. The caller adds up rows of the same key and day.
    """
    until = summed_until("days_until")
    names = ("key_id", *by, "allowed", "denied")
    finished = _of_keys(KeyDay.objects, keys).filter(day__gte=first).order_by()
    finished = finished.values("key_id", *by).annotate(a=Sum("allowed"), d=Sum("denied"))
    ok = Q(outcome=CallOutcome.OK)
    hours = _of_keys(UsageHour.objects, keys).filter(hour__gte=_midnight(first)).filter(hour__gte=until).order_by()
    hours = hours.annotate(day=TruncDate("hour", tzinfo=UTC)).values("key_id", *by)
    hours = hours.annotate(allowed=Sum("count", filter=ok, default=0), denied=Sum("count", filter=~ok, default=0))
    minutes = _newest_minutes(keys, first).filter(at__gte=until).annotate(day=TruncDate("at", tzinfo=UTC))
    running = minutes.annotate(
        allowed=Cast("cells__0", models.DecimalField()), denied=Value(0, models.DecimalField())
    ).values_list(*names)
    rows = finished.values_list("key_id", *by, "a", "d").union(hours.values_list(*names), running, all=True)
    return [(*row[:-2], int(row[-2]), int(row[-1])) for row in rows]


def _of_keys(rows: Any, keys: Keys) -> QuerySet[Any]:
    """The rows of the keys.

    PostgreSQL looks an array up in the index. For a join it may read the whole ledger, and sending hundreds of
    parameters takes longer than the look-up.
    """
    ids: Any = ArraySubquery(keys) if isinstance(keys, QuerySet) else Value(list(keys), ArrayField(models.UUIDField()))
    of_keys: QuerySet[Any] = rows.filter(EqualsAny(F("key_id"), ids))
    return of_keys


def _newest_minutes(keys: Keys, first: date) -> QuerySet[Any]:
    """The meters of the keys with calls in the newest minute, which is not in the ledger, and its time as `at`."""
    at = Func(F("minute") * 60, function="to_timestamp", output_field=models.DateTimeField())
    meters: QuerySet[Any] = _of_keys(Meter.objects, keys).filter(cells__0__gt=0).annotate(at=at)
    return meters.filter(at__gte=_midnight(first))


def summed_until(field: str) -> Any:
    """A column of UsageRollUp, read by the same statement as the sums; the epoch before the first roll-up."""
    until = UsageRollUp.objects.values(field)[:1]
    return Coalesce(models.Subquery(until), Value(_EPOCH), output_field=models.DateTimeField())


def _text(value: str) -> Any:
    return Cast(Value(value), models.CharField(max_length=16))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
