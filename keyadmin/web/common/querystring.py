"""Addresses of lists: the filters in force, and what a click changes about them."""

from typing import Any

from django.utils.http import urlencode


def link(path: str, query: dict[str, Any], **changes: Any) -> str:
    """`path` with the query, changed; empty values are left out."""
    given = {name: value for name, value in {**query, **changes}.items() if value not in ("", None)}
    return f"{path}?{urlencode(given)}" if given else path


def as_typed(chosen: dict[str, Any]) -> dict[str, str]:
    """Accepted filter values as the address writes them."""
    return {name: value.isoformat() if hasattr(value, "isoformat") else str(value) for name, value in chosen.items()}
