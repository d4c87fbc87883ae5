"""What this process knows of PostgreSQL: after a failure nobody asks it for a moment, so that nobody waits in line."""

from time import monotonic
from typing import Final

BREAK: Final = 0.5
"""Seconds for which a failure speaks for the server."""

_broken_until = 0.0


def fail() -> None:
    global _broken_until
    _broken_until = monotonic() + BREAK


def is_open() -> bool:
    """Whether a failure still speaks: do not ask."""
    return monotonic() < _broken_until
