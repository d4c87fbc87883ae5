"""The ledgers of calls: how many by key, hour and outcome; by which scope, address and secret; the last refused.

None has a foreign key: the lock a foreign key takes would deadlock with an operation's, and a key's ledger of
hours outlives it. `UsageHour`'s allowed calls are added by the meter when a minute is over, exactly once; all
else is added by `keyadmin.callpath.usage`, within about a second. Days and hours follow the database's clock, UTC.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Self
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import models
from django.db.models.functions import Now, TruncDate
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from keyadmin.core.redaction import MAX_LINE_LENGTH

#: Addresses kept of a key's day, besides as many candidates.
MAX_ADDRESSES_PER_DAY: Final = 20
#: PostgreSQL's advisory lock that who writes these rows shares, and who deletes a key's holds alone.
USAGE_WRITE_LOCK_ID: Final = 0x6B61645F75736564


class CallOutcomeGroup(models.TextChoices):
    """What charts tell apart."""

    OK = "ok", _("Allowed")
    PERMISSION = "permission", _("No permission")
    ADDRESS = "address", _("IP not allowed")
    LIMITED = "limited", _("Limited")
    EXPIRED = "expired", _("Not active")


class CallOutcome(models.TextChoices):
    """What became of a call with a proven secret: allowed, or the label of the `Reason` for which it was refused."""

    OK = "ok", _("Allowed")
    REVOKED = "revoked", _("Revoked")
    EXPIRED = "expired", _("Expired")
    PAUSED = "paused", _("Paused")
    ADDRESS = "address", _("IP not allowed")
    UNMAPPED = "unmapped", _("Nothing opens this call")
    SCOPE = "scope", _("No permission")
    CHANNEL = "channel", _("Channel not allowed")
    IMPERSONATION = "impersonation", _("May not act for a person")
    ON_BEHALF_OF = "on_behalf_of", _("Nobody to act for")
    LIMITED = "limited", _("Limited")

    @property
    def group(self) -> CallOutcomeGroup:
        if self in (CallOutcome.REVOKED, CallOutcome.EXPIRED, CallOutcome.PAUSED):
            return CallOutcomeGroup.EXPIRED
        if self in (CallOutcome.OK, CallOutcome.ADDRESS, CallOutcome.LIMITED):
            return CallOutcomeGroup(self.value)
        return CallOutcomeGroup.PERMISSION


class UsageHourQuerySet(models.QuerySet[Any]):
    def denied(self, key: UUID, since: datetime) -> Self:
        """The key's hours in which it was refused, by reason."""
        return self.filter(key_id=key, hour__gte=since).exclude(outcome=CallOutcome.OK)

    def by_reason(self) -> list[tuple[str, int]]:
        """How many calls of each reason, the most first."""
        calls = self.values("outcome").annotate(calls=models.Sum("count")).order_by("-calls", "outcome")
        return [(reason, int(count)) for reason, count in calls.values_list("outcome", "calls")]

    def by_hour(self, order: str) -> models.QuerySet[Any]:
        """(hour, reasons, how many of each), in the order of "hour" or "-hour"."""
        lists = {"reasons": ArrayAgg("outcome", order_by="outcome"), "calls": ArrayAgg("count", order_by="outcome")}
        return self.values("hour").annotate(**lists).order_by(order).values_list("hour", "reasons", "calls")


