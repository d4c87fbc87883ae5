"""The normal form of names, in Python and in the browser's module."""

import unicodedata
from pathlib import Path

import pytest

from keyadmin.core.text import normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CRM  sync", "CRM sync"),
        (" CRM\tsync\u00a0", "CRM sync"),
        ("Zu\u0308rich\u3000Desk", "Z\u00fcrich Desk"),
        ("\u1112\u1161\u11ab", "\ud55c"),
        ("two\nlines", "two\nlines"),
        ("", ""),
    ],
)
def test_text_has_one_normal_form(text: str, expected: str) -> None:
    assert normalise(text) == expected
    assert normalise(expected) == expected


def test_blanks_of_python_are_those_of_the_browser() -> None:
    """The browser's expression names the category Zs."""
    blanks = {chr(code) for code in range(0x11000) if normalise(f"a{chr(code)}b") == "a b"}
    assert blanks == {char for char in map(chr, range(0x11000)) if unicodedata.category(char) == "Zs"} | {"\t"}
    script = (Path(__file__).parents[2] / "static/js/dom.js").read_text()
    assert r'text.normalize("NFC").replace(/[\t\p{Zs}]+/gu, " ").trim()' in script
