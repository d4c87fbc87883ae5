"""Lines of CSV (RFC 4180) that a spreadsheet shows as they are: no text of ours or of anybody's runs as a formula."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final

#: What spreadsheets take for the beginning of a formula, in the forms of all keyboards.
_FORMULA: Final = tuple("=+-@|%＝＋－＠")

#: Goes before the first line: without it Excel takes UTF-8 for an older encoding.
BEGIN: Final = "\ufeff"


def cell(value: object) -> str:
    """The text of a cell. Moments are RFC 3339 in UTC; nothing is empty; numbers stay numbers.

    Text that could be a formula gets an apostrophe before it, which spreadsheets do not show. They skip white space
    and control characters in front of a formula, so these hide none.
    """
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
    text = str(value).replace("\0", "")
    visible = text.lstrip("".join(filter(_is_skipped, set(text))))
    return f"'{text}" if visible.startswith(_FORMULA) or text[:1] in ("\t", "\r", "\n") else text


def line(values: Iterable[object]) -> str:
    """One line, its end included."""
    out = io.StringIO()
    csv.writer(out).writerow([cell(value) for value in values])
    return out.getvalue()


def _is_skipped(character: str) -> bool:
    return character.isspace() or not character.isprintable()
