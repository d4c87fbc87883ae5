"""URLs of lists: the filters in the query, and links that change them."""

from typing import Any

from django.utils.http import urlencode


def link(path: str, query: dict[str, Any], **changes: Any) -> str:
    """`path` with the changed query. Parameters with an empty value are left out."""
    parameters = {name: value for name, value in {**query, **changes}.items() if value not in ("", None)}
    return f"{path}?{urlencode(parameters)}" if parameters else path


def without_empty(query: str) -> str:
    """The query string without parameters of the form `name=`, which forms send for fields that are not filled in."""
    return "&".join(part for part in query.split("&") if part and part.partition("=")[1:] != ("=", ""))


def from_filters(filters: dict[str, Any]) -> dict[str, str]:
    """Cleaned values of a filter form as query parameters. Dates become ISO 8601."""
    return {name: value.isoformat() if hasattr(value, "isoformat") else str(value) for name, value in filters.items()}
