"""Redacted request lines: bounded, printable, and without a key."""

import pytest

from keyadmin.core.redaction import MAX_REQUEST_LINE_LENGTH, parse_request_line, redacted_request_line
from keyadmin.core.tokens import KeyFormat, mint


@pytest.mark.parametrize(
    ("method", "path", "line"),
    [
        ("GET", "/api/chats", "GET /api/chats"),
        ("POST", '/api/"{x}"', 'POST /api/"{x}"'),
        ("A" * 100, "/", "A" * 16 + " /"),
        ("GET", "/caf\u00e9/\x00\ud800", r"GET /caf\xe9/\x00\ud800"),
    ],
)
def test_request_line_is_printable_and_bounded(method: str, path: str, line: str) -> None:
    assert redacted_request_line(method, path) == line


@pytest.mark.parametrize("before", [0, 1, 130, 180, 330, 350, 360, 390, 5000])
@pytest.mark.parametrize("form", KeyFormat)
def test_request_line_contains_no_part_of_a_key(form: KeyFormat, before: int) -> None:
    tokens = [mint("kad", form) for _ in range(6)]
    for path in (f"/{'x/' * (before // 2)}{tokens[0].value}", "/" + "/".join(token.value for token in tokens)):
        line = redacted_request_line("GET", path)
        assert len(line) <= MAX_REQUEST_LINE_LENGTH
        assert not any(token.value[:30] in line for token in tokens)


def test_complete_request_line_can_be_parsed() -> None:
    assert parse_request_line(redacted_request_line("GET", "/api/chats/4711")) == ("GET", "/api/chats/4711")
    for line in (
        "",
        redacted_request_line("GET", "/" + "x/" * 300),
        redacted_request_line("GET", f"/{mint('kad').value}"),
    ):
        assert parse_request_line(line) is None
