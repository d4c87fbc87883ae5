"""Advisory locks, for work that one process does at a time in many transactions: row locks end with a transaction."""

from collections.abc import Generator
from contextlib import contextmanager, suppress

from django.db import Error, connection

from keyadmin.core.errors import ConflictError


@contextmanager
def advisory_lock(lock_id: int, conflict_message: str) -> Generator[None]:
    """Hold PostgreSQL's advisory lock `lock_id` in the block.

    Raises ConflictError with the message if another session holds it. PostgreSQL releases the lock when the session
    ends, also if the process is killed.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock_id])
        if not cursor.fetchone()[0]:
            raise ConflictError(conflict_message)
    try:
        yield
    finally:
        with suppress(Error), connection.cursor() as cursor:  # if the session was lost, so was the lock
            cursor.execute("SELECT pg_advisory_unlock(%s)", [lock_id])
