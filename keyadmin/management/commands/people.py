"""people: the people who sign in, and their roles."""

from argparse import Namespace
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.urls import reverse

from keyadmin.conf import conf
from keyadmin.core.time import rfc3339
from keyadmin.management import lookups
from keyadmin.management.base import not_found, printable
from keyadmin.management.subcommands import SubcommandCommand, argument, provided, subcommand
from keyadmin.models import Invitation, PasswordLink, Person, Role, SystemRole
from keyadmin.operations import people
from keyadmin.operations.people import MadeLink, invitations, links
from keyadmin.operations.people.invitations import MadeInvitation

PERSON: Final = argument("person", metavar="EMAIL", help="The email address or id of the person.")
INVITATION: Final = argument("invitation", metavar="ID", help="The id, which `people invitations` lists.")
ORGANISATION: Final = argument("--organisation", required=True, metavar="SLUG", help="The organisation (slug or id).")
ROLE: Final = argument("--role", required=True, choices=Role.values, help="The role in the organisation.")
EMAIL: Final = argument("--email", required=True, help="The address with which the person signs in.")
NAME: Final = argument("--name", required=True, help="The full name of the person.")
NEW_EMAIL: Final = argument("--email", help="The new address.")
NEW_NAME: Final = argument("--name", help="The new name.")
LINK: Final = argument("link", metavar="ID", help="The id, which `people links` lists.")
NO_ROLE: Final = "none"


