"""create_admin: add a system administrator. The first one of an installation is added with this command."""

import getpass
import sys
from argparse import Namespace

from django.core.management.base import CommandParser

from keyadmin.management.base import CommandError, ExitCode, OperatorCommand, printable
from keyadmin.models import SystemRole
from keyadmin.operations import people


class Command(OperatorCommand):
    help = "Add a system administrator, who has every permission. It asks for a password in the terminal."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="The address with which the person signs in.")
        parser.add_argument("--name", required=True, help="The full name of the person.")
        parser.add_argument(
            "--password-stdin", action="store_true", help="Read the password from the first line of standard input."
        )

    def run(self, options: Namespace) -> None:
        person = people.create(
            actor=self.actor,
            email=options.email,
            name=options.name,
            password=first_line() if options.password_stdin else password_from_terminal(),
            is_email_verified=True,
            system_role=SystemRole.ADMINISTRATOR,
        )
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
