"""Work that one process does at a time, in many short transactions: no lock of a row would last."""

from collections.abc import Generator
from contextlib import contextmanager, suppress

from django.db import Error, connection

from keyadmin.core.errors import ConflictError


@contextmanager
def alone(number: int, words: str) -> Generator[None]:
    """Holds PostgreSQL's advisory lock of that number; raises Conflict with the words where somebody else does.

    It belongs to the session: if this process dies, the lock is free.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise ConflictError(words)
    try:
        yield
    finally:
        with suppress(Error), connection.cursor() as cursor:  # a lost session has lost its locks
            cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
