"""Usage: the ledger of calls by key, hour and outcome; calls by scope, address and secret; and the last denials.

When a minute is over, its allowed calls move from the meter to `UsageHour`, each exactly once.
`keyadmin.callpath.usage` writes all other rows about a second after the calls. Days and hours are UTC, by the
database's clock.

No table has a foreign key. The lock that a foreign key takes would deadlock with operations, and the hours of a deleted
key stay.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import models
from django.db.models.functions import Now, TruncDate
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from keyadmin.core.denials import ALLOWED, DenialReason
from keyadmin.core.redaction import MAX_REQUEST_LINE_LENGTH

#: Addresses of each key and day that pages show. The same number is kept in addition, as candidates.
MAX_ADDRESSES_PER_DAY: Final = 20
#: ID of the advisory lock of these tables. Writers of usage share it; the deletion of a key or secret excludes them.
USAGE_WRITE_LOCK_ID: Final = 0x6B61645F75736564


class CallOutcomeGroup(models.TextChoices):
    """The groups of outcomes that charts show."""

    OK = "ok", _("Allowed")
    PERMISSION = "permission", _("No permission")
    ADDRESS = "address", _("IP denied")
    LIMITED = "limited", _("Rate limited")
    EXPIRED = "expired", _("Inactive key")


def _choice(reason: DenialReason) -> tuple[str, Promise]:
    """The value and label of the outcome of a call that is denied for the reason."""
    return reason.label, _(reason.title)


class CallOutcome(models.TextChoices):
    """The outcome of a call with an identified key: allowed, or the denial reason. `DenialReason` has their texts."""

    OK = ALLOWED, _("Allowed")
    REVOKED = _choice(DenialReason.REVOKED)
    EXPIRED = _choice(DenialReason.EXPIRED)
    PAUSED = _choice(DenialReason.PAUSED)
    ADDRESS = _choice(DenialReason.ADDRESS)
    UNMAPPED = _choice(DenialReason.UNMAPPED)
    SCOPE = _choice(DenialReason.SCOPE)
    CHANNEL = _choice(DenialReason.CHANNEL)
    IMPERSONATION = _choice(DenialReason.IMPERSONATION)
    ON_BEHALF_OF = _choice(DenialReason.ON_BEHALF_OF)
    LIMITED = _choice(DenialReason.LIMITED)

    @property
    def phrase(self) -> str:
        """A phrase for the middle of a sentence, not translated; "" for an allowed call."""
        return "" if self == ALLOWED else DenialReason[self.name].phrase

    @property
    def group(self) -> CallOutcomeGroup:
        return CallOutcomeGroup.OK if self == ALLOWED else CallOutcomeGroup(str(DenialReason[self.name].group))


class UsageHourQuerySet(models.QuerySet[Any]):
    def denied(self, key: UUID | models.OuterRef, since: datetime) -> Self:
        """The key's denied calls from `since` on, by hour and reason."""
        return self.filter(key_id=key, hour__gte=since).exclude(outcome=CallOutcome.OK)

    def by_hour(self, order: str) -> models.QuerySet[Any]:
        """(hour, reasons, calls for each of the reasons), in the `order` "hour" or "-hour"."""
        lists = {"reasons": ArrayAgg("outcome", order_by="outcome"), "calls": ArrayAgg("count", order_by="outcome")}
        rows: models.QuerySet[Any] = self.values("hour").annotate(**lists).order_by(order)
        return rows.values_list("hour", "reasons", "calls")


class UsageHour(models.Model):
    """The calls of a key in an hour, by outcome."""

    pk = models.CompositePrimaryKey("key_id", "hour", "outcome")
    key_id = models.UUIDField()
    hour = models.DateTimeField()
    outcome = models.CharField(max_length=16, choices=CallOutcome)
    count = models.BigIntegerField(default=0)

    objects = UsageHourQuerySet.as_manager()

    class Meta:
        db_table = "usage_hour"
        indexes = (models.Index(fields=("hour",), name="usage_hour_hour"),)
        constraints = (
            models.CheckConstraint(condition=models.Q(outcome__in=CallOutcome.values), name="usage_hour_outcome_known"),
            models.CheckConstraint(condition=models.Q(count__gte=0), name="usage_hour_count_not_negative"),
        )

    def __str__(self) -> str:
        return f"{self.key_id} {self.hour} {self.outcome}"


def calls_by_day(key: Any, first: date) -> dict[date, dict[str, int]]:
    """The key's calls by day (UTC) and CallOutcomeGroup, from the day `first` on.

    Includes the newest minute, which is still in the meter. The key must have been read `with_hourly_usage`.
    """
    rows = UsageHour.objects.filter(key_id=key.id, hour__gte=datetime.combine(first, time.min, tzinfo=UTC))
    sums = rows.annotate(day=TruncDate("hour", tzinfo=UTC)).values("day", "outcome").annotate(calls=models.Sum("count"))
    counts: dict[date, dict[str, int]] = {}
    for day, outcome, calls in sums.values_list("day", "outcome", "calls"):
        groups, group = counts.setdefault(day, {}), CallOutcome(outcome).group.value
        groups[group] = groups.get(group, 0) + int(calls)
    if key.newest_minute_calls:
        groups = counts.setdefault(datetime.fromtimestamp(key.newest_minute * 60, UTC).date(), {})
        groups["ok"] = groups.get("ok", 0) + key.newest_minute_calls
    return counts


