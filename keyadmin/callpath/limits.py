"""Consumption: counts a call against its key's limit, if the snapshot is current and the rolling hour has room."""

from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

from keyadmin.callpath.batching import ConsumeBatcher
from keyadmin.callpath.connection import Database, RawRow, Statement
from keyadmin.callpath.snapshot import Snapshot
from keyadmin.core.cidr import Address


class ConsumeOutcome(StrEnum):
    """STALE: the snapshot is not current, or the key has expired since it was loaded. The others are final."""

    CONSUMED = "consumed"
    FULL = "full"
    STALE = "stale"


class ConsumeResult(NamedTuple):
    """`used` calls of the rolling hour, this call included. When full, `wait` seconds until there is room."""

    outcome: ConsumeOutcome
    used: int
    wait: int | None


#: CONSUME takes the values of one call. CONSUME_MANY takes an array for each value, and returns a position first.
CONSUME, CONSUME_MANY = (
    Statement(name, Path(__file__).with_name(f"{name}.sql").read_text()) for name in ("consume", "consume_many")
)


class Limits:
    """Consumes for the threads of this process."""

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
    """The parameters of CONSUME."""
    return [*snapshot.consume_params, str(cost).encode(), address.text.encode() if address else None]


def parse_result(row: RawRow) -> ConsumeResult:
    """From a row of CONSUME, or of CONSUME_MANY without its position."""
    outcome, used, wait = row
    return ConsumeResult(_OUTCOMES[outcome], int(used or 0), int(wait) if wait else None)


_OUTCOMES: Final[dict[bytes | None, ConsumeOutcome]] = {outcome.encode(): outcome for outcome in ConsumeOutcome}
