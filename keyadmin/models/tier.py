"""Rate tiers: how many calls a key may make in any rolling hour."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Tier(models.Model):
    """Shared by all organisations; part of the catalogue."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=60, unique=True)
    hourly_limit = models.PositiveIntegerField(_("requests an hour"))

    class Meta:
        db_table = "tier"
        ordering = ("hourly_limit", "name")
        constraints = (models.CheckConstraint(condition=models.Q(hourly_limit__gt=0), name="tier_limit_positive"),)

    def __str__(self) -> str:
        return self.name
