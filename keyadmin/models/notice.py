"""Notices of keys that expire: who was told what, so that nobody is told twice."""

from datetime import timedelta
from typing import Any, Final

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Now

from keyadmin.models.key import Key, Kind
from keyadmin.models.person import Membership, Person, Role, SystemRole

#: Days before the end, the last first.
DAYS: Final = (1, 7, 14)
#: A notice that was begun so long ago, and is not marked as sent, is begun again: whoever began it has died.
FORGOTTEN: Final = timedelta(minutes=10)


class ExpiryNotice(models.Model):
    """One of a key's notices to a person. Of its expiry: with another expiry it gets them anew. No foreign keys: it may
    outlive its key.
    """

    pk = models.CompositePrimaryKey("key_id", "person_id", "expires_at", "days")
    key_id = models.UUIDField()
    person_id = models.UUIDField()
    expires_at = models.DateTimeField()
    days = models.PositiveSmallIntegerField()
    begun_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "expiry_notice"
        constraints = (models.CheckConstraint(condition=Q(days__in=DAYS), name="expiry_notice_days_known"),)

    def __str__(self) -> str:
        return f"{self.key_id} {self.person_id} {self.days}"


def recipients() -> QuerySet[Any]:
    """Who is told of keys: active owners of an organisation, and system administrators."""
    owner = Membership.objects.filter(person=OuterRef("pk"), role=Role.OWNER)
    rows: QuerySet[Any] = Person.objects.active().filter(Exists(owner) | Q(system_role=SystemRole.ADMINISTRATOR))
    return rows.order_by("email", "id")


def due_for(person: Person) -> QuerySet[Any]:
    """The keys of whose end the person is to be told now, the next first, each with `days`: the nearest notice, where
    days were missed. Owners are told of their organisations' keys and their bots'; administrators of master keys, and
    of the keys of organisations that have no active owner. A key is told of no notice that was past when it was made.
    """
    mine = Membership.objects.filter(person=person.id, role=Role.OWNER)
    meant: Any = Q(organisation__in=mine.values("organisation")) & ~Q(kind=Kind.MASTER)
    if person.system_role == SystemRole.ADMINISTRATOR:
        owners = Membership.objects.filter(
            organisation=OuterRef("organisation"), role=Role.OWNER, person__is_active=True
        )
        meant |= Q(kind=Kind.MASTER) | ~Exists(owners)
    nearest = [When(expires_at__lte=Now() + timedelta(days=days), then=Value(days)) for days in DAYS]
    keys = Key.objects.filter(
        meant, revoked_at__isnull=True, expires_at__gt=Now(), expires_at__lte=Now() + timedelta(days=DAYS[-1])
    )
    rows = keys.annotate(days=Case(*nearest, output_field=models.IntegerField())).filter(
        created_at__lte=F("expires_at") - F("days") * Value(timedelta(days=1), models.DurationField())
    )
    busy = Q(sent_at__isnull=False) | Q(begun_at__gt=Now() - FORGOTTEN)
    known = ExpiryNotice.objects.filter(
        busy, key_id=OuterRef("pk"), person_id=person.id, expires_at=OuterRef("expires_at"), days=OuterRef("days")
    )
    found: QuerySet[Any] = rows.filter(~Exists(known)).select_related("organisation", "bot")
    return found.order_by("expires_at", "id")
