"""A call in one line, as ledgers keep it and pages show it."""

import re
from typing import Final

from keyadmin.foundation.tokens import KEY_SHAPED

REDACTED: Final = "[redacted]"
CUT: Final = "..."

#: Letters of such a line; a path may be thousands long.
MOST: Final = 200
_KEY: Final = re.compile(KEY_SHAPED, re.IGNORECASE | re.VERBOSE)


def told(method: str, path: str) -> str:
    """`GET /api/chats`: printable ASCII, of a bounded length, without anything that looks like a key."""
    line = _KEY.sub(REDACTED, f"{method[:16]} {path}")  # before anything is cut: of half a key nothing is seen
    if not (line.isascii() and line.isprintable()):
        line = line.encode("unicode_escape").decode()
    return line if len(line) <= MOST else line[: MOST - len(CUT)] + CUT


def retold(line: str) -> tuple[str, str] | None:
    """(method, path) of what was `told`; None where the line does not have all of it."""
    method, _, path = line.partition(" ")
    return None if not path or REDACTED in line or line.endswith(CUT) else (method, path)