class UsageHour(models.Model):
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

    Adds the newest minute, which is still in the meter, to the ledger's hours. The key must come `with_window`.
    """
    rows = UsageHour.objects.filter(key_id=key.id, hour__gte=datetime.combine(first, time.min, tzinfo=UTC))
    sums = rows.annotate(day=TruncDate("hour", tzinfo=UTC)).values("day", "outcome").annotate(calls=models.Sum("count"))
    counts: dict[date, dict[str, int]] = {}
    for day, outcome, calls in sums.values_list("day", "outcome", "calls"):
        groups, group = counts.setdefault(day, {}), CallOutcome(outcome).group.value
        groups[group] = groups.get(group, 0) + int(calls)
    if key.running_calls:
        groups = counts.setdefault(datetime.fromtimestamp(key.running_minute * 60, UTC).date(), {})
        groups["ok"] = groups.get("ok", 0) + key.running_calls
    return counts


def calls_of_last_days(key: Any, count: int) -> dict[date, dict[str, int]]:
    """As `calls_by_day`, of so many days to today, the oldest first: every day, with every group."""
    today = timezone.now().astimezone(UTC).date()
    days = [today - timedelta(days=back) for back in reversed(range(count))]
    found, none = calls_by_day(key, days[0]), dict.fromkeys(CallOutcomeGroup.values, 0)
    return {day: none | found.get(day, {}) for day in days}


#: Why a call with a proven secret is refused.
_REFUSALS: Final = [choice for choice in CallOutcome.choices if choice[0] != CallOutcome.OK]


class LastDenial(models.Model):
    """When a key was last refused for a reason, and by which request.

    The address is NULL if it is unknown. The request line is redacted.
    """

    pk = models.CompositePrimaryKey("key_id", "reason")
    key_id = models.UUIDField()
    reason = models.CharField(max_length=16, choices=_REFUSALS)
    at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True)
    call = models.CharField(max_length=MAX_LINE_LENGTH, default="", db_default="")

    class Meta:
        db_table = "last_refusal"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(reason__in=[name for name, _ in _REFUSALS]), name="last_refusal_reason_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.key_id} {self.reason} {self.at}"


class ScopeDayQuerySet(models.QuerySet[Any]):
    def calls_since(self, key: UUID, first: date) -> dict[str, int]:
        """By scope, the calls of the key that it opened on that day or later."""
        calls = self.filter(key_id=key, day__gte=first).values("scope").annotate(calls=models.Sum("count"))
        return {scope: int(count) for scope, count in calls.values_list("scope", "calls")}


class ScopeDay(models.Model):
    """Allowed calls by the scope that opened them. A call that several scopes open counts for each."""

    #: In this order, so that the last day of a key's scope is one look-up.
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
        """By the database's clock, UTC."""
        return self.filter(day=TruncDate(Now(), tzinfo=UTC))

    def yesterday(self) -> Self:
        """By the database's clock, UTC."""
        return self.filter(day=TruncDate(Now() - timedelta(days=1), tzinfo=UTC))

    def by_address(self, keys: Collection[UUID] | models.QuerySet[Any]) -> dict[str, int]:
        """By address, the calls of the keys together."""
        calls = self.filter(key_id__in=keys).values("address").annotate(calls=models.Sum("count"))
        return {address: int(count) for address, count in calls.values_list("address", "calls")}


class AddressDay(models.Model):
    """Allowed calls by where they came from: the busiest addresses of each key's day, and candidates.

    `count` never says more than there were; `call` is the redacted request line of the last one. `weight` decides which
    candidates stay: an address that comes when all places are taken begins with the weight of the one it displaces (the
    "space-saving" algorithm of Metwally, Agrawal and El Abbadi), so that whoever comes late and calls often gets in,
    and many who call once displace only each other.
    """

    pk = models.CompositePrimaryKey("key_id", "day", "address")
    key_id = models.UUIDField()
    day = models.DateField()
    address = models.GenericIPAddressField()
    count = models.BigIntegerField()
    weight = models.BigIntegerField()
    call = models.CharField(max_length=MAX_LINE_LENGTH, default="", db_default="")

    objects = AddressDayQuerySet.as_manager()

    class Meta:
        db_table = "address_day"
        indexes = (models.Index(fields=("day",), name="address_day_day"),)

    def __str__(self) -> str:
        return f"{self.key_id} {self.day} {self.address}"


class SecretUse(models.Model):
    """When a secret last let a call pass."""

    secret_id = models.UUIDField(primary_key=True)
    last_used_at = models.DateTimeField()

    class Meta:
        db_table = "secret_use"

    def __str__(self) -> str:
        return f"{self.secret_id} {self.last_used_at}"
