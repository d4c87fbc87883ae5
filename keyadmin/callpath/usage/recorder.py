"""Records the verdicts of this process: counts them in memory, and writes the counts in a background thread.

The thread writes every second. If many keys are used, it writes counts of allowed calls only every
MAX_DEFERRAL_SECONDS. Otherwise each call of a key that is used once a second would cost one more write.

A process that ends writes its counts first; a process that is killed loses them. While PostgreSQL is unavailable, the
counts stay in memory, within the limits of `counters.py`.
"""

import atexit
import threading
from time import monotonic
from typing import Final

import structlog

from keyadmin.callpath.background import PeriodicThread
from keyadmin.callpath.connection import Database
from keyadmin.callpath.usage.counters import MAX_ROWS, RequestLine, UsageCounters
from keyadmin.callpath.usage.writer import UsageWriter
from keyadmin.core.callers import Verdict
from keyadmin.core.cidr import Address
from keyadmin.core.denials import ALLOWED, Denial, DenialReason

log = structlog.get_logger("keyadmin.callpath.usage")

WRITE_INTERVAL_SECONDS: Final = 1.0
#: Counts of allowed calls are deferred if there are more than MIN_DEFERRED_ROWS and fewer than MAX_DEFERRED_ROWS.
MIN_DEFERRED_ROWS: Final = 100
MAX_DEFERRED_ROWS: Final = MAX_ROWS // 4
MAX_DEFERRAL_SECONDS: Final = 15.0


class UsageRecorder:
    """Counts verdicts and writes the counts. Thread-safe.

    A key is identified if one of its secrets matches the call's credential. The thread starts with the first verdict on
    an identified key.
    """

    def __init__(self, database: Database) -> None:
        self.writer = UsageWriter(database)
        self.thread = PeriodicThread("usage-writer", WRITE_INTERVAL_SECONDS, self._write_due)
        self._decisions = dict.fromkeys([ALLOWED, *(reason.label for reason in DenialReason)], 0)
        self._failures = 0
        self._counters = UsageCounters()
        self._lock = threading.Lock()
        self._drained_at = monotonic()

    @property
    def decisions(self) -> dict[str, int]:
        """The number of verdicts since the process started, by "ok" or the label of the denial reason."""
        return dict(self._decisions)

    @property
    def dropped(self) -> int:
        """The number of counts since the process started that were dropped, or that PostgreSQL rejected."""
        return self._failures + self.writer.dropped

    def record(self, verdict: Verdict, address: Address | None, cost: int, request: RequestLine | None = None) -> None:
        """Counts a verdict. Never raises, and only waits for other threads that record.

        An allowed call counts as `cost` calls, a denied call as one. A denial without an identified key is counted in
        `decisions` only.
        """
        try:
            self._count(verdict, address.text if address else None, cost, request)
        except Exception:
            log.exception("verdict not recorded")
            self._failures += 1

    def record_denial(self, denial: Denial) -> Denial:
        """Counts a denial without an identified key, and returns it."""
        self.record(denial, None, 1)
        return denial

    def flush(self) -> None:
        """Writes all counts, within a few seconds. Counts that cannot be written are kept."""
        self.writer.write(self.drain())

    def drain(self) -> UsageCounters:
        """Removes and returns all counts."""
        with self._lock:
            drained, self._counters = self._counters, UsageCounters()
            self._drained_at = monotonic()
        return drained

    def drain_due(self) -> UsageCounters:
        """Removes and returns the counts that are not deferred."""
        with self._lock:
            is_deferrable = MIN_DEFERRED_ROWS < len(self._counters) < MAX_DEFERRED_ROWS
            if is_deferrable and monotonic() - self._drained_at < MAX_DEFERRAL_SECONDS:
                return self._counters.split_denials()
        return self.drain()

    def _write_due(self) -> None:
        self.writer.write(self.drain_due())

    def _count(self, verdict: Verdict, address: str | None, cost: int, request: RequestLine | None) -> None:
        now = monotonic()
        with self._lock:
            if isinstance(verdict, Denial):
                self._decisions[verdict.reason.label] += 1
                if verdict.key is None:
                    return
                self._counters.add_denial(verdict.key, verdict.reason.label, address, now, request)
            else:
                self._decisions[ALLOWED] += 1
                self._counters.add_allowed(
                    verdict.key.id, verdict.replaced_secret, verdict.used_scopes, address, cost, now, request
                )
            if self.thread.is_started:
                return
            self.thread.start()
        atexit.register(self.flush)
