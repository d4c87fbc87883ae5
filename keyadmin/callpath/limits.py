"""Consumption: counts a call against its key's limit, if the snapshot is current and the limit is not used up.

The SQL functions are described in migrations/sql: meter_consume.sql, meter_consume_many.sql, meter_consume_slow.sql.
"""

from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

from keyadmin.callpath.batching import ConsumeBatcher
from keyadmin.callpath.connection import Database, RawRow, Statement
from keyadmin.callpath.snapshot import Snapshot
from keyadmin.core.cidr import Address


class ConsumeOutcome(StrEnum):
    """CONSUMED: the call is counted. FULL: the limit is used up. STALE: load the snapshot again, then decide again."""

    CONSUMED = "consumed"
    FULL = "full"
    STALE = "stale"


class ConsumeResult(NamedTuple):
    """`used` is the number of calls in the rolling hour, this one included. `wait` is in seconds, None unless FULL."""

    outcome: ConsumeOutcome
    used: int
    wait: int | None


#: CONSUME takes the values of one call. CONSUME_MANY takes an array of each value. Its rows begin with the position of
#: the call in the arrays, from 1.
CONSUME, CONSUME_MANY = (
    Statement(name, Path(__file__).with_name(f"{name}.sql").read_text()) for name in ("consume", "consume_many")
)


class Limits:
    """Counts the calls of this process's threads. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.batcher = ConsumeBatcher(database, CONSUME, CONSUME_MANY)

    def consume(self, snapshot: Snapshot, cost: int, address: Address | None) -> ConsumeResult:
        """Counts `cost` calls if the snapshot is current and they fit. Raises DatabaseUnavailableError."""
        started = perf_counter()
        values = consume_values(snapshot, cost, address)
        row = self.batcher.consume(values) or self._database.execute_prepared(CONSUME, values)[0]
        self._database.metrics.observe_consume(perf_counter() - started)
        return parse_result(row)


def consume_values(snapshot: Snapshot, cost: int, address: Address | None) -> list[bytes | None]:
    """The parameters of CONSUME: those of the snapshot, the cost, and the client's address."""
    return [*snapshot.consume_params, str(cost).encode(), address.text.encode() if address else None]


def parse_result(row: RawRow) -> ConsumeResult:
    """The result in a row of CONSUME, or in one of CONSUME_MANY without its position."""
    outcome, used, wait = row
    return ConsumeResult(_OUTCOMES[outcome], int(used or 0), int(wait) if wait else None)


_OUTCOMES: Final[dict[bytes | None, ConsumeOutcome]] = {outcome.encode(): outcome for outcome in ConsumeOutcome}
