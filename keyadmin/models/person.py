"""People and their roles. A person has at most one system role, and at most one role in each organisation."""

import uuid
from collections.abc import Collection
from typing import Any, ClassVar, Self
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.email_address import EmailAddressError, normal_form
from keyadmin.core.text import normalise
from keyadmin.models import texts
from keyadmin.models.base import ActorQuerySet, RevisionedModel


class SystemRole(models.TextChoices):
    """A role in the whole installation, and so in every organisation."""

    ADMINISTRATOR = "administrator", _("System administrator")
    AUDITOR = "auditor", _("System auditor")


class Role(models.TextChoices):
    """A role in one organisation."""

    OWNER = "owner", _("Organisation owner")
    AUDITOR = "auditor", _("Organisation auditor")
    MEMBER = "member", _("Member")


class AccountStatus(models.TextChoices):
    """Whether a person can sign in. An invited person has not chosen a password yet."""

    ACTIVE = "active", _("Active")
    INVITED = "invited", _("Invited")
    DEACTIVATED = "deactivated", _("Deactivated")


class MembershipQuerySet(ActorQuerySet):
    """Memberships in the organisations that the actor may read."""


class PersonQuerySet(ActorQuerySet):
    def visible_to(self, actor: Actor) -> "PersonQuerySet":
        """The actor, and the people of the organisations that it may read. A person with a system role sees all."""
        if self.sees_everything(actor):
            return self
        shared = Membership.objects.filter(organisation__in=self.readable_organisations(actor))
        visible = models.Q(id__in=shared.values("person"))
        if actor.kind is ActorKind.PERSON:
            has_system_role = models.Exists(self.person_with_system_role(actor))
            visible |= models.Q(id=actor.id) | models.Q(has_system_role)
        return self.filter(visible)

    def active(self) -> "PersonQuerySet":
        return self.filter(is_active=True)

    def with_account_status(self) -> Self:
        """Adds `account_status_now`, a value of AccountStatus."""
        is_invited = models.Q(password__startswith=UNUSABLE_PASSWORD_PREFIX, last_login__isnull=True)
        return self.annotate(
            account_status_now=models.Case(
                models.When(is_active=False, then=models.Value(AccountStatus.DEACTIVATED.value)),
                models.When(is_invited, then=models.Value(AccountStatus.INVITED.value)),
                default=models.Value(AccountStatus.ACTIVE.value),
                output_field=models.CharField(),
            )
        )

    def with_memberships_outside(self, organisations: Collection[UUID]) -> Self:
        """Adds `has_memberships_outside`: whether the person has a role in any other organisation; and `is_owner`."""
        memberships = Membership.objects.filter(person=models.OuterRef("id"))
        return self.annotate(
            has_memberships_outside=models.Exists(memberships.exclude(organisation__in=organisations)),
            is_owner=models.Exists(memberships.filter(role=Role.OWNER)),
        )

    def with_memberships_visible_to(self, actor: Actor) -> Self:
        """Prefetches `visible_memberships`: those in organisations that the actor may read, sorted by organisation."""
        visible = Membership.objects.visible_to(actor).select_related("organisation").order_by("organisation__name")
        return self.prefetch_related(models.Prefetch("memberships", queryset=visible, to_attr="visible_memberships"))

    def in_organisation(self, organisation: UUID) -> Self:
        return self.filter(
            models.Exists(Membership.objects.filter(person=models.OuterRef("id"), organisation=organisation))
        )

    def with_role(self, actor: Actor, role: str, organisation: UUID | None = None) -> Self:
        """The people with the role in an organisation that the actor may read, or in the given one."""
        memberships = Membership.objects.visible_to(actor).filter(person=models.OuterRef("id"), role=role)
        return self.filter(
            models.Exists(memberships.filter(organisation=organisation) if organisation else memberships)
        )

    def with_system_role(self, system_role: str) -> Self:
        return self.filter(system_role=system_role)

    def with_email(self, address: str) -> Self:
        """The person with this address, in any of its forms."""
        try:
            return self.filter(email=normal_form(address))
        except EmailAddressError:
            return self.none()

    def search(self, text: str) -> Self:
        text = normalise(text)
        return self.filter(models.Q(name__icontains=text) | models.Q(email__icontains=text))


class PersonManager(BaseUserManager.from_queryset(PersonQuerySet)):  # type: ignore[misc]
    """Looks people up by email address, in any of its forms."""

    def get_by_natural_key(self, username: str | None) -> "Person":
        person: Person | None = self.with_email(username or "").first()
        if person is None:
            raise Person.DoesNotExist
        return person


class Person(RevisionedModel, AbstractBaseUser):
    """A person who signs in. People are deactivated, never deleted, because history refers to them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: In its normal form: see `core.email_address`.
    email = models.EmailField(_("email address"), max_length=254)
    name = texts.Text(_("name"), max_length=120)
    system_role = models.CharField(max_length=16, choices=SystemRole, blank=True, default="")
    is_active = models.BooleanField(default=True)
    #: A name of `zoneinfo`; empty for the time zone of the browser.
    time_zone = models.CharField(max_length=64, blank=True, default="")
    #: When a link that was mailed to `email` was first used, or an administrator marked the address as verified.
    #: None: the account may belong to a person who does not read mail to the address.
    email_verified_at = models.DateTimeField(null=True, blank=True)
    #: The organisation that may deactivate the person, whichever others they belong to: the first one whose invitation
    #: they accepted with a verified address.
    home_organisation = models.ForeignKey(
        "keyadmin.Organisation", on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    #: Incremented when the person signs out everywhere, is deactivated or first verifies the address, which ends all
    #: earlier sessions.
    session_generation = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = PersonManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        db_table = "person"
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=("email",), name="person_email_unique"),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email"), email__regex=r"^[!-?A-~]+@[!-?A-~]+$"),
                name="person_email_normal",
            ),
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

    @property
    def is_email_verified(self) -> bool:
        return self.email_verified_at is not None

    @property
    def account_status(self) -> AccountStatus:
        """`account_status_now` of `with_account_status`, else computed from the row."""
        known: Any = getattr(self, "account_status_now", None)
        if known:
            return AccountStatus(known)
        if not self.is_active:
            return AccountStatus.DEACTIVATED
        return AccountStatus.ACTIVE if self.last_login or self.has_usable_password() else AccountStatus.INVITED

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """The hash that Django stores in sessions. A session ends when its person's hash is a different one."""
        state = f"{self.password}:{self.session_generation}"
        return salted_hmac("keyadmin.Person.session", state, secret=secret, algorithm="sha256").hexdigest()


class Membership(models.Model):
    """The role of a person in an organisation."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="memberships")
    organisation = models.ForeignKey("keyadmin.Organisation", on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        db_table = "membership"
        constraints = (
            models.UniqueConstraint(fields=("person", "organisation"), name="membership_unique"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        )

    def __str__(self) -> str:
        return f"{self.person_id} {self.role} {self.organisation_id}"
