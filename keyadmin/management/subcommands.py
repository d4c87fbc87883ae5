"""Commands with subcommands: `bots create --organisation northwind --name Helper`."""

from argparse import SUPPRESS, Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from django.core.management.base import CommandParser

from keyadmin.management.base import OperatorCommand

type Method = Callable[[Any, Namespace], None]


class Argument(NamedTuple):
    """The arguments of `add_argument`."""

    flags: tuple[str, ...]
    options: dict[str, Any]


class Subcommand(NamedTuple):
    """One subcommand and the method that runs it."""

    name: str
    help: str
    arguments: tuple[Argument, ...]
    method: Method


def argument(*flags: str, **options: Any) -> Argument:
    """An argument of a subcommand."""
    return Argument(flags, options)


class subcommand:  # noqa: N801 - used as a decorator
    """Decorator: the method of a SubcommandCommand runs the subcommand, and takes the parsed options."""

    def __init__(self, name: str, help: str, *arguments: Argument) -> None:  # noqa: A002 - the name of argparse
        self._name, self._help, self._arguments = name, help, arguments

    def __call__(self, method: Method) -> "_Declaration":
        return _Declaration(Subcommand(self._name, self._help, self._arguments, method))


class _Declaration:
    """Adds the subcommand to its class, and leaves the method under its own name."""

    def __init__(self, declared: Subcommand) -> None:
        self._declared = declared

    def __set_name__(self, owner: type["SubcommandCommand"], name: str) -> None:
        owner.subcommands = {**owner.subcommands, self._declared.name: self._declared}
        setattr(owner, name, self._declared.method)


class SubcommandCommand(OperatorCommand):
    """Subclasses have one method for each subcommand, decorated with `subcommand`."""

    #: The subcommands by name, in the order of their definition.
    subcommands: ClassVar[Mapping[str, Subcommand]] = {}

    def arguments(self, parser: CommandParser) -> None:
        parsers = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        for known in self.subcommands.values():
            subparser = parsers.add_parser(known.name, help=known.help, description=known.help, epilog=self.epilog)
            # --json is understood before and after the name of the subcommand.
            subparser.add_argument("--json", action="store_true", default=SUPPRESS, help="Print one JSON document.")
            for flags, options in known.arguments:
                subparser.add_argument(*flags, **options)

    def run(self, options: Namespace) -> None:
        self.subcommands[options.subcommand].method(self, options)

    def print_object(self, document: Mapping[str, Any], line: str) -> None:
        """Print the result: the document with `--json`, else the line."""
        if self.json:
            self.document(document)
        else:
            self.result(line)

    def print_table(self, documents: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print a list: the documents with `--json`, else a table of the columns."""
        if self.json:
            self.document(documents)
            return
        heads = [column.replace("_", " ") for column in columns]
        self.table(heads, [[_cell(document[column]) for column in columns] for document in documents])


def provided(options: Namespace, *names: str) -> dict[str, Any]:
    """Keyword arguments for an operation: those of the named options that are on the command line."""
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    return "-" if value in (None, "") else str(value)
