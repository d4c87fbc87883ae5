"""rfc3339: UTC, ending in Z, with microseconds only if there are any."""

from datetime import UTC, datetime, timedelta, timezone

from keyadmin.core.time import rfc3339

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_time_is_written_in_utc() -> None:
    assert rfc3339(NOON) == "2026-03-01T12:00:00Z"
    assert rfc3339(NOON.astimezone(timezone(timedelta(hours=2)))) == "2026-03-01T12:00:00Z"


def test_microseconds_are_written_if_there_are_any() -> None:
    assert rfc3339(NOON + timedelta(microseconds=5)) == "2026-03-01T12:00:00.000005Z"


def test_missing_time_is_none() -> None:
    assert rfc3339(None) is None
