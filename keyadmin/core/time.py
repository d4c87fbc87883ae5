"""Times as text. Every time that keyadmin writes for programs is RFC 3339 in UTC."""

from datetime import UTC, datetime
from typing import overload


@overload
def rfc3339(time: datetime) -> str: ...
@overload
def rfc3339(time: None) -> None: ...
@overload
def rfc3339(time: datetime | None) -> str | None: ...
def rfc3339(time: datetime | None) -> str | None:
    """`2026-03-01T12:00:00Z`; with microseconds if there are any. None stays None."""
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
