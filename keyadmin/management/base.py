"""What keyadmin's commands share: who acts, what is printed where, and what an exit code means.

Standard output carries the result and nothing else: a table or a line for people, one JSON document with
`--json`. Everything said about it goes to standard error. Exit codes are those of `ExitCode`.
"""

import getpass
import json
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Never

from django.core.management import base
from django.db import ProgrammingError

from keyadmin.core import errors
from keyadmin.core.actors import Actor, ActorKind, Interface


class ExitCode(IntEnum):
    """What a command says to the program that ran it."""

    DONE = 0
    #: The database does not answer, is not migrated, or the result could not be printed.
    FAILED = 1
    #: The arguments cannot be read.
    USAGE = 2
    NOT_FOUND = 3
    FORBIDDEN = 4
    #: Somebody else was first, or the state of things does not allow it.
    CONFLICT = 5
    #: The arguments were read, but their values are not acceptable.
    INVALID = 6


class CommandError(base.CommandError):
    """Ends the command with one line on standard error and the exit code."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(" ".join(message.split()), returncode=int(code))


class OperatorCommand(base.BaseCommand):
    """A command of the operator's shell; subclasses say which `arguments` it takes and what it does in `run`."""

    #: An operator's script wants neither the time the checks take nor their warnings.
    requires_system_checks = []
    epilog = "Exit codes: 0 done, 1 failed, 2 bad arguments, 3 not found, 4 forbidden, 5 conflict, 6 invalid."

    def arguments(self, parser: base.CommandParser) -> None:
        """Add the command's own arguments."""

    def run(self, options: Namespace) -> None:
        """Do it. May raise OperationError and Problem."""
        raise NotImplementedError

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> base.CommandParser:
        return super().create_parser(prog_name, subcommand, epilog=self.epilog, **kwargs)

    def add_arguments(self, parser: base.CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")
        self.arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.json: bool = options["json"]
        self.actor = operator()
        refuse_broken_text(options)
        try:
            self.run(Namespace(**options))
        except errors.OperationError as error:
            raise problem(error) from error
        except ProgrammingError as error:
            if (words := refusal_of(error)) is None:
                raise
            raise CommandError(words, ExitCode.FAILED) from error

    def result(self, text: str) -> None:
        """Print a line of the result."""
        self.stdout.write(text)

    def document(self, value: Any) -> None:
        """Print the result as JSON."""
        self.stdout.write(json.dumps(value, indent=2))

    def note(self, text: str) -> None:
        """Say something about the result, on standard error."""
        self.stderr.write(text, style_func=str)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows in columns, the heads in capitals."""
        lines = [[cell.upper() for cell in head], *([printable(cell) for cell in row] for row in rows)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
        for line in lines:
            self.result("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def refusal_of(error: ProgrammingError) -> str | None:
    """What to say of a statement that the database would not run; None where that is an error of ours."""
    match getattr(error.__cause__, "sqlstate", None):
        case "42P01" | "42703":  # no such table, no such column: the schema is not the one of this code
            return "The database is not up to date: run `python manage.py migrate`."
        case "42501":  # not allowed: history that may not be written, above all
            return f"The database refused it, and nothing was changed: {error}"
        case _:
            return None


def operator() -> Actor:
    """The actor of every command: whoever has the operator's shell may do everything."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user id without a name
        user = "unknown user"
    return Actor(kind=ActorKind.COMMAND, id=None, label=f"command line ({user})", interface=Interface.COMMAND)


def refuse_broken_text(options: dict[str, Any]) -> None:
    """Bytes of the shell that are not UTF-8 arrive as text that no database takes."""
    for name, value in options.items():
        try:
            for text in value if isinstance(value, list) else [value]:
                str(text).encode()
        except UnicodeEncodeError as error:
            raise CommandError(f"{name}: not UTF-8 text.", ExitCode.USAGE) from error


def problem(error: errors.OperationError) -> CommandError:
    """The exit code and the line that say what an operation refused."""
    if isinstance(error, errors.InvalidInputError):
        said = {field: " ".join(map(str, messages)) for field, messages in error.errors.items()}
        lines = (text if field == "__all__" else f"{field}: {text}" for field, text in said.items())
        return CommandError(" ".join(lines), ExitCode.INVALID)
    codes = {
        errors.NotFoundError: ExitCode.NOT_FOUND,
        errors.ForbiddenError: ExitCode.FORBIDDEN,
        errors.ConflictError: ExitCode.CONFLICT,
    }
    code = next((code for kind, code in codes.items() if isinstance(error, kind)), ExitCode.FAILED)
    return CommandError(str(error) or type(error).__name__, code)


def not_found(what: str) -> Never:
    """End the command because what the arguments name does not exist."""
    raise CommandError(what, ExitCode.NOT_FOUND)


def printable(text: str) -> str:
    """The text without what would move a terminal's cursor or change its colours."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def clock(moment: datetime | None, absent: str) -> str:
    """A time for people, in UTC to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else absent
