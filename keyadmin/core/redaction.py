"""Removes keys and other secrets from text before it is logged, stored or shown."""

import re
from typing import Any, Final

from keyadmin.core.key_shapes import replace_keys

REDACTED: Final = "[redacted]"

# The last segment of links with which a password can be set.
_LINK: Final = re.compile(
    r"""(?<=/password/reset/key/)[^/\s"']+ | (?<=/invitations/)[^/\s"']+""", re.IGNORECASE | re.VERBOSE
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
#: Characters of a text that `clean` keeps. To look for keys takes time, and clients choose paths and header values.
MAX_TEXT_LENGTH: Final = 2000
#: Characters in which it looks for keys: one that begins within MAX_TEXT_LENGTH ends here.
_SEARCHED_LENGTH: Final = 2 * MAX_TEXT_LENGTH
#: The end of a request line that was cut.
TRUNCATION_MARK: Final = "..."
#: Characters of a redacted request line.
MAX_REQUEST_LINE_LENGTH: Final = 200
# In a URL, 32 hexadecimal digits may be the secret of a key in the compact format.
_COMPACT_SECRET: Final = re.compile(r"(?<![0-9a-z])[0-9a-f]{32}(?![0-9a-z])", re.IGNORECASE)
_URL_FIELDS: Final = ("path", "uri", "url")


def redact(text: str) -> str:
    """The text with keys, texts that look like a key, and values such as those of `password=` replaced.

    Keys are also found if they are percent-encoded, or split by blanks and slashes.
    """
    return _NAMED_SECRET.sub(rf"\1={REDACTED}", replace_keys(_LINK.sub(REDACTED, text), REDACTED))


def escape(text: str, *, keep: str = "") -> str:
    """The text with control characters as escape sequences, except those in `keep`."""
    return _CONTROL.sub(lambda m: m[0] if m[0] in keep else m[0].encode("unicode_escape").decode(), text)


def clean(value: Any, depth: int = 0) -> Any:
    """The value with every text in it redacted, escaped and cut. Objects that are not JSON values become their repr.

    `depth` is the number of values around this one.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        text = redact(value[:_SEARCHED_LENGTH])
        return escape(text if len(text) <= MAX_TEXT_LENGTH else f"{text[:MAX_TEXT_LENGTH]}…")
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
    path = _COMPACT_SECRET.sub(REDACTED, replace_keys(path[:_SEARCHED_LENGTH], REDACTED))
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
