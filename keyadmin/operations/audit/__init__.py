"""Audited transactions: every change is one `audited_transaction`, whose last line records one event.

`canonical` computes the hash of an event, `chain` verifies the hash chain, and `export` writes history as CSV and JSON
Lines.
"""

from keyadmin.operations.audit.canonical import hash_of
from keyadmin.operations.audit.transaction import (
    Changes,
    Invalidation,
    Target,
    audited_transaction,
    changes_between,
    changes_of_new,
    changes_of_removed,
    database_time,
    record,
    target_of,
)

__all__ = [
    "Changes",
    "Invalidation",
    "Target",
    "audited_transaction",
    "changes_between",
    "changes_of_new",
    "changes_of_removed",
    "database_time",
    "hash_of",
    "record",
    "target_of",
]
