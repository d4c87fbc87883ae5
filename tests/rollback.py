"""Rolls back what a part of a test changes, so that the next part starts from the same rows."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction


@contextmanager
def rolled_back() -> Iterator[None]:
    """Roll back what the block changes."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
