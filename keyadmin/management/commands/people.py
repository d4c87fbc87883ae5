"""people: the people who sign in, and their roles."""

from argparse import Namespace
from typing import Any, Final

from django.urls import reverse

from keyadmin.conf import conf
from keyadmin.management import lookups
from keyadmin.management.base import printable
from keyadmin.management.subcommands import SubcommandCommand, argument, provided, subcommand
from keyadmin.models import Person, Role, SystemRole
from keyadmin.operations import people
from keyadmin.operations.people import InvitedPerson

PERSON: Final = argument("person", metavar="EMAIL", help="The email address or id of the person.")
ORGANISATION: Final = argument("--organisation", required=True, metavar="SLUG", help="The organisation (slug or id).")
ROLE: Final = argument("--role", required=True, choices=Role.values, help="The role in the organisation.")
EMAIL: Final = argument("--email", required=True, help="The address with which the person signs in.")
NAME: Final = argument("--name", required=True, help="The full name of the person.")
NEW_EMAIL: Final = argument("--email", help="The new address.")
NEW_NAME: Final = argument("--name", help="The new name.")
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
    )
    def add(self, options: Namespace) -> None:
        owner = lookups.organisation(options.organisation, actor=self.actor)
        fields = provided(options, "email", "name", "role")
        self._print_result(people.create(actor=self.actor, organisation=owner.id, **fields), "Added")

    @subcommand(
        "invite",
        "Add a person, and print the link with which they choose a password. It is not shown again.",
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
        self._print_link(people.invite(actor=self.actor, **fields), "Invited")

    @subcommand("link", "Print a new link with which a person chooses a password. Earlier links stop working.", PERSON)
    def link(self, options: Namespace) -> None:
        self._print_link(
            people.create_password_link(actor=self.actor, person=lookups.person(options.person).id),
            "Created a link for",
        )

    @subcommand("list", "List all people.")
    def list_(self, options: Namespace) -> None:
        rows = Person.objects.prefetch_related("memberships__organisation").order_by("email")
        self.print_table([as_json(row) for row in rows], ("email", "name", "is_active", "system_role", "roles"))

    @subcommand("edit", "Change the given fields.", PERSON, NEW_EMAIL, NEW_NAME)
    def edit(self, options: Namespace) -> None:
        fields = provided(options, "email", "name")
        self._print_result(people.edit(actor=self.actor, person=lookups.person(options.person).id, **fields), "Edited")

    @subcommand(
        "set-role",
        "Give a person a role in an organisation. It replaces their present role there.",
        PERSON,
        ORGANISATION,
        ROLE,
    )
    def set_role(self, options: Namespace) -> None:
        owner, person = lookups.organisation(options.organisation, actor=self.actor), lookups.person(options.person)
        row = people.set_role(actor=self.actor, person=person.id, organisation=owner.id, role=options.role)
        self._print_result(row, "Edited")

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
        self._print_result(people.set_system_role(actor=self.actor, person=person.id, system_role=role), "Edited")

    @subcommand("deactivate", "Deactivate a person. They are signed out immediately. Their keys stay.", PERSON)
    def deactivate(self, options: Namespace) -> None:
        row = people.deactivate(actor=self.actor, person=lookups.person(options.person).id)
        self._print_result(row, "Deactivated")

    @subcommand("reactivate", "Reactivate a person. They can sign in again.", PERSON)
    def reactivate(self, options: Namespace) -> None:
        row = people.reactivate(actor=self.actor, person=lookups.person(options.person).id)
        self._print_result(row, "Reactivated")

    def _print_link(self, invited: InvitedPerson, done: str) -> None:
        """Print only the link on standard output. A person who already had an account gets none."""
        path = reverse("choose_password", args=[invited.token]) if invited.token else None
        link = path and f"{conf.base_url.rstrip('/')}{path}"
        if self.json:
            self.document({**as_json(invited.person), "link": link})
        elif link:
            self.result(link)
        self.note(f"{done} {printable(invited.person.name)} <{invited.person.email}>.")
        if link and not conf.base_url:
            self.note("Add the URL of your server in front of the link, or set KEYADMIN_BASE_URL.")

    def _print_result(self, person: Person, done: str) -> None:
        self.print_object(as_json(person), f"{done} {printable(person.name)} <{person.email}>.")


def as_json(person: Person) -> dict[str, Any]:
    """A person as JSON. Roles are in the form `organisation:role`."""
    roles = sorted(f"{membership.organisation.slug}:{membership.role}" for membership in person.memberships.all())
    return {
        "id": str(person.id),
        "email": person.email,
        "name": person.name,
        "is_active": person.is_active,
        "system_role": person.system_role,
        "roles": roles,
    }
