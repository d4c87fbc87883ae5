"""CSV: no text runs as a formula, and every value can be read back."""

import csv
import io
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyadmin.core import csv_cells


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=cmd()", "'=cmd()"),
        ("+1", "'+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("|calc", "'|calc"),
        ("%0A=1", "'%0A=1"),
        ("＝1+1", "'＝1+1"),
        ("  =1", "'  =1"),
        ("\t=1", "'\t=1"),
        ("\n", "'\n"),
        ("\ufeff=1", "'\ufeff=1"),
        ("\u200b+1", "'\u200b+1"),
        ("\0=1", "'=1"),
        ("CRM = sales", "CRM = sales"),
        ("a-b", "a-b"),
        ("", ""),
        ("'=1", "'=1"),
        ("<b>", "<b>"),
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (-5, "-5"),
        (1.5, "1.5"),
        (date(2026, 11, 22), "2026-11-22"),
        (datetime(2026, 11, 22, 18, tzinfo=UTC), "2026-11-22T18:00:00Z"),
        (datetime(2026, 11, 22, 18, tzinfo=timezone(timedelta(hours=2))), "2026-11-22T16:00:00Z"),
    ],
)
def test_value_is_written_as_a_cell(value: object, text: str) -> None:
    assert csv_cells.cell(value) == text


def test_line_is_quoted_only_where_needed() -> None:
    assert csv_cells.line(["a,b", 'say "x"', None, "=1"]) == '"a,b","say ""x""",,\'=1\r\n'


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=2))
def test_line_reads_back_and_no_cell_is_a_formula(values: list[str]) -> None:
    [cells] = csv.reader(io.StringIO(csv_cells.line(values), newline=""))
    assert [cell.removeprefix("'") for cell in cells] == [value.replace("\0", "").removeprefix("'") for value in values]
    assert not any(cell.strip().startswith(("=", "+", "-", "@")) for cell in cells)


def test_document_begins_with_the_byte_order_mark_and_the_header_once() -> None:
    rows = [[number, "Größe"] for number in range(1200)]
    pieces = list(csv_cells.document(["Number", "Name"], iter(rows)))
    assert pieces[0] == "\ufeffNumber,Name\r\n"
    text = "".join(pieces).encode().decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text, newline="")))[1:] == [[str(number), name] for number, name in rows]
    assert text.count("\ufeff") == 0
