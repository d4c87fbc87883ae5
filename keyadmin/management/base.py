"""The base class of all commands of keyadmin: the actor, the output, and the exit codes.

Standard output carries only the result: a table or a line for people, one JSON document with `--json`. Notes about the
result go to standard error; an edit that changes nothing prints a note, and only with `--json` the row. A command that
fails prints one line there, which begins with "Error: ". The exit codes are those of `ExitCode`.
"""

import getpass
import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final, Never

from django.core.management import base
from django.db import ProgrammingError

from keyadmin.core import errors
from keyadmin.core.actors import Actor, ActorKind, Interface

NOT_MIGRATED: Final = (
    "The database is not up to date. Run `keyadmin manage migrate`, or `python manage.py migrate` in a checkout."
)


class ExitCode(IntEnum):
    """The exit code of a command."""

    DONE = 0
    #: The database does not answer or is not migrated, or the result could not be printed.
    FAILED = 1
    #: Arguments are missing, unknown or malformed.
    USAGE = 2
    NOT_FOUND = 3
    FORBIDDEN = 4
    #: The row was changed at the same time, or its state does not allow the act.
    CONFLICT = 5
    #: A value of an argument is not valid.
    INVALID = 6


class CommandError(base.CommandError):
    """Ends the command with one line on standard error and the exit code."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(" ".join(message.split()), returncode=int(code))


class OperatorCommand(base.BaseCommand):
    """A command for the operator's shell. Subclasses implement `arguments` and `run`."""

    #: In scripts, the checks would cost time and print warnings on every call.
    requires_system_checks = []
    _called_from_command_line: bool
    epilog = "Exit codes: 0 done, 1 failed, 2 bad arguments, 3 not found, 4 forbidden, 5 conflict, 6 invalid."

    def arguments(self, parser: base.CommandParser) -> None:
        """Add the command's own arguments."""

    def run(self, options: Namespace) -> None:
        """Do the work. May raise OperationError and CommandError."""
        raise NotImplementedError

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> base.CommandParser:
        return super().create_parser(prog_name, subcommand, epilog=self.epilog, **kwargs)

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except CommandError as error:
            if not self._called_from_command_line or options["traceback"]:
                raise
            self.stderr.write(f"Error: {error}")
            sys.exit(error.returncode)

    def add_arguments(self, parser: base.CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print one JSON document.")
        self.arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.json: bool = options["json"]
        self.actor = operator()
        require_utf8(options)
        try:
            self.run(Namespace(**options))
        except errors.OperationError as error:
            raise command_error_for(error) from error
        except ProgrammingError as error:
            if (message := database_message(error)) is None:
                raise
            raise CommandError(message, ExitCode.FAILED) from error

    def print_edit[Row](
        self, edit: Callable[[], Row], row: Row, print_result: Callable[[Row, str], None], done: str = "Edited"
    ) -> None:
        """Edit the row and print it. If nothing changes, print a note; with `--json` also the row as it is."""
        try:
            row = edit()
        except errors.NoChangesError as error:
            self.note(str(error))
            if not self.json:
                return
        print_result(row, done)

    def result(self, text: str) -> None:
        """Print a line of the result."""
        self.stdout.write(text)

    def document(self, value: Any) -> None:
        """Print the result as JSON."""
        self.stdout.write(json.dumps(value, indent=2))

    def note(self, text: str) -> None:
        """Print a note about the result on standard error."""
        self.stderr.write(text, style_func=str)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows in columns, with the heads in capitals."""
        cells = [[cell.upper() for cell in head], *([printable(cell) for cell in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            self.result("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def database_message(error: ProgrammingError) -> str | None:
    """The message if the schema is of another release or the role lacks a privilege; None for any other error."""
    match getattr(error.__cause__, "sqlstate", None):
        case "42P01" | "42703":  # a table or a column is missing: the schema is of another release
            return NOT_MIGRATED
        case "42501":
            return f"The database role lacks a privilege, and nothing was changed: {error}"
        case _:
            return None


def operator() -> Actor:
    """The actor of every command. Access to the operator's shell includes every permission."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user id without a name
        user = "unknown user"
    return Actor(kind=ActorKind.COMMAND, id=None, label=f"command line ({user})", interface=Interface.COMMAND)


def require_utf8(options: dict[str, Any]) -> None:
    """Raise CommandError for arguments that are not UTF-8: Python decodes them to text that PostgreSQL rejects."""
    for name, value in options.items():
        try:
            for text in value if isinstance(value, list) else [value]:
                str(text).encode()
        except UnicodeEncodeError as error:
            raise CommandError(f"{name} is not UTF-8 text.", ExitCode.USAGE) from error


def command_error_for(error: errors.OperationError) -> CommandError:
    """The CommandError for an error of an operation, with its message and exit code."""
    if isinstance(error, errors.InvalidInputError):
        texts = {field: " ".join(map(str, messages)) for field, messages in error.errors.items()}
        parts = (text if field == "__all__" else f"{field}: {text}" for field, text in texts.items())
        return CommandError(" ".join(parts), ExitCode.INVALID)
    codes = {
        errors.NotFoundError: ExitCode.NOT_FOUND,
        errors.ForbiddenError: ExitCode.FORBIDDEN,
        errors.ConflictError: ExitCode.CONFLICT,
    }
    code = next((code for kind, code in codes.items() if isinstance(error, kind)), ExitCode.FAILED)
    return CommandError(str(error) or type(error).__name__, code)


def not_found(message: str) -> Never:
    """End the command because an argument names something that does not exist."""
    raise CommandError(message, ExitCode.NOT_FOUND)


def printable(text: str) -> str:
    """The text without control characters, which could move the cursor or change the colours of a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def clock(moment: datetime | None, absent: str) -> str:
    """A time for people: UTC, to the minute. `absent` stands for no time."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else absent
