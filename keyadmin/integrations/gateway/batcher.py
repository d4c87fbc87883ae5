"""Group commit for consumption on the event loop: calls that arrive while a statement is in progress share the next.

There is one connection per process, and no thread. A single call is sent immediately. Under load, many calls share a
statement, a transaction and a round trip. A locked row would delay all calls of a batch, so the connection waits for
locks only briefly (SESSION_OPTIONS). The keys of such a batch bypass the batcher for some time: the executor decides
their calls.
"""

from asyncio import AbstractEventLoop, Future, TimerHandle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final
from uuid import UUID

import psycopg
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult

from keyadmin.callpath.authorize import AuthorizedCall
from keyadmin.callpath.batching import MAX_BATCH_SIZE, SESSION_OPTIONS, columns_as_arrays
from keyadmin.callpath.connection import (
    LOCK_ERRORS,
    DatabaseUnavailableError,
    DeadlineConnection,
    is_lost_connection,
    raw_rows,
    record_error,
)
from keyadmin.callpath.limits import (
    CONSUME,
    CONSUME_MANY,
    ConsumeOutcome,
    ConsumeResult,
    consume_values,
    parse_result,
)
from keyadmin.callpath.snapshot import Snapshot
from keyadmin.callpath.state import state
from keyadmin.conf import conf

#: Seconds between two attempts to open a connection, after the server has refused one or its statements.
RECONNECT_SECONDS: Final = 1.0


@dataclass(slots=True)
class _KeyCalls:
    """Calls of one key that are consumed together. They share one snapshot."""

    snapshot: Snapshot
    calls: list[tuple[AuthorizedCall, Future[ConsumeResult | None]]] = field(default_factory=list)
    started: float = field(default_factory=perf_counter)

    def values(self) -> list[bytes | None]:
        """The parameters of CONSUME for all calls: the sum of their costs, and the address of the last."""
        cost = sum(authorized.call.cost for authorized, _ in self.calls)
        return consume_values(self.snapshot, cost, self.calls[-1][0].call.address)

    def distribute(self, result: ConsumeResult | None) -> None:
        """Give each call its result, with `used` as it is right after that call.

        If the limit has no room for all calls, it may have room for some: then each call is decided by the executor.
        """
        if result is not None:
            state.metrics.observe_consume(perf_counter() - self.started)
            if result.outcome is ConsumeOutcome.FULL and len(self.calls) > 1:
                result = None
        later_cost = sum(authorized.call.cost for authorized, _ in self.calls)
        for authorized, future in self.calls:
            later_cost -= authorized.call.cost
            if not future.done():
                future.set_result(result and result._replace(used=result.used - later_cost))


