"""CSV (RFC 4180) that is safe to open in a spreadsheet: no value is evaluated as a formula.

Every CSV file is UTF-8 with a byte order mark: without it, Excel reads the file in another encoding.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import batched
from typing import Final

from keyadmin.core.time import rfc3339

#: First characters of formulas, including their full-width forms.
_FORMULA_STARTS: Final = tuple("=+-@|%＝＋－＠")

MEDIA_TYPE: Final = "text/csv; charset=utf-8"
_BYTE_ORDER_MARK: Final = "\ufeff"
#: Lines in one piece of a file.
_BATCH_SIZE: Final = 500


def document(header: Iterable[object], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """A whole file in pieces. The first piece is the header."""
    yield _BYTE_ORDER_MARK + line(header)
    for batch in batched(rows, _BATCH_SIZE):
        yield "".join(map(line, batch))


def cell(value: object) -> str:
    """The text of a cell. Times are RFC 3339 in UTC, None is empty, and numbers stay numbers.

    Text that could be a formula gets a leading apostrophe, which spreadsheets do not show. Spreadsheets skip white
    space and control characters before a formula, so these are skipped here as well.
    """
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return str(value)
        case datetime():
            return rfc3339(value)
        case date():
            return value.isoformat()
    text = str(value).replace("\0", "")
    visible = text.lstrip("".join(filter(_is_skipped, set(text))))
    return f"'{text}" if visible.startswith(_FORMULA_STARTS) or text[:1] in ("\t", "\r", "\n") else text


def line(values: Iterable[object]) -> str:
    """One line, including its end."""
    out = io.StringIO()
    csv.writer(out).writerow([cell(value) for value in values])
    return out.getvalue()


def _is_skipped(character: str) -> bool:
    return character.isspace() or not character.isprintable()
