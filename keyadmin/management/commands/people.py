"""people: who signs in, and as what."""

from argparse import Namespace
from typing import Any, Final

from django.urls import reverse

from keyadmin.conf import conf
from keyadmin.management import lookups
from keyadmin.management.base import printable
from keyadmin.management.subcommands import NounCommand, argument, given, verb
from keyadmin.models import Person, Role, SystemRole
from keyadmin.operations import people
from keyadmin.operations.people import Invited

WHO: Final = argument("person", metavar="EMAIL", help="Their e-mail address or id.")
ORGANISATION: Final = argument("--organisation", required=True, metavar="SLUG", help="Slug or id.")
ROLE: Final = argument("--role", required=True, choices=Role.values)
NO_ROLE: Final = "none"


class Command(NounCommand):
    help = "Add, list and edit people, and give and take their roles. `create_admin` makes the first of them."

    @verb(
        "add",
        "Add somebody to an organisation. They choose a password by a link, which `link` makes.",
        argument("--email", required=True),
        argument("--name", required=True),
        ORGANISATION,
        ROLE,
    )
    def add(self, options: Namespace) -> None:
        owner = lookups.organisation(options.organisation, actor=self.actor)
        fields = given(options, "email", "name", "role")
        self._done(people.create(actor=self.actor, organisation=owner.id, **fields), "Added")

    @verb(
        "invite",
        "Add somebody, and print the link by which they choose a password, here and never again.",
        argument("--email", required=True),
        argument("--name", required=True),
        argument("--organisation", metavar="SLUG", help="Slug or id."),
        argument("--role", choices=Role.values),
        argument("--system-role", choices=SystemRole.values),
    )
    def invite(self, options: Namespace) -> None:
        fields = given(options, "email", "name", "role", "system_role")
        if options.organisation:
            fields["organisation"] = lookups.organisation(options.organisation, actor=self.actor).id
        self._tell_link(people.invite(actor=self.actor, **fields), "Invited")

    @verb("link", "Print a new link by which somebody chooses a password, in place of every earlier one.", WHO)
    def link(self, options: Namespace) -> None:
        self._tell_link(people.make_link(actor=self.actor, person=lookups.person(options.person).id), "Made a link for")

    @verb("list", "List everybody.")
    def list_(self, options: Namespace) -> None:
        rows = Person.objects.prefetch_related("memberships__organisation").order_by("email")
        self.tell_all([described(row) for row in rows], ("email", "name", "is_active", "system_role", "roles"))

    @verb("edit", "Change what is given.", WHO, argument("--email"), argument("--name"))
    def edit(self, options: Namespace) -> None:
        fields = given(options, "email", "name")
        self._done(people.edit(actor=self.actor, person=lookups.person(options.person).id, **fields), "Changed")

    @verb(
        "set-role", "Give somebody a role in an organisation, in place of the one they have.", WHO, ORGANISATION, ROLE
    )
    def set_role(self, options: Namespace) -> None:
        owner, person = lookups.organisation(options.organisation, actor=self.actor), lookups.person(options.person)
        row = people.set_role(actor=self.actor, person=person.id, organisation=owner.id, role=options.role)
        self._done(row, "Changed")

    @verb("remove-role", "Take somebody's role in an organisation away.", WHO, ORGANISATION)
    def remove_role(self, options: Namespace) -> None:
        owner, person = lookups.organisation(options.organisation, actor=self.actor), lookups.person(options.person)
        self._done(people.remove_role(actor=self.actor, person=person.id, organisation=owner.id), "Changed")

    @verb(
        "set-system-role",
        "Make somebody a system administrator or auditor, or neither.",
        WHO,
        argument("--role", required=True, choices=[*SystemRole.values, NO_ROLE]),
    )
    def set_system_role(self, options: Namespace) -> None:
        role = "" if options.role == NO_ROLE else options.role
        person = lookups.person(options.person)
        self._done(people.set_system_role(actor=self.actor, person=person.id, system_role=role), "Changed")

    @verb("deactivate", "Shut somebody out at once. What they made stays.", WHO)
    def deactivate(self, options: Namespace) -> None:
        row = people.deactivate(actor=self.actor, person=lookups.person(options.person).id)
        self._done(row, "Deactivated")

    @verb("reactivate", "Let somebody sign in again.", WHO)
    def reactivate(self, options: Namespace) -> None:
        row = people.reactivate(actor=self.actor, person=lookups.person(options.person).id)
        self._done(row, "Reactivated")

    def _tell_link(self, invited: Invited, what: str) -> None:
        """The link is a secret: it alone is on standard output. Who was here already needs none."""
        path = reverse("choose_password", args=[invited.token]) if invited.token else None
        link = path and f"{conf.base_url.rstrip('/')}{path}"
        if self.json:
            self.document({**described(invited.person), "link": link})
        elif link:
            self.result(link)
        self.note(f"{what} {printable(invited.person.name)} <{invited.person.email}>.")
        if link and not conf.base_url:
            self.note("Put your server's address before the link, or set KEYADMIN_BASE_URL.")

    def _done(self, person: Person, what: str) -> None:
        self.tell(described(person), f"{what} {printable(person.name)} <{person.email}>.")


def described(person: Person) -> dict[str, Any]:
    """A person as JSON; roles as `organisation:role`."""
    roles = sorted(f"{one.organisation.slug}:{one.role}" for one in person.memberships.all())
    return {
        "id": str(person.id),
        "email": person.email,
        "name": person.name,
        "is_active": person.is_active,
        "system_role": person.system_role,
        "roles": roles,
    }
