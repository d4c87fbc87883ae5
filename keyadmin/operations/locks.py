"""Advisory locks: for work of one process at a time that takes many short transactions, so no row lock would last."""

from collections.abc import Generator
from contextlib import contextmanager, suppress

from django.db import Error, connection

from keyadmin.core.errors import ConflictError


@contextmanager
def advisory_lock(lock_id: int, conflict_message: str) -> Generator[None]:
    """Hold PostgreSQL's advisory lock; raise ConflictError with the message if another session holds it.

    The lock belongs to the session. If the process dies, PostgreSQL releases it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock_id])
        if not cursor.fetchone()[0]:
            raise ConflictError(conflict_message)
    try:
        yield
    finally:
        with suppress(Error), connection.cursor() as cursor:  # A lost session has lost its locks.
            cursor.execute("SELECT pg_advisory_unlock(%s)", [lock_id])
