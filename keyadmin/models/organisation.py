"""Organisations: the tenants, which own bots, keys and channels, and set the rules for new keys."""

import uuid
from datetime import datetime, timedelta
from typing import Final, Self

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from keyadmin.core.text import normalise
from keyadmin.core.tokens import PREFIX_PATTERN, KeyFormat
from keyadmin.models import texts
from keyadmin.models.base import ActorQuerySet, RevisionedModel

#: (shortest, longest) retention of usage that an organisation may choose, in days. Charts need 90 days.
USAGE_RETENTION_DAYS: Final = (90, 3650)


class OrganisationQuerySet(ActorQuerySet):
    organisation_path = "id"

    def active(self) -> Self:
        return self.filter(is_active=True)

    def search(self, text: str) -> Self:
        """Organisations whose name contains the text."""
        return self.filter(name__icontains=normalise(text))


class Organisation(RevisionedModel):
    """A tenant. Disabling it pauses all its keys. It is never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = texts.Text(_("name"), max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    is_active = models.BooleanField(default=True)
    key_prefix = models.CharField(max_length=12, default="kad", validators=[RegexValidator(f"^{PREFIX_PATTERN}$")])
    key_format = models.CharField(
        max_length=8, choices=[(f.value, f.value) for f in KeyFormat], default=KeyFormat.DEFAULT.value
    )
    default_tier = models.ForeignKey("keyadmin.Tier", on_delete=models.PROTECT, related_name="+")
    default_expiry_days = models.PositiveIntegerField(null=True, blank=True, default=90)
    max_expiry_days = models.PositiveIntegerField(null=True, blank=True)
    may_never_expire = models.BooleanField(default=True)
    #: Days for which the usage of its keys is kept.
    usage_retention_days = models.PositiveIntegerField(default=400)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        db_table = "organisation"
        ordering = ("name", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(usage_retention_days__range=USAGE_RETENTION_DAYS),
                name="organisation_usage_retention_days_range",
            ),
            models.CheckConstraint(
                condition=models.Q(key_prefix__regex=f"^{PREFIX_PATTERN}$"),
                name="organisation_key_prefix_shape",
            ),
            models.CheckConstraint(
                condition=models.Q(key_format__in=[f.value for f in KeyFormat]),
                name="organisation_key_format_known",
            ),
        )

    def allows_expiry(self, expires_at: datetime | None, now: datetime) -> bool:
        """Whether a key may have this expiry, by the present rules. None means that the key never expires."""
        return is_expiry_allowed(expires_at, now, self.may_never_expire, self.max_expiry_days)

    def __str__(self) -> str:
        return self.name


def is_expiry_allowed(
    expires_at: datetime | None, now: datetime, may_never_expire: bool, max_expiry_days: int | None
) -> bool:
    """Whether an organisation with these rules allows a key to have this expiry."""
    if expires_at is None:
        return may_never_expire
    return not max_expiry_days or expires_at <= now + timedelta(days=max_expiry_days)
