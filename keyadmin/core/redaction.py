"""Removes keys and other secrets from text before it is logged, stored or shown."""

import re
from typing import Any, Final

from keyadmin.core.tokens import KEY_SHAPED

REDACTED: Final = "[redacted]"

# Keys, and the last segment of links with which a password can be set.
_KEY: Final = re.compile(
    rf"""(?<=/password/reset/key/)[^/\s"']+ | (?<=/invitations/)[^/\s"']+ | {KEY_SHAPED}""",
    re.IGNORECASE | re.VERBOSE,
)
_SENSITIVE_NAMES: Final = (
    r"(?:x[_-]?)?api[_-]?key|authorization|cookie|csrftoken|password|pepper|secret|sessionid|token"
)
_NAMED_SECRET: Final = re.compile(rf"""\b({_SENSITIVE_NAMES})=[^&\s"'<>]+""", re.IGNORECASE)
_SENSITIVE_FIELD: Final = re.compile(rf"(?:^|[_-])(?:{_SENSITIVE_NAMES}|set[_-]cookie|peppers)$", re.IGNORECASE)
# C0, DEL, C1, line and paragraph separators, marks that change the direction of text, and lone surrogates.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: Levels of nested values that `clean` keeps. It replaces deeper ones by "…".
_MAX_DEPTH: Final = 6
#: The end of a request line that was cut.
TRUNCATION_MARK: Final = "..."
#: Characters of a redacted request line.
MAX_REQUEST_LINE_LENGTH: Final = 200
_KEY_IN_LINE: Final = re.compile(KEY_SHAPED, re.IGNORECASE | re.VERBOSE)
# In a URL, 32 hexadecimal digits may be the secret of a key in the compact format.
_COMPACT_SECRET: Final = re.compile(r"(?<![0-9a-z])[0-9a-f]{32}(?![0-9a-z])", re.IGNORECASE)
_URL_FIELDS: Final = ("path", "uri", "url")

# Keys and secrets in text without blanks and slashes. Words that happen to follow each other look the same, but change
# less often between upper case, lower case and digits. 43 random characters change about 26 times, 32 hexadecimal ones
# about 15 times.
_JOINED_KEY: Final = re.compile(r"[a-z][a-z0-9]{1,11}_[0-9a-z]{16}_[0-9a-z]{43,}", re.IGNORECASE)
_JOINED_COMPACT_KEY: Final = re.compile(r"[a-z][a-z0-9]{1,11}_[0-9a-f]{32}", re.IGNORECASE)
_JOINED_SECRET: Final = re.compile(r"[0-9a-z]{43,}", re.IGNORECASE)
_CHANGE: Final = re.compile(r"(?<=[a-z])[A-Z0-9]|(?<=[A-Z])[a-z0-9]|(?<=[0-9])[A-Za-z]")
_JOINED: Final = ((_JOINED_KEY, 12), (_JOINED_COMPACT_KEY, 4), (_JOINED_SECRET, 12))
_SECRET_LENGTH: Final = 43
_ESCAPE: Final = re.compile(r"%[0-9a-fA-F]{2}")
_MIN_KEY_LENGTH: Final = 2 + 1 + 32
#: Times that a text may be percent-encoded.
_MAX_ENCODINGS: Final = 3


def redact(text: str) -> str:
    """The text with keys, texts that look like a key, and values such as those of `password=` replaced.

    Keys are also found if they are percent-encoded, or split by blanks and slashes.
    """
    return _NAMED_SECRET.sub(rf"\1={REDACTED}", _redact_split_keys(_KEY.sub(REDACTED, text)))


def _redact_split_keys(text: str) -> str:
    """The text with keys replaced that are percent-encoded, or split by blanks and slashes."""
    if len(text) < _MIN_KEY_LENGTH:
        return text
    joined, spans = _join(text)
    found = [
        (spans[match.start()][0], spans[match.end() - 1][1])
        for pattern, changes in _JOINED
        for match in pattern.finditer(joined)
        if _most_changes(match[0]) >= changes
    ]
    for start, end in _merge(found):
        text = text[:start] + REDACTED + text[end:]
    return text


def _most_changes(text: str) -> int:
    """The changes between upper case, lower case and digits in that part of a secret's length that has the most."""
    at = [match.start() for match in _CHANGE.finditer(text)]
    return max((sum(start <= other < start + _SECRET_LENGTH for other in at) for start in at), default=0)


def _join(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text decoded and without blanks and slashes, and the place in `text` of each of its characters."""
    characters, spans = text, [(index, index + 1) for index in range(len(text))]
    for _ in range(_MAX_ENCODINGS):
        if not (escapes := list(_ESCAPE.finditer(characters))):
            break
        decoded, places, end = [], [], 0
        for escape_ in escapes:
            decoded += [characters[end : escape_.start()], chr(int(escape_[0][1:], 16))]
            places += [*spans[end : escape_.start()], (spans[escape_.start()][0], spans[escape_.end() - 1][1])]
            end = escape_.end()
        characters, spans = "".join([*decoded, characters[end:]]), [*places, *spans[end:]]
    kept = [index for index, char in enumerate(characters) if not (char.isspace() or char in "/\\+")]
    return "".join(characters[index] for index in kept), [spans[index] for index in kept]


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans without overlaps, the last one first."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged[::-1]


def escape(text: str, *, keep: str = "") -> str:
    """The text with control characters as escape sequences, except those in `keep`."""
    return _CONTROL.sub(lambda m: m[0] if m[0] in keep else m[0].encode("unicode_escape").decode(), text)


def clean(value: Any, depth: int = 0) -> Any:
    """The value with every text in it redacted and escaped. Objects that are not JSON values become their repr.

    `depth` is the number of values around this one.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return escape(redact(value))
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return {clean(str(key)): clean_field(str(key), item, depth) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean(item, depth + 1) for item in value]
    return clean(value.decode("latin-1") if isinstance(value, bytes) else repr(value))


def clean_field(name: str, value: Any, depth: int = 0) -> Any:
    """As `clean`, for a named value. The value is replaced if its name is that of a secret, such as `password`."""
    if name in _URL_FIELDS and isinstance(value, str):
        value = _COMPACT_SECRET.sub(REDACTED, value)
    return REDACTED if value and _SENSITIVE_FIELD.search(name) else clean(value, depth + 1)


def redacted_request_line(method: str, path: str) -> str:
    """A line such as `GET /api/chats`: printable ASCII, at most MAX_REQUEST_LINE_LENGTH characters, keys replaced."""
    # Redact before cutting: a key that was cut would not be recognised.
    path = _redact_split_keys(_COMPACT_SECRET.sub(REDACTED, _KEY_IN_LINE.sub(REDACTED, path)))
    line = f"{method[:16]} {path}"
    if not (line.isascii() and line.isprintable()):
        line = line.encode("unicode_escape").decode()
    if len(line) <= MAX_REQUEST_LINE_LENGTH:
        return line
    return line[: MAX_REQUEST_LINE_LENGTH - len(TRUNCATION_MARK)] + TRUNCATION_MARK


def parse_request_line(line: str) -> tuple[str, str] | None:
    """(method, path) of a line that `redacted_request_line` made; None if it was cut or redacted."""
    method, _, path = line.partition(" ")
    return None if not path or REDACTED in line or line.endswith(TRUNCATION_MARK) else (method, path)