class AsyncConsumeBatcher:
    """All methods run in the thread of the event loop. Only a new connection is opened in another thread."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._connection: DeadlineConnection | None = None
        self._opener = ThreadPoolExecutor(1, thread_name_prefix="batcher-connect")
        self._is_opening = False
        self._open_after = 0.0
        self._is_send_scheduled = False
        self._waiting: dict[UUID, _KeyCalls] = {}
        self._sent: list[_KeyCalls] = []
        self._result: PGresult | None = None
        self._timeout_handle: TimerHandle | None = None

    def can_accept(self, snapshot: Snapshot) -> bool:
        """Whether `consume` may be called for the snapshot now. If there is no connection, start to open one."""
        if self._connection is None:
            self._open()
            return False
        return not state.circuit_breaker.is_open() and snapshot.consume_params[0] not in state.limits.batcher.bypass

    def consume(self, authorized: AuthorizedCall) -> Future[ConsumeResult | None]:
        """Count the call. The future has the result, or None if the executor must decide the call.

        It raises DatabaseUnavailableError if it is unknown whether the call was counted.
        """
        future: Future[ConsumeResult | None] = self._loop.create_future()
        key_calls = self._waiting.setdefault(authorized.snapshot.key.id, _KeyCalls(authorized.snapshot))
        if key_calls.snapshot is not authorized.snapshot:
            future.set_result(None)
            return future
        key_calls.calls.append((authorized, future))
        if not self._sent and not self._is_send_scheduled:
            self._is_send_scheduled = True
            self._loop.call_soon(self._send)
        return future

    def close(self) -> None:
        self._opener.shutdown()
        if self._connection is not None:
            self._disconnect()

    def _send(self) -> None:
        self._is_send_scheduled = False
        if self._sent or not self._waiting or self._connection is None:
            return
        keys = sorted(self._waiting)[:MAX_BATCH_SIZE] if len(self._waiting) > 1 else list(self._waiting)
        self._sent = [self._waiting.pop(key) for key in keys]
        rows = [key_calls.values() for key_calls in self._sent]
        pgconn = self._connection.pgconn
        try:
            if len(rows) == 1:
                pgconn.send_query_prepared(CONSUME.name, rows[0])
            else:
                pgconn.send_query_prepared(CONSUME_MANY.name, columns_as_arrays(rows))
            self._flush()
        except psycopg.OperationalError as error:
            self._fail(str(error).strip())
            return
        state.metrics.count_statement()
        self._timeout_handle = self._loop.call_later(conf.call_deadline_seconds, self._fail)

    def _flush(self) -> None:
        """Send as much as the socket accepts, and the rest when the socket is writable again."""
        if self._connection is None:
            return
        if self._connection.pgconn.flush():
            self._loop.add_writer(self._connection.fileno(), self._flush)
        else:
            self._loop.remove_writer(self._connection.fileno())

    def _read(self) -> None:
        if self._connection is None:
            return
        pgconn = self._connection.pgconn
        try:
            pgconn.consume_input()
            if not self._sent:  # no statement is in progress: the server is closing the connection
                self._disconnect()
                return
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:  # the end of the results, which may arrive later than the last result
                    self._finish()
                    return
                self._result = result
        except psycopg.OperationalError as error:
            self._fail(str(error).strip())

    def _finish(self) -> None:
        result, self._result = self._result, None
        if result is None or result.status != ExecStatus.TUPLES_OK:
            self._finish_with_error(result)
            return
        state.circuit_breaker.record_success()
        batch = self._take_sent()
        results: list[ConsumeResult | None] = [None] * len(batch)
        rows = raw_rows(result)
        if len(batch) == 1:
            results = [parse_result(rows[0])]
        else:
            for position, *row in rows:
                results[int(position or 0) - 1] = parse_result(tuple(row))
        for key_calls, key_result in zip(batch, results, strict=True):
            key_calls.distribute(key_result)
        self._send()

    def _finish_with_error(self, result: PGresult | None) -> None:
        """If the server answered, nothing was counted, and the executor decides each call of the batch.

        The keys of a batch that met a locked row bypass the batcher for a while. After any other error the connection
        is replaced.
        """
        if result is None or result.error_field(DiagnosticField.SQLSTATE) is None:
            self._fail()
            return
        error = psycopg.errors.error_from_result(result)
        if is_lost_connection(error):
            self._fail(str(error).strip())
            return
        batch = self._take_sent()
        if isinstance(error, LOCK_ERRORS):
            state.limits.batcher.bypass.add([key_calls.snapshot.consume_params[0] for key_calls in batch])
        else:
            record_error(state.circuit_breaker, error)
            self._open_after = self._loop.time() + RECONNECT_SECONDS
            self._disconnect()
        for key_calls in batch:
            key_calls.distribute(None)
        self._send()

    def _take_sent(self) -> list[_KeyCalls]:
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        sent, self._sent = self._sent, []
        return sent

    def _fail(self, reason: str = "") -> None:
        """The server does not answer. Whether the statement took effect is unknown; nothing is sent twice."""
        state.circuit_breaker.record_failure(reason)
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._loop.remove_reader(self._connection.fileno())
            self._loop.remove_writer(self._connection.fileno())
            self._connection.discard()
            state.metrics.connection_closed()
            self._connection = self._result = None
        waiting, self._waiting = list(self._waiting.values()), {}
        for key_calls in self._take_sent():
            for _, future in key_calls.calls:
                if not future.done():
                    future.set_exception(DatabaseUnavailableError())
        for key_calls in waiting:
            key_calls.distribute(None)

    def _open(self) -> None:
        is_due = self._loop.time() >= self._open_after
        if is_due and not self._is_opening and state.circuit_breaker.allow_request():
            self._is_opening = True
            self._loop.run_in_executor(self._opener, _connect).add_done_callback(self._on_connected)

    def _on_connected(self, future: Future[DeadlineConnection | None]) -> None:
        self._is_opening = False
        self._connection = future.result()
        if self._connection is None:
            self._open_after = self._loop.time() + RECONNECT_SECONDS
        else:
            self._loop.add_reader(self._connection.fileno(), self._read)


def _connect() -> DeadlineConnection | None:
    """A connection with both statements prepared; None if the server does not answer. Blocking."""
    state.database.start_call()
    try:
        connection = state.database.connect(SESSION_OPTIONS)
        for statement in (CONSUME, CONSUME_MANY):
            connection.prepare(statement)
        connection.pgconn.nonblocking = 1
    except psycopg.Error as error:
        record_error(state.circuit_breaker, error)
        return None
    state.circuit_breaker.record_success()
    state.metrics.connection_opened()
    return connection