class Command(SubcommandCommand):
    help = "Add, list and edit people, and assign their roles. `create_admin` adds the first person."

    @subcommand(
        "add",
        "Add a person to an organisation. They choose a password with a link, which `people link` creates.",
        EMAIL,
        NAME,
        ORGANISATION,
        ROLE,
        argument("--verified", action="store_true", help="You vouch that the address is this person's."),
    )
    def add(self, options: Namespace) -> None:
        owner = lookups.organisation(options.organisation, actor=self.actor)
        fields = provided(options, "email", "name", "role")
        row = people.create(actor=self.actor, organisation=owner.id, is_email_verified=options.verified, **fields)
        self._print_result(row, "Added")

    @subcommand(
        "invite",
        "Invite an address, and print the link with which a new person chooses a password. It is not shown again.",
        EMAIL,
        NAME,
        argument("--organisation", metavar="SLUG", help="The organisation (slug or id)."),
        argument("--role", choices=Role.values, help="The role in the organisation."),
        argument("--system-role", choices=SystemRole.values, help="A role in all organisations."),
    )
    def invite(self, options: Namespace) -> None:
        fields = provided(options, "email", "name", "role", "system_role")
        if options.organisation:
            fields["organisation"] = lookups.organisation(options.organisation, actor=self.actor).id
        self._print_invitation(invitations.invite(actor=self.actor, base_url=conf.site_url(), **fields), "Invited")

    @subcommand("invitations", "List the open invitations.")
    def invitations(self, options: Namespace) -> None:
        rows = Invitation.objects.open().select_related("organisation").order_by("email", "id")
        self.print_table(
            [invitation_as_json(row) for row in rows],
            ("id", "email", "name", "organisation", "role", "system_role", "invited_by", "expires_at"),
        )

    @subcommand("renew-invitation", "Print a new link of an invitation. Earlier links stop working.", INVITATION)
    def renew_invitation(self, options: Namespace) -> None:
        made = invitations.renew(
            actor=self.actor, invitation=_id(options.invitation, "invitation"), base_url=conf.site_url()
        )
        self._print_invitation(made, "Created a link for")

    @subcommand("withdraw-invitation", "End an invitation that was not accepted yet.", INVITATION)
    def withdraw_invitation(self, options: Namespace) -> None:
        invitation = _id(options.invitation, "invitation")
        invitations.withdraw(actor=self.actor, invitation=invitation)
        self.print_object({"id": str(invitation)}, "Withdrawn.")

    @subcommand("link", "Print a new link with which a person chooses a password. Earlier links stop working.", PERSON)
    def link(self, options: Namespace) -> None:
        person = lookups.person(options.person)
        made = people.create_password_link(actor=self.actor, person=person.id, base_url=conf.site_url())
        self._print_made_link(made, "Created a link for")

    @subcommand("links", "List the open links of a person.", PERSON)
    def links(self, options: Namespace) -> None:
        rows = links.open_links(lookups.person(options.person))
        self.print_table([link_as_json(row) for row in rows], ("id", "purpose", "created_by", "expires_at"))

    @subcommand("end-link", "End an open link of a person.", PERSON, LINK)
    def end_link(self, options: Namespace) -> None:
        person = lookups.person(options.person)
        row = people.end_link(actor=self.actor, person=person.id, link=_id(options.link, "link"))
        self._print_result(row, "Ended a link of")

    @subcommand(
        "verify-email",
        "Mark a person's address as verified, and print a link to choose a new password. Earlier passwords, sessions "
        "and links end.",
        PERSON,
    )
    def verify_email(self, options: Namespace) -> None:
        person = lookups.person(options.person)
        made = people.verify_email(actor=self.actor, person=person.id, base_url=conf.site_url())
        self._print_made_link(made, "Verified the address of")

    @subcommand("list", "List all people.")
    def list_(self, options: Namespace) -> None:
        rows = Person.objects.prefetch_related("memberships__organisation").order_by("email")
        self.print_table(
            [as_json(row) for row in rows], ("email", "email_verified", "name", "is_active", "system_role", "roles")
        )

    @subcommand("edit", "Change the given fields.", PERSON, NEW_EMAIL, NEW_NAME)
    def edit(self, options: Namespace) -> None:
        fields = provided(options, "email", "name")
        person = lookups.person(options.person)
        self.print_edit(partial(people.edit, actor=self.actor, person=person.id, **fields), person, self._print_result)

    @subcommand(
        "set-role",
        "Change a person's role in an organisation to which they belong.",
        PERSON,
        ORGANISATION,
        ROLE,
    )
    def set_role(self, options: Namespace) -> None:
        owner, person = lookups.organisation(options.organisation, actor=self.actor), lookups.person(options.person)
        edit = partial(people.set_role, actor=self.actor, person=person.id, organisation=owner.id, role=options.role)
        self.print_edit(edit, person, self._print_result)

    @subcommand("remove-role", "Remove a person's role in an organisation.", PERSON, ORGANISATION)
    def remove_role(self, options: Namespace) -> None:
        owner, person = lookups.organisation(options.organisation, actor=self.actor), lookups.person(options.person)
        self._print_result(people.remove_role(actor=self.actor, person=person.id, organisation=owner.id), "Edited")

    @subcommand(
        "set-system-role",
        "Set or remove a person's system role.",
        PERSON,
        argument("--role", required=True, choices=[*SystemRole.values, NO_ROLE], help="The new system role."),
    )
    def set_system_role(self, options: Namespace) -> None:
        role = "" if options.role == NO_ROLE else options.role
        person = lookups.person(options.person)
        edit = partial(people.set_system_role, actor=self.actor, person=person.id, system_role=role)
        self.print_edit(edit, person, self._print_result)

    @subcommand("deactivate", "Deactivate a person. They are signed out immediately. Their keys stay.", PERSON)
    def deactivate(self, options: Namespace) -> None:
        row = people.deactivate(actor=self.actor, person=lookups.person(options.person).id)
        self._print_result(row, "Deactivated")

    @subcommand("reactivate", "Reactivate a person. They can sign in again.", PERSON)
    def reactivate(self, options: Namespace) -> None:
        row = people.reactivate(actor=self.actor, person=lookups.person(options.person).id)
        self._print_result(row, "Reactivated")

    def _print_invitation(self, made: MadeInvitation, done: str) -> None:
        row = made.invitation
        self._print_link(invitation_as_json(row), made.token, f"{done} {printable(row.name)} <{row.email}>.")

    def _print_made_link(self, made: MadeLink, done: str) -> None:
        row = made.person
        self._print_link(as_json(row), made.token, f"{done} {printable(row.name)} <{row.email}>.")

    def _print_link(self, document: dict[str, Any], token: str, done: str) -> None:
        """Print the link alone on standard output: it is a secret."""
        link = f"{conf.site_url()}{reverse('choose_password', args=[token])}"
        if self.json:
            self.document({**document, "link": link})
        else:
            self.result(link)
        self.note(done)
        if not conf.site_url():
            self.note("Put the address of your server before the link, or set KEYADMIN_BASE_URL.")

    def _print_result(self, person: Person, done: str) -> None:
        self.print_object(as_json(person), f"{done} {printable(person.name)} <{person.email}>.")


def as_json(person: Person) -> dict[str, Any]:
    """A person as JSON. Roles are in the form `organisation:role`."""
    roles = sorted(f"{membership.organisation.slug}:{membership.role}" for membership in person.memberships.all())
    return {
        "id": str(person.id),
        "email": person.email,
        "email_verified": person.is_email_verified,
        "name": person.name,
        "is_active": person.is_active,
        "system_role": person.system_role,
        "roles": roles,
    }


def invitation_as_json(invitation: Invitation) -> dict[str, Any]:
    """An invitation as JSON."""
    return {
        "id": str(invitation.id),
        "email": invitation.email,
        "name": invitation.name,
        "organisation": invitation.organisation.slug if invitation.organisation else None,
        "role": invitation.role,
        "system_role": invitation.system_role,
        "invited_by": invitation.maker_label,
        "expires_at": rfc3339(invitation.expires_at),
    }


def link_as_json(link: PasswordLink) -> dict[str, Any]:
    """A password link as JSON, without its token."""
    return {
        "id": str(link.id),
        "purpose": link.purpose,
        "created_by": link.maker_label,
        "expires_at": rfc3339(link.expires_at),
    }


def _id(text: str, noun: str) -> UUID:
    return lookups.parse_uuid(text) or not_found(f"There is no {noun} {text!r}.")
