"""Generates pages of the reference: `python -m tests.docs.reference`. A test compares the pages with the code."""

import argparse
import ast
import os
import pkgutil
import textwrap
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any, Final

from django.core.management import load_command_class

from keyadmin.env import ROOT
from keyadmin.management import commands
from keyadmin.server.command_line import USAGE

COMMANDS_PAGE: Final = ROOT / "docs" / "reference" / "commands.md"
METRICS_PAGE: Final = ROOT / "docs" / "reference" / "metrics.md"
#: Options that every command of Django has.
DJANGO_OPTIONS: Final = {
    "--force-color",
    "--help",
    "--no-color",
    "--pythonpath",
    "--settings",
    "--skip-checks",
    "--traceback",
    "--verbosity",
    "--version",
}
MAX_REQUEST_LINE_LENGTH: Final = 100
COMMANDS_HEAD: Final = """# Commands

`make docs` writes this page from the commands themselves.

    {usage}

In a checkout, `python manage.py COMMAND` is the same as `keyadmin manage COMMAND`. Every command
below has `--help`. With `--json` it prints one JSON document. The result goes to standard output,
everything else to standard error. An edit that changes nothing prints a note there, and with
`--json` the row as it is.

| exit code | meaning |
|---:|---|
| 0 | done |
| 1 | failed, or the database does not answer |
| 2 | wrong arguments or environment |
| 3 | not found |
| 4 | forbidden |
| 5 | conflict, or the hash chain is broken |
| 6 | invalid input |
"""


def commands_page() -> str:
    usage = USAGE.strip().replace("\n", "\n    ").replace("\n    \n", "\n\n")
    sections = [COMMANDS_HEAD.format(usage=usage)]
    for module in sorted(module.name for module in pkgutil.iter_modules(commands.__path__)):
        parser = load_command_class("keyadmin", module).create_parser("keyadmin manage", module)
        sections.append("\n".join(command_section(module, parser)))
    return "\n".join(sections)


def command_section(name: str, parser: ArgumentParser) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"{wrapped(parser.description)}\n"
    yield from option_table(parser)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subname, subparser in action.choices.items():
                yield f"### {name} {subname}\n"
                yield f"{wrapped(subparser.description)}\n"
                yield from option_table(subparser)


def option_table(parser: ArgumentParser) -> Iterator[str]:
    """The options, positional arguments first; without the options that all commands have."""
    rows = [row for action in parser._actions if (row := option_row(action))]
    if rows:
        yield "| option | meaning |"
        yield "|---|---|"
        yield from rows
        yield ""


def option_row(action: argparse.Action) -> str | None:
    if isinstance(action, argparse._SubParsersAction) or DJANGO_OPTIONS & set(action.option_strings):
        return None
    if "--json" in action.option_strings:
        return None
    value = "" if action.nargs == 0 else f" {metavar(action)}"
    names = ", ".join(action.option_strings) or metavar(action)
    required = " Required." if action.required and action.option_strings else ""
    help_text = sentence(action.help).replace("%%", "%").replace("|", "\\|")
    return f"| `{names}{value if action.option_strings else ''}` | {help_text}{required} |"


def metavar(action: argparse.Action) -> str:
    if action.choices is not None and action.metavar is None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    rows: Any = action.metavar or action.dest.upper()
    return str(rows if isinstance(rows, str) else " ".join(rows))


def wrapped(text: str | None) -> str:
    return textwrap.fill(sentence(text), MAX_REQUEST_LINE_LENGTH, break_on_hyphens=False)


def sentence(text: str | None) -> str:
    """One line that begins with a capital letter and ends with a full stop."""
    line = " ".join((text or "").split()).rstrip(".")
    return f"{line[:1].upper()}{line[1:]}." if line else ""


METRICS_HEAD: Final = """# Metrics

`make docs` writes this page from the code. `/metrics` on both ports answers in Prometheus' text
format. Counters have the suffix `_total`, histograms `_bucket`, `_sum` and `_count`.

| metric | meaning |
|---|---|
"""


def metrics_page() -> str:
    """Every instrument that server/metrics.py creates: a call with a name and a description."""
    tree = ast.parse((ROOT / "keyadmin" / "server" / "metrics.py").read_text())
    rows = {}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        match call.args:
            case [ast.Constant(value=str(name)), ast.Constant(value=str(text)), *_] if name.startswith("keyadmin_"):
                rows[name] = text
    return METRICS_HEAD + "".join(f"| `{name}` | {text} |\n" for name, text in sorted(rows.items()))


def main() -> None:
    COMMANDS_PAGE.write_text(commands_page())
    METRICS_PAGE.write_text(metrics_page())


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keyadmin.settings")
    import django

    django.setup()
    main()
