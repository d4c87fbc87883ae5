"""Bulk revocations: the keys that a background job revokes, and what the job has done with each of them."""

import uuid
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Self

from django.db import models
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from keyadmin.core.actors import Actor
from keyadmin.models import texts
from keyadmin.models.base import ActorQuerySet
from keyadmin.models.organisation import Organisation

#: A bulk revocation and its result are deleted after this time. History keeps its events.
BULK_REVOCATION_RETENTION: Final = timedelta(days=30)


class BulkOutcome(models.TextChoices):
    """What the job has done with a key. The label is the reason why a key was skipped or why it failed."""

    WAITING = "waiting", _("Not revoked")
    REVOKED = "revoked", _("Revoked")
    ALREADY_REVOKED = "already_revoked", _("It was already revoked.")
    DELETED = "deleted", _("It was deleted.")
    FORBIDDEN = "forbidden", _("The person who started this has no permission to revoke it any more.")
    DISABLED = "disabled", _("Its organisation is disabled.")
    FAILED = "failed", _("It could not be revoked.")


#: Outcomes of keys that stayed as they were, for a known reason.
SKIPPED: Final = (
    BulkOutcome.ALREADY_REVOKED,
    BulkOutcome.DELETED,
    BulkOutcome.FORBIDDEN,
    BulkOutcome.DISABLED,
)


class BulkCounts(NamedTuple):
    """The number of keys by outcome."""

    waiting: int
    revoked: int
    skipped: int
    failed: int

    @property
    def decided(self) -> int:
        return self.revoked + self.skipped + self.failed


class BulkRevocationQuerySet(ActorQuerySet):
    def visible_to(self, actor: Actor) -> Self:
        """The bulk revocations whose keys are all of organisations that the actor may read."""
        if self.sees_everything(actor):
            return self
        keys = BulkRevocationKey.objects.filter(revocation=models.OuterRef("pk"))
        return self.filter(~models.Exists(keys.exclude(organisation__in=self.readable_organisations(actor))))


class BulkRevocation(models.Model):
    """Keys that are revoked in the background.

    It ends when all keys are decided (`finished_at`), or earlier when a person stops it (`stopped_at`). The event of
    its start tells who started it; see operations/keys/bulk_revocation.py.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reason = texts.Text(max_length=300, blank=True, default="")
    key_count = models.PositiveIntegerField()
    started_by = texts.Text(max_length=254)
    started_at = models.DateTimeField(db_default=Now())
    #: When a worker has taken the first key; None before.
    begun_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    stopped_by = texts.Text(max_length=254, blank=True, default="")

    objects = BulkRevocationQuerySet.as_manager()

    class Meta:
        db_table = "bulk_revocation"
        constraints = (
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True) | Q(stopped_at__isnull=True), name="bulk_revocation_one_end"
            ),
        )

    def __str__(self) -> str:
        return ngettext("%(count)d key", "%(count)d keys", self.key_count) % {"count": self.key_count}

    @property
    def ended_at(self) -> datetime | None:
        return self.finished_at or self.stopped_at

    def counts(self) -> BulkCounts:
        """The number of keys by outcome, in one statement."""
        by_outcome = dict(self.keys.order_by().values_list("outcome").annotate(Count("id")))
        return BulkCounts(
            waiting=by_outcome.get(BulkOutcome.WAITING, 0),
            revoked=by_outcome.get(BulkOutcome.REVOKED, 0),
            skipped=sum(by_outcome.get(outcome, 0) for outcome in SKIPPED),
            failed=by_outcome.get(BulkOutcome.FAILED, 0),
        )

    def organisations(self) -> models.QuerySet[Any]:
        """The organisations of its keys."""
        ids = self.keys.order_by().values("organisation").distinct()
        return Organisation.objects.filter(id__in=ids).order_by("id")


class BulkRevocationKey(models.Model):
    """One key of a bulk revocation, with the values that its result shows also after the key was deleted."""

    id = models.BigAutoField(primary_key=True)
    revocation = models.ForeignKey(BulkRevocation, on_delete=models.CASCADE, related_name="keys")
    #: Not a foreign key, so that the key can be deleted.
    key_id = models.UUIDField()
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    name = texts.Text(max_length=120)
    masked = models.CharField(max_length=40)
    #: The name of the bot or of the organisation.
    owner = texts.Text(max_length=120)
    is_of_bot = models.BooleanField()
    outcome = models.CharField(max_length=16, choices=BulkOutcome, default=BulkOutcome.WAITING)
    #: The time of the revocation, also of an earlier one; for another outcome, the time of the decision.
    at = models.DateTimeField(null=True)

    class Meta:
        db_table = "bulk_revocation_key"
        constraints = (
            models.UniqueConstraint(fields=("revocation", "key_id"), name="bulk_revocation_key_unique"),
            models.CheckConstraint(
                condition=Q(outcome__in=BulkOutcome.values), name="bulk_revocation_key_outcome_known"
            ),
            models.CheckConstraint(
                condition=Q(outcome=BulkOutcome.WAITING) ^ Q(at__isnull=False), name="bulk_revocation_key_at"
            ),
        )
        indexes = (models.Index(fields=("revocation", "outcome", "id"), name="bulk_revocation_key_outcome"),)

    def __str__(self) -> str:
        return self.name
