"""People, and the roles they hold: one system role at most, and at most one role in each organisation."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from keyadmin.foundation.actors import Actor
from keyadmin.models.visibility import ActorQuerySet


class SystemRole(models.TextChoices):
    """What a person may do in every organisation."""

    ADMINISTRATOR = "administrator", _("System administrator")
    AUDITOR = "auditor", _("System auditor")


class Role(models.TextChoices):
    """What a person may do in one organisation."""

    OWNER = "owner", _("Organisation owner")
    AUDITOR = "auditor", _("Organisation auditor")
    MEMBER = "member", _("Member")


class PersonQuerySet(ActorQuerySet):
    def visible_to(self, actor: Actor) -> "PersonQuerySet":
        """People of the organisations the actor may read, and the actor itself."""
        if self.sees_everything(actor):
            return self
        shared = Membership.objects.filter(organisation__in=self.readable_organisations(actor))
        return self.filter(models.Q(id__in=shared.values("person")) | models.Q(id=actor.id))

    def active(self) -> "PersonQuerySet":
        return self.filter(is_active=True)


class PersonManager(BaseUserManager.from_queryset(PersonQuerySet)):  # type: ignore[misc]
    """Sign-in looks a person up by e-mail address, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> "Person":
        person: Person = self.get(email__iexact=username)
        return person


class Person(AbstractBaseUser):
    """Somebody who signs in. People with a history are deactivated, never removed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail address"), max_length=254)
    name = models.CharField(_("name"), max_length=120)
    system_role = models.CharField(max_length=16, choices=SystemRole, blank=True, default="")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = PersonManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        db_table = "person"
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(Lower("email"), name="person_email_unique"),
            models.CheckConstraint(
                condition=models.Q(system_role__in=["", *SystemRole.values]), name="person_system_role_known"
            ),
        )

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ", 1)[0]


class Membership(models.Model):
    """The role a person holds in an organisation."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="memberships")
    organisation = models.ForeignKey("keyadmin.Organisation", on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "membership"
        constraints = (
            models.UniqueConstraint(fields=("person", "organisation"), name="membership_unique"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        )

    def __str__(self) -> str:
        return f"{self.person_id} {self.role} {self.organisation_id}"
