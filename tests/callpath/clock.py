"""The clock of the database, which decides expiry and limits."""

from collections.abc import Callable

from django.db import connection


def database_minute() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT meter_minute()")
        return int(cursor.fetchone()[0])


def within_one_minute[T](act: Callable[[], T]) -> T:
    """Runs `act` until the minute of the database does not change during a run; returns or raises as that run does."""
    while True:
        before = database_minute()
        try:
            result = act()
        except AssertionError:
            if database_minute() == before:
                raise
        else:
            if database_minute() == before:
                return result
