"""Commands about one noun, whose first argument is the verb: `bots create --organisation northwind --name Helper`."""

from argparse import SUPPRESS, Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.core.management.base import CommandParser

from keyadmin.management.base import OperatorCommand


class Argument(NamedTuple):
    """What `add_argument` takes."""

    flags: tuple[str, ...]
    options: dict[str, Any]


class EventType(NamedTuple):
    name: str
    help: str
    arguments: tuple[Argument, ...]


def argument(*flags: str, **options: Any) -> Argument:
    return Argument(flags, options)


def verb(name: str, help: str, *arguments: Argument) -> Callable[[Callable[..., None]], Callable[..., None]]:  # noqa: A002
    """Makes the method what the command does for the verb. The method takes the options."""

    def mark(method: Callable[..., None]) -> Callable[..., None]:
        method.verb = EventType(name, help, arguments)  # type: ignore[attr-defined]
        return method

    return mark


class NounCommand(OperatorCommand):
    """Subclasses have one method a verb, marked by `verb`."""

    def arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        for method in self._methods():
            known: EventType = method.verb  # type: ignore[attr-defined]
            one = verbs.add_parser(known.name, help=known.help, description=known.help, epilog=self.epilog)
            one.set_defaults(method=method.__name__)
            # Also after the verb, where people write it.
            one.add_argument("--json", action="store_true", default=SUPPRESS, help="Print one JSON document.")
            for flags, options in known.arguments:
                one.add_argument(*flags, **options)

    def run(self, options: Namespace) -> None:
        getattr(self, options.method)(options)

    def tell(self, document: Mapping[str, Any], line: str) -> None:
        """Print the result: all of it for programs, one line for people."""
        if self.json:
            self.document(document)
        else:
            self.result(line)

    def tell_all(self, documents: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print a list: all fields for programs, the named ones for people."""
        if self.json:
            self.document(documents)
            return
        heads = [column.replace("_", " ") for column in columns]
        self.table(heads, [[_cell(document[column]) for column in columns] for document in documents])

    def _methods(self) -> list[Callable[..., None]]:
        """In the order in which they are written."""
        return [one for one in vars(type(self)).values() if hasattr(one, "verb")]


def given(options: Namespace, *names: str) -> dict[str, Any]:
    """The options that were given, as keyword arguments of an operation that changes only those."""
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    return "-" if value in (None, "") else str(value)
