"""create_admin: add a system administrator. The first one of an installation is added with this command.

The first administrator also chooses the catalogue of permissions.
"""

import getpass
import sys
from argparse import Namespace
from typing import Final

from django.core.management.base import CommandParser

from keyadmin.management.base import CommandError, ExitCode, OperatorCommand, printable
from keyadmin.models import Person, Scope, SystemRole
from keyadmin.models.scope import OWN_SCOPES
from keyadmin.operations import people
from keyadmin.operations.catalogue import scopes

EMPTY: Final = "empty"
MESSAGING: Final = "messaging"


class Command(OperatorCommand):
    help = "Add a system administrator, who has every permission. It asks for a password in the terminal."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="The address with which the person signs in.")
        parser.add_argument("--name", required=True, help="The full name of the person.")
        parser.add_argument(
            "--catalogue",
            choices=(MESSAGING, EMPTY),
            help="The permissions with which the installation starts, besides those of keyadmin's own API: messaging "
            "(default), or empty. Only for the first administrator.",
        )
        parser.add_argument(
            "--password-stdin", action="store_true", help="Read the password from the first line of standard input."
        )

    def run(self, options: Namespace) -> None:
        if options.catalogue and Person.objects.filter(system_role=SystemRole.ADMINISTRATOR).exists():
            raise CommandError(
                "Only the first administrator chooses the catalogue. Use `scopes create` and `scopes remove`.",
                ExitCode.CONFLICT,
            )
        person = people.create(
            actor=self.actor,
            email=options.email,
            name=options.name,
            password=first_line() if options.password_stdin else password_from_terminal(),
            is_email_verified=True,
            system_role=SystemRole.ADMINISTRATOR,
        )
        if options.catalogue == EMPTY:
            for name in Scope.objects.exclude(name__in=OWN_SCOPES).values_list("name", flat=True):
                scopes.remove(actor=self.actor, scope=name)
        if self.json:
            self.document(
                {"id": str(person.id), "email": person.email, "name": person.name, "system_role": person.system_role}
            )
        else:
            self.result(f"{printable(person.name)} <{person.email}> is a system administrator.")


def first_line() -> str:
    """The first line of standard input, without the line break. Raises CommandError if it is not UTF-8."""
    try:
        password = sys.stdin.readline().rstrip("\r\n")
        password.encode()
    except UnicodeError as error:
        raise CommandError("The password on standard input is not UTF-8 text.", ExitCode.USAGE) from error
    return password


def password_from_terminal() -> str:
    """A password that is typed twice without being shown. Raises CommandError if there is no terminal."""
    if not sys.stdin.isatty():
        raise CommandError("There is no terminal to ask for a password: use --password-stdin.", ExitCode.USAGE)
    try:
        password = getpass.getpass("Password: ")
        repeated = getpass.getpass("Password (again): ")
    except (EOFError, KeyboardInterrupt) as error:
        raise CommandError("Cancelled.", ExitCode.FAILED) from error
    if password != repeated:
        raise CommandError("password: The two passwords differ. Enter the same password twice.", ExitCode.INVALID)
    return password
