"""Counts of what calls came to, by this process, until they are written."""

from typing import Any

from keyadmin.foundation.cidr import Address


def note(verdict: Any, address: Address | None, cost: int) -> None:
    """Counts a verdict. Never raises and never waits."""
