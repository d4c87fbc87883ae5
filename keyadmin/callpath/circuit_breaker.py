"""What this process knows of PostgreSQL: after a failure nobody asks it for a moment, so that nobody waits in line.

After that moment one caller tries; the others are told at once that it is away, until that one has an answer.
"""

from threading import Lock
from time import monotonic
from typing import Final

BREAK: Final = 0.5
"""Seconds for which a failure speaks for the server."""
_TRIES_FOR: Final = 2.0
"""Seconds after which whoever tries is taken for gone."""

_lock = Lock()
_is_broken = False
_until = 0.0


def fail() -> None:
    """The server did not answer."""
    global _is_broken, _until
    with _lock:
        _is_broken, _until = True, monotonic() + BREAK


def succeed() -> None:
    """The server answered."""
    global _is_broken
    if _is_broken:
        _is_broken = False


def refuses() -> bool:
    """Whether not to ask. Who is told False must tell what came of it."""
    global _until
    if not _is_broken:
        return False
    with _lock:
        now = monotonic()
        if now < _until:
            return True
        _until = now + _TRIES_FOR
    return False


def is_broken() -> bool:
    """Whether the server failed a moment ago, or somebody is just trying again."""
    return _is_broken and monotonic() < _until
