"""Expiry notices: mails about keys that expire soon. A row for each notice keeps it from being sent twice."""

from datetime import timedelta
from typing import Any, Final

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Now

from keyadmin.models.key import Key, KeyKind
from keyadmin.models.person import Membership, Person, Role, SystemRole

#: The days before the expiry of a key at which a notice is sent, the last notice first.
NOTICE_DAYS: Final = (1, 7, 14)


class ExpiryNotice(models.Model):
    """A notice to a person that a key expires at `expires_at`, in about `days` days.

    A key with a new expiry gets new notices. There are no foreign keys, because a key may be deleted before its notice.
    """

    pk = models.CompositePrimaryKey("key_id", "person_id", "expires_at", "days")
    key_id = models.UUIDField()
    person_id = models.UUIDField()
    expires_at = models.DateTimeField()
    days = models.PositiveSmallIntegerField()
    queued_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "expiry_notice"
        constraints = (models.CheckConstraint(condition=Q(days__in=NOTICE_DAYS), name="expiry_notice_days_known"),)

    def __str__(self) -> str:
        return f"{self.key_id} {self.person_id} {self.days}"


def recipients() -> QuerySet[Any]:
    """The people who get notices: owners of an organisation and system administrators, if active; by email."""
    owner = Membership.objects.filter(person=OuterRef("pk"), role=Role.OWNER)
    rows: QuerySet[Any] = Person.objects.active().filter(Exists(owner) | Q(system_role=SystemRole.ADMINISTRATOR))
    return rows.order_by("email", "id")


def due_for(person: Person) -> QuerySet[Any]:
    """The keys about which the person has to be sent a notice now, the next expiry first.

    Each key has `days`, the one of NOTICE_DAYS that is due. If several are due, only the smallest is sent. A notice
    whose day was before the key's creation is not sent. Owners get notices about the keys of their organisations and
    bots, except master keys. System administrators get notices about master keys, and about the keys of organisations
    without an active owner.
    """
    owned = Membership.objects.filter(person=person.id, role=Role.OWNER)
    condition: Any = Q(organisation__in=owned.values("organisation")) & ~Q(kind=KeyKind.MASTER)
    if person.system_role == SystemRole.ADMINISTRATOR:
        owners = Membership.objects.filter(
            organisation=OuterRef("organisation"), role=Role.OWNER, person__is_active=True
        )
        condition |= Q(kind=KeyKind.MASTER) | ~Exists(owners)
    nearest = [When(expires_at__lte=Now() + timedelta(days=days), then=Value(days)) for days in NOTICE_DAYS]
    keys = Key.objects.filter(
        condition,
        revoked_at__isnull=True,
        expires_at__gt=Now(),
        expires_at__lte=Now() + timedelta(days=NOTICE_DAYS[-1]),
    )
    rows = keys.annotate(days=Case(*nearest, output_field=models.IntegerField())).filter(
        created_at__lte=F("expires_at") - F("days") * Value(timedelta(days=1), models.DurationField())
    )
    handled = ExpiryNotice.objects.filter(
        key_id=OuterRef("pk"), person_id=person.id, expires_at=OuterRef("expires_at"), days=OuterRef("days")
    )
    due: QuerySet[Any] = rows.filter(~Exists(handled)).select_related("organisation", "bot")
    return due.order_by("expires_at", "id")
