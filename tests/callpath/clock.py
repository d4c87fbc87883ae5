"""The database's clock: the only one that decides."""

from collections.abc import Callable

from django.db import connection


def database_minute() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT meter_minute()")
        return int(cursor.fetchone()[0])


def within_one_minute[T](act: Callable[[], T]) -> T:
    """What `act` returns, or raises, in a run during which the database's minute did not change."""
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
