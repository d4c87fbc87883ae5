"""The draw: is the snapshot still true, has the rolling hour room, and count the call, in one statement."""

from enum import StrEnum
from pathlib import Path
from time import perf_counter
from typing import NamedTuple
from uuid import UUID

from keyadmin.callpath import metrics
from keyadmin.callpath.batching import ConsumeBatcher
from keyadmin.callpath.connection import Row, Statement, execute
from keyadmin.callpath.snapshot import Snapshot
from keyadmin.core.cidr import Address


class ConsumeOutcome(StrEnum):
    """STALE: the snapshot is no longer true, or the key has expired since. The other two are final."""

    DRAWN = "drawn"
    FULL = "full"
    STALE = "stale"


class ConsumeResult(NamedTuple):
    """`used` calls of the rolling hour, a drawn one included; when full, `wait` seconds until there is room."""

    outcome: ConsumeOutcome
    used: int
    wait: int | None


def draw(snapshot: Snapshot, cost: int, address: Address | None) -> ConsumeResult:
    """Counts `cost` calls if the snapshot is still true and they fit."""
    began = perf_counter()
    asked = values(snapshot, cost, address)
    row = BATCHER.ask(asked) or execute(ONE, asked)[0]
    metrics.drawn(perf_counter() - began)
    return drawn(row)


def values(snapshot: Snapshot, cost: int, address: Address | None) -> list[bytes | None]:
    """What ONE takes; MANY takes arrays of the same."""
    return [*snapshot.drawing, str(cost).encode(), address.text.encode() if address else None]


def drawn(row: Row) -> ConsumeResult:
    """From a row of ONE, or of MANY without its first column, the place in the arrays."""
    outcome, used, wait = row
    return ConsumeResult(_OUTCOMES[outcome], int(used or 0), int(wait) if wait else None)


def redigest(secret: UUID, digest: bytes, pepper: int) -> None:
    """Stores a secret under the current pepper, now that a call has shown it."""
    execute(_REDIGEST, {"digest": digest, "pepper": pepper, "secret": secret})


_OUTCOMES: dict[bytes | None, ConsumeOutcome] = {outcome.encode(): outcome for outcome in ConsumeOutcome}
_REDIGEST = Path(__file__).with_name("redigest.sql").read_text()
ONE, MANY = (
    Statement(name, Path(__file__).with_name(f"{name}.sql").read_text()) for name in ("consume", "consume_many")
)
BATCHER = ConsumeBatcher(ONE, MANY)