def calls_of_last_days(key: Any, count: int) -> dict[date, dict[str, int]]:
    """`calls_by_day` for the last `count` days, today included, the oldest first. Missing days and groups are 0."""
    today = timezone.now().astimezone(UTC).date()
    days = [today - timedelta(days=back) for back in reversed(range(count))]
    calls, zeros = calls_by_day(key, days[0]), dict.fromkeys(CallOutcomeGroup.values, 0)
    return {day: zeros | calls.get(day, {}) for day in days}


#: The outcomes of denied calls.
_DENIALS: Final = [choice for choice in CallOutcome.choices if choice[0] != CallOutcome.OK]


class LastDenial(models.Model):
    """The last time a key was denied for a reason.

    `address` is NULL if it is unknown. `call` is the redacted request line.
    """

    pk = models.CompositePrimaryKey("key_id", "reason")
    key_id = models.UUIDField()
    reason = models.CharField(max_length=16, choices=_DENIALS)
    at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True)
    call = models.CharField(max_length=MAX_REQUEST_LINE_LENGTH, default="", db_default="")

    class Meta:
        db_table = "last_denial"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(reason__in=[name for name, _ in _DENIALS]), name="last_denial_reason_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.key_id} {self.reason} {self.at}"


class ReasonDenials(NamedTuple):
    """The denied calls of a key for one reason: their number in a period, and the last one as in LastDenial."""

    reason: str
    requests: int
    at: datetime | None
    address: str | None
    call: str


def denials_by_reason(key: Any) -> list[ReasonDenials]:
    """Every reason for which the key was denied, the latest first. The key must have been read `with_denials`.

    A reason without a row in LastDenial has no `at`, and comes last.
    """
    calls = {row["reason"]: int(row["calls"]) for row in key.denied_calls}
    rows = [row | {"at": datetime.fromisoformat(row["at"])} for row in key.last_denials]
    rows.sort(key=lambda row: row["at"], reverse=True)
    found = [ReasonDenials(requests=calls.pop(row["reason"], 0), **row) for row in rows]
    return found + [ReasonDenials(reason, requests, None, None, "") for reason, requests in calls.items()]


class ScopeDayQuerySet(models.QuerySet[Any]):
    def calls_since(self, key: UUID, first: date) -> dict[str, int]:
        """By scope, the number of the key's calls that it opened from the day `first` on."""
        calls = self.filter(key_id=key, day__gte=first).values("scope").annotate(calls=models.Sum("count"))
        return {scope: int(count) for scope, count in calls.values_list("scope", "calls")}


class ScopeDay(models.Model):
    """Allowed calls of a key on a day, by scope that opened them. A call that several scopes open counts for each."""

    #: In this order of columns, the last day of a key's scope is one look-up in the index.
    pk = models.CompositePrimaryKey("key_id", "scope", "day")
    key_id = models.UUIDField()
    day = models.DateField()
    scope = models.CharField(max_length=60)
    count = models.BigIntegerField()

    objects = ScopeDayQuerySet.as_manager()

    class Meta:
        db_table = "scope_day"
        indexes = (models.Index(fields=("day",), name="scope_day_day"),)

    def __str__(self) -> str:
        return f"{self.key_id} {self.day} {self.scope}"


class AddressDayQuerySet(models.QuerySet[Any]):
    def today(self) -> Self:
        """The rows of the current day (UTC, by the database's clock)."""
        return self.filter(day=TruncDate(Now(), tzinfo=UTC))

    def yesterday(self) -> Self:
        """The rows of the previous day (UTC, by the database's clock)."""
        return self.filter(day=TruncDate(Now() - timedelta(days=1), tzinfo=UTC))

    def by_address(self, keys: Collection[UUID] | models.QuerySet[Any]) -> dict[str, int]:
        """By address, the sum of the calls of the keys."""
        calls = self.filter(key_id__in=keys).values("address").annotate(calls=models.Sum("count"))
        return {address: int(count) for address, count in calls.values_list("address", "calls")}


class AddressDay(models.Model):
    """Allowed calls of a key on a day by client address, for the busiest addresses and for candidates.

    `count` is the number of calls since the row exists, so it is never too high. `call` is the redacted request line of
    the last call. `weight` decides which candidates stay, by the "space-saving" algorithm of Metwally, Agrawal and
    El Abbadi: when the number of rows has reached its limit, a new address starts with the weight of the candidate that
    it replaces. So an address that appears late and calls often stays, while addresses that call once replace each
    other.
    """

    pk = models.CompositePrimaryKey("key_id", "day", "address")
    key_id = models.UUIDField()
    day = models.DateField()
    address = models.GenericIPAddressField()
    count = models.BigIntegerField()
    weight = models.BigIntegerField()
    call = models.CharField(max_length=MAX_REQUEST_LINE_LENGTH, default="", db_default="")

    objects = AddressDayQuerySet.as_manager()

    class Meta:
        db_table = "address_day"
        indexes = (models.Index(fields=("day",), name="address_day_day"),)

    def __str__(self) -> str:
        return f"{self.key_id} {self.day} {self.address}"


class SecretUse(models.Model):
    """The last allowed call with a secret that has been replaced."""

    secret_id = models.UUIDField(primary_key=True)
    last_used_at = models.DateTimeField()

    class Meta:
        db_table = "secret_use"

    def __str__(self) -> str:
        return f"{self.secret_id} {self.last_used_at}"
