"""The ledger of calls by key and hour."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Outcome(models.TextChoices):
    """What became of a call with a proven secret."""

    OK = "ok", _("Allowed")
    PERMISSION = "permission", _("No permission")
    ADDRESS = "address", _("IP not allowed")
    LIMITED = "limited", _("Limited")
    EXPIRED = "expired", _("Expired")


class UsageHour(models.Model):
    """Allowed calls are added by the meter when a minute is over, exactly once. No foreign key, as for the meter."""

    pk = models.CompositePrimaryKey("key_id", "hour", "outcome")
    key_id = models.UUIDField()
    hour = models.DateTimeField()
    outcome = models.CharField(max_length=12, choices=Outcome)
    count = models.BigIntegerField(default=0)

    class Meta:
        db_table = "usage_hour"
        constraints = (
            models.CheckConstraint(condition=models.Q(outcome__in=Outcome.values), name="usage_hour_outcome_known"),
            models.CheckConstraint(condition=models.Q(count__gte=0), name="usage_hour_count_not_negative"),
        )

    def __str__(self) -> str:
        return f"{self.key_id} {self.hour} {self.outcome}"
