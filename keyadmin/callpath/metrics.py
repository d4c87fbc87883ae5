"""Counters of the call path in this process, kept in memory. `keyadmin/server/metrics.py` publishes them."""

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Final

#: Upper bounds of the histogram of consume durations, in seconds.
CONSUME_BUCKETS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(slots=True)
class Measurements:
    """Totals since the process started, except `open_connections`, the number of connections that are open now.

    `consumes_by_bucket` counts consumptions by duration: one count for each of CONSUME_BUCKETS, not cumulative, and a
    last one for longer durations. `consume_seconds` is the sum of the durations.
    """

    consumes_by_bucket: list[int] = field(default_factory=lambda: [0] * (len(CONSUME_BUCKETS) + 1))
    consume_seconds: float = 0.0
    statements: int = 0
    connections_opened: int = 0
    open_connections: int = 0


class CallPathMetrics:
    """Counts what the call path does. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._totals = Measurements()

    def observe_consume(self, seconds: float) -> None:
        with self._lock:
            self._totals.consumes_by_bucket[bisect_left(CONSUME_BUCKETS, seconds)] += 1
            self._totals.consume_seconds += seconds

    def count_statement(self) -> None:
        with self._lock:
            self._totals.statements += 1

    def connection_opened(self) -> None:
        with self._lock:
            self._totals.connections_opened += 1
            self._totals.open_connections += 1

    def connection_closed(self) -> None:
        with self._lock:
            self._totals.open_connections -= 1

    def read(self) -> Measurements:
        """A copy of the current totals."""
        with self._lock:
            return replace(self._totals, consumes_by_bucket=list(self._totals.consumes_by_bucket))
