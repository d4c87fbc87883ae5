"""Invitations, and links by which people choose a password.

A row is open until it is used, ended or expired; a used or ended row is deleted. The token of a link is not stored: it
is the row's id, signed with DJANGO_SECRET_KEY. See operations/people/links.py.
"""

import uuid
from typing import Any, Self

from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from keyadmin.core.actors import Actor
from keyadmin.models import texts
from keyadmin.models.base import ActorQuerySet
from keyadmin.models.person import Person, Role, SystemRole


class Link(models.Model):
    """What invitations and password links have in common."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: The person who made it; None for a command, and for a link that a person requested for themselves.
    maker = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", null=True)
    maker_label = texts.Text(max_length=254)
    #: Part of the token. A new link of the same row has a new number, which ends the earlier ones.
    serial = models.PositiveIntegerField(default=1)
    #: A keyed digest of what the link depends on: see `operations.people.links.fingerprint`.
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.id)


class InvitationQuerySet(ActorQuerySet):
    def visible_to(self, actor: Actor) -> Self:
        """Invitations to the organisations that the actor may read; those without one only to system roles."""
        if self.sees_everything(actor):
            return self
        readable = models.Q(organisation__in=self.readable_organisations(actor))
        of_all = models.Q(models.Exists(self.person_with_system_role(actor)), organisation=None)
        return self.filter(readable | of_all)

    def open(self) -> Self:
        return self.filter(expires_at__gt=Now())


class Invitation(Link):
    """An invitation of an email address to a role. The role counts when a person with this address has accepted it.

    It looks the same whether the address has an account or not.
    """

    #: In its normal form: see `core.email_address`.
    email = models.EmailField(max_length=254)
    #: As the maker typed it. A person who has an account keeps their own name.
    name = texts.Text(max_length=120)
    organisation = models.ForeignKey(
        "keyadmin.Organisation", on_delete=models.PROTECT, related_name="invitations", null=True
    )
    #: "" without an organisation.
    role = models.CharField(max_length=16, choices=Role, blank=True, default="")
    system_role = models.CharField(max_length=16, choices=SystemRole, blank=True, default="")

    objects = InvitationQuerySet.as_manager()

    class Meta:
        db_table = "invitation"
        constraints = (
            models.UniqueConstraint(fields=("email", "organisation"), name="invitation_unique", nulls_distinct=False),
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="invitation_email_normal"),
            models.CheckConstraint(
                condition=models.Q(organisation__isnull=True, role="")
                | models.Q(organisation__isnull=False, role__in=Role.values),
                name="invitation_role_known",
            ),
            models.CheckConstraint(
                condition=models.Q(system_role__in=["", *SystemRole.values]), name="invitation_system_role_known"
            ),
        )

    def __str__(self) -> str:
        return self.name


class LinkPurpose(models.TextChoices):
    """Why a password link was made."""

    GIVEN = "given", _("Made by an administrator")
    RESET = "reset", _("Requested on the sign-in page")
    CONFIRMATION = "confirmation", _("To verify the address")
    ADDRESS = "address", _("To change the address")


class PasswordLinkQuerySet(models.QuerySet[Any]):
    def open(self) -> Self:
        return self.filter(expires_at__gt=Now())


class PasswordLink(Link):
    """A link by which a person chooses a password."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="password_links")
    purpose = models.CharField(max_length=16, choices=LinkPurpose)
    #: The new address of the person, which gets the link; "" for their present one. The person has it when they use
    #: the link.
    email = models.EmailField(max_length=254, blank=True, default="")

    objects = PasswordLinkQuerySet.as_manager()

    class Meta:
        db_table = "password_link"
        constraints = (
            models.CheckConstraint(condition=models.Q(purpose__in=LinkPurpose.values), name="password_link_purpose"),
            models.CheckConstraint(
                condition=models.Q(purpose=LinkPurpose.ADDRESS) ^ models.Q(email=""), name="password_link_email"
            ),
        )
