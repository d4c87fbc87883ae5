"""Attempts without a session: counts that delay guesses at passwords, and counts that wait to become events."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from keyadmin.models.person import Person


class AttemptCount(models.Model):
    """The attempts of one subject. Rows without a recent attempt are deleted."""

    #: HMAC-SHA256 of what is counted, such as an address. See `operations.people.throttle`.
    subject = models.BinaryField(primary_key=True)
    count = models.PositiveIntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    #: An attempt before this time is refused.
    next_at = models.DateTimeField()

    class Meta:
        db_table = "attempt_count"
        constraints = (
            models.CheckConstraint(condition=Exact(Length("subject"), 32), name="attempt_count_subject_length"),
        )

    def __str__(self) -> str:
        return bytes(self.subject).hex()


class AttemptKind(models.TextChoices):
    """What was attempted."""

    SIGN_IN = "sign_in"
    RESET = "reset"


class UnrecordedAttempts(models.Model):
    """Attempts that history does not have yet: one row for each person, and one for all unknown addresses.

    Maintenance records a row as one event, so that a flood of attempts does not flood the history.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16, choices=AttemptKind)
    #: None: the address that was typed has no account.
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", null=True)
    count = models.PositiveIntegerField()
    #: The first client addresses, without repetitions.
    addresses = ArrayField(models.GenericIPAddressField(), default=list)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        db_table = "unrecorded_attempts"
        constraints = (
            models.UniqueConstraint(fields=("kind", "person"), name="unrecorded_attempts_unique", nulls_distinct=False),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.person_id}"
