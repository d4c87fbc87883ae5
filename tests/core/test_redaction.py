"""Redacted request lines: bounded, printable, and without a key."""

from time import process_time

import pytest

from keyadmin.core.redaction import (
    MAX_REQUEST_LINE_LENGTH,
    MAX_TEXT_LENGTH,
    REDACTED,
    clean,
    clean_field,
    parse_request_line,
    redact,
    redacted_request_line,
)
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


def splits(value: str) -> list[str]:
    """The value, split and encoded as a URL can contain it."""
    third, half = len(value) // 3, len(value) // 2
    parts = [value[:third], value[third : 2 * third], value[2 * third :]]
    escaped = "".join(f"%{ord(char):02X}" for char in value)
    return [
        *(
            separator.join(parts)
            for separator in ("%20", "/", "%2F", "%2f", " ", "+", "%09", "//", "%2520", "%5C", "/ ")
        ),
        "/".join(value[at : at + 8] for at in range(0, len(value), 8)),
        f"{value[:half]}%20%20/{value[half:]}",
        escaped,
        escaped.replace("%", "%25"),
        f"{escaped[: 3 * half]}/{escaped[3 * half :]}",
        value.replace("_", "%5F").replace("%5F", "/%5F"),
    ]


def longest_part(value: str, text: str) -> int:
    """The length of the longest part of the value that the text contains."""
    return max(
        (size for size in range(1, len(value)) for at in range(len(value) - size + 1) if value[at : at + size] in text),
        default=0,
    )


@pytest.mark.parametrize("form", KeyFormat)
@pytest.mark.parametrize(
    "around", ["{}", "/api/chats/{}", "/api/organisations/northwind/chats/{}/messages", "a={}&b=1"]
)
def test_key_that_is_split_or_encoded_is_redacted(form: KeyFormat, around: str) -> None:
    for _ in range(20):
        token = mint("kad", form)
        whole = splits(token.value) + (splits(token.secret) if form is KeyFormat.DEFAULT else [])
        for text in (around.format(one) for one in whole):
            for shown in (redact(text), redacted_request_line("GET", text), clean({"path": text})["path"]):
                assert REDACTED in shown, (text, shown)
                assert longest_part(token.secret, shown) < 6, (text, shown)
                assert "%" not in shown or longest_part("".join(f"%{ord(c):02X}" for c in token.secret), shown) < 18


def test_secret_of_a_compact_key_is_redacted_in_paths() -> None:
    secret = mint("kad", KeyFormat.COMPACT).secret
    assert clean_field("path", f"/api/chats/{secret}/x") == f"/api/chats/{REDACTED}/x"
    assert redacted_request_line("GET", f"/api/chats/{secret}") == f"GET /api/chats/{REDACTED}"
    assert clean_field("request_id", secret) == secret


@pytest.mark.parametrize(
    "path",
    [
        "/api/organisations/northwind/channels/telegram/messages/conversations",
        "/api/v2/Organisations/Northwind/Channels/Telegram/Messages",
        "/api/chats/3f2504e0-4f89-41d3-9a0c-0305e82c3301/messages/3f2504e0-4f89-41d3-9a0c-0305e82c3302",
        "/api/chats/caf%C3%A9%20au%20lait%20and%20many%20more%20words%20in%20the%20name%20of%20a%20chat",
        "the setting max_replication_slots must be larger than the number of servers that are connected",
    ],
)
def test_ordinary_path_is_not_redacted(path: str) -> None:
    assert redact(path) == path
    assert clean_field("path", path) == path


def test_complete_request_line_can_be_parsed() -> None:
    assert parse_request_line(redacted_request_line("GET", "/api/chats/4711")) == ("GET", "/api/chats/4711")
    for line in (
        "",
        redacted_request_line("GET", "/" + "x/" * 300),
        redacted_request_line("GET", f"/{mint('kad').value}"),
    ):
        assert parse_request_line(line) is None


@pytest.mark.parametrize(
    "unit", ["aA1", "aA1/", "aA1aA1aA1aA1aA1aA1aA1aA1aA1aA1aA1aA1aA1/", "aa_", "%61", "a1" * 10 + "_"]
)
def test_long_text_is_redacted_quickly(unit: str) -> None:
    text = (unit * 64_000)[:64_000]
    began = process_time()
    for _ in range(5):
        clean_field("path", text)
        redacted_request_line("GET", text)
    assert (process_time() - began) / 5 < 0.1


def test_long_text_is_cut_and_shows_no_part_of_a_key() -> None:
    key = mint("kad")
    for position in (0, MAX_TEXT_LENGTH - 40, MAX_TEXT_LENGTH - 1, 3900, 3990):
        shown = clean("a " * (position // 2) + f" {key.value} " + "a " * 5000)
        assert len(shown) < MAX_TEXT_LENGTH + 20
        assert key.secret[:8] not in shown
