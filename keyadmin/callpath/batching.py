"""Batches of consumptions: threads that arrive while a statement is in progress share the next statement.

While no statement is in progress, a call is sent at once. Under load, one statement, one transaction and one round trip
count many calls. A call does not join a batch, and its thread sends its own statement, if

- another call with the same key is queued or in progress,
- it has waited for MAX_QUEUE_WAIT_SECONDS, or has less than MIN_SECONDS_LEFT until its deadline, or
- its key was in a batch that met a locked row within the last BYPASS_SECONDS.

A batch waits for a locked row for BATCH_LOCK_TIMEOUT_MS at most, so that the row of one key does not delay the calls of
other keys. No library is used: those that coalesce requests are for asyncio, and these are threads.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from keyadmin.callpath.connection import (
    ConnectionSlot,
    Database,
    DatabaseUnavailableError,
    RawRow,
    RowLockedError,
    Statement,
    StatementFailedError,
)

type Values = Sequence[bytes | None]

#: Calls in one statement. The statement then fits into the send buffer of a socket.
MAX_BATCH_SIZE: Final = 100
#: Milliseconds for which a batch waits for a locked row.
BATCH_LOCK_TIMEOUT_MS: Final = 30
#: Seconds for which calls with the keys of a batch that met a locked row do not join a batch.
BYPASS_SECONDS: Final = 1.0
#: Seconds for which a call waits in the queue.
MAX_QUEUE_WAIT_SECONDS: Final = 0.1
#: Seconds that a call must have until its deadline to join a batch, which ends with the earliest deadline in it.
MIN_SECONDS_LEFT: Final = 0.5
#: Settings of the batcher's session: the lock time-out, and the only plan that locks rows in the order of the arrays.
SESSION_OPTIONS: Final = (
    f"-c lock_timeout={BATCH_LOCK_TIMEOUT_MS}ms -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off"
)


class HotKeyBypass:
    """The keys whose calls do not join a batch for BYPASS_SECONDS, because a batch with them met a locked row."""

    def __init__(self) -> None:
        self._until: dict[bytes | None, float] = {}

    def __contains__(self, key: bytes | None) -> bool:
        return bool(self._until) and self._until.get(key, 0.0) > monotonic()

    def add(self, keys: Iterable[bytes | None]) -> None:
        now = monotonic()
        current = {key: until for key, until in self._until.items() if until > now}
        self._until = current | dict.fromkeys(keys, now + BYPASS_SECONDS)


@dataclass(slots=True, eq=False)
class PendingConsume:
    """A call in the queue.

    `deadline` is by `time.monotonic()`. Its thread waits for the lock `ready`, which is released when the call is
    finished, or when the call became the leader, whose thread must send the next batch. A finished call has a `row`, or
    `has_failed` if the server rejected the statement of the batch; otherwise the server did not answer.
    """

    values: Values
    deadline: float
    ready: threading.Lock = field(default_factory=threading.Lock)
    is_leader: bool = False
    has_failed: bool = False
    row: RawRow | None = None


class ConsumeBatcher:
    """Batches the calls of this process's threads. Thread-safe.

    The statement `single` counts one call. Its first value is the id of the key. The statement `many` counts several
    calls of different keys. It takes an array of each value, ordered by key, and returns for each call its position in
    the arrays, from 1, and the columns that `single` returns.
    """

    def __init__(self, database: Database, single: Statement, many: Statement) -> None:
        self._database = database
        self._single, self._many = single, many
        self.bypass = HotKeyBypass()
        self.slot = ConnectionSlot(SESSION_OPTIONS)
        self._lock = threading.Lock()
        self._queue: list[PendingConsume] = []
        #: The keys of calls that are queued or in progress.
        self._keys: set[bytes | None] = set()

    def consume(self, values: Values) -> RawRow | None:
        """The row that `single` returns for the values. None if the caller must send its own statement.

        Returns before the call's deadline. Raises DatabaseUnavailableError.
        """
        key = values[0]
        if self._database.circuit_breaker.is_open():
            raise DatabaseUnavailableError
        deadline = self._database.deadline
        if key in self.bypass or deadline.seconds_left() < MIN_SECONDS_LEFT:
            return None
        pending = PendingConsume(values, deadline.moment)
        pending.ready.acquire()
        with self._lock:
            if key in self._keys:
                return None
            pending.is_leader = not self._keys
            self._keys.add(key)
            self._queue.append(pending)
        try:
            if not pending.is_leader and not self._wait_until_ready(pending):
                return None
            if pending.is_leader:
                self._send_batch()
        except BaseException:  # including an exception that another thread has raised in this one
            self._abandon(pending)
            raise
        if pending.row is None and not pending.has_failed:
            raise DatabaseUnavailableError
        return pending.row

    def _wait_until_ready(self, pending: PendingConsume) -> bool:
        """Waits until the call is finished or leads. False if it has waited too long and has left the queue."""
        if pending.ready.acquire(timeout=MAX_QUEUE_WAIT_SECONDS):
            return True
        with self._lock:
            if pending.is_leader:
                return pending.ready.acquire()
            if pending in self._queue:
                self._dequeue(pending)
                return False
        return pending.ready.acquire()  # its batch is in progress, and ends before the call's deadline

    def _abandon(self, pending: PendingConsume) -> None:
        """Removes a call whose thread has stopped waiting. If it was the leader, the next call leads."""
        with self._lock:
            if pending in self._queue:
                self._dequeue(pending)
                if pending.is_leader:
                    self._promote_next()

    def _dequeue(self, pending: PendingConsume) -> None:
        self._queue.remove(pending)
        self._keys.discard(pending.values[0])

    def _promote_next(self) -> None:
        """Makes the first call in the queue the leader, and wakes its thread."""
        if self._queue:
            self._queue[0].is_leader = True
            self._queue[0].ready.release()

    def _send_batch(self) -> None:
        """Sends the first MAX_BATCH_SIZE calls of the queue in one statement, then promotes the next leader."""
        with self._lock:
            batch, self._queue = self._queue[:MAX_BATCH_SIZE], self._queue[MAX_BATCH_SIZE:]
        try:
            self._execute(batch)
        finally:
            with self._lock:
                self._keys.difference_update(pending.values[0] for pending in batch)
                self._promote_next()
            for pending in batch:
                pending.ready.release()

    def _execute(self, batch: list[PendingConsume]) -> None:
        try:
            if len(batch) == 1:
                (batch[0].row,) = self._database.execute_prepared(self._single, batch[0].values, self.slot)
                return
            ordered = sorted(batch, key=lambda pending: pending.values[0] or b"")
            with self._database.deadline.limited_to(min(pending.deadline for pending in batch)):
                arrays = columns_as_arrays([pending.values for pending in ordered])
                rows = self._database.execute_prepared(self._many, arrays, self.slot)
            for position, *row in rows:
                ordered[int(position or 0) - 1].row = tuple(row)
        except RowLockedError:
            self.bypass.add([pending.values[0] for pending in batch])
            for pending in batch:
                pending.has_failed = True
        except StatementFailedError:  # not repeated for a single call: it would fail again
            for pending in batch:
                pending.has_failed = len(batch) > 1
        except DatabaseUnavailableError:  # `consume` raises it in the thread of each call, which has no row
            return


def columns_as_arrays(rows: Sequence[Values]) -> list[bytes | None]:
    """Each column of the rows as a PostgreSQL array literal. No value needs quotes."""
    return [b"{%b}" % b",".join([text or b"NULL" for text in column]) for column in zip(*rows, strict=True)]
