"""Rate tiers: the number of calls that a key may make in a rolling hour."""

import uuid
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from keyadmin.models import texts
from keyadmin.models.base import CatalogueQuerySet, RevisionedModel
from keyadmin.models.expressions import CappedCount
from keyadmin.models.key import Key
from keyadmin.models.organisation import Organisation


class TierQuerySet(CatalogueQuerySet):
    def with_key_count(self) -> Self:
        """Adds `key_count`, the number of keys in the tier, and `organisation_count`, of those whose default tier it
        is.

        Both are at most COUNT_LIMIT + 1.
        """
        return self.annotate(
            key_count=CappedCount(Key.objects, "tier"),
            organisation_count=CappedCount(Organisation.objects, "default_tier"),
        ).order_by("hourly_limit", "name")


class Tier(RevisionedModel):
    """A named rate limit. Tiers belong to the catalogue, which all organisations share."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = texts.Text(_("name"), max_length=60, unique=True)
    hourly_limit = models.PositiveIntegerField(_("requests an hour"))

    objects = TierQuerySet.as_manager()

    class Meta:
        db_table = "tier"
        ordering = ("hourly_limit", "name")
        constraints = (models.CheckConstraint(condition=models.Q(hourly_limit__gt=0), name="tier_limit_positive"),)

    def __str__(self) -> str:
        return self.name
