"""Draws from the event loop: those that arrive while a statement is under way go together in the next.

One connection a process, and no thread: a lone draw is sent at once, and under load many share one statement, one
transaction and one turn of the loop. A row that somebody holds would keep all of them waiting, so this connection waits
for a row for a moment only; the keys of a batch that waited in vain go by the desk for a while, one by one.
"""

from asyncio import AbstractEventLoop, Future, TimerHandle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final
from uuid import UUID

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from keyadmin.callpath import circuit_breaker, limits, metrics
from keyadmin.callpath import connection as connections
from keyadmin.callpath.authorize import AuthorizedCall
from keyadmin.callpath.batching import MOST, OPTIONS, arrays
from keyadmin.callpath.connection import DatabaseUnavailableError, DeadlineConnection
from keyadmin.callpath.limits import ConsumeOutcome, ConsumeResult
from keyadmin.callpath.snapshot import Snapshot
from keyadmin.conf import conf


@dataclass(slots=True)
class _Draws:
    """The calls of one key that are drawn together, because their snapshot is the same."""

    snapshot: Snapshot
    calls: list[tuple[AuthorizedCall, Future[ConsumeResult | None]]] = field(default_factory=list)
    began: float = field(default_factory=perf_counter)


class Batch:
    """Belongs to the loop's thread, but for the opening of a connection."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._connection: DeadlineConnection | None = None
        self._opener = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._is_opening = False
        self._is_called = False
        self._waiting: dict[UUID, _Draws] = {}
        self._sent: list[_Draws] = []
        self._result: PGresult | None = None
        self._late: TimerHandle | None = None

    def takes(self, snapshot: Snapshot) -> bool:
        """Whether its `draw` may be asked now. If there is no connection, one is opened, for those who come later."""
        if self._connection is None:
            self._open()
            return False
        return not circuit_breaker.is_broken() and snapshot.drawing[0] not in limits.BATCHER.apart

    def draw(self, admitted: AuthorizedCall) -> Future[ConsumeResult | None]:
        """What became of it; None: ask the desk. Unavailable is raised where that is unknown."""
        future: Future[ConsumeResult | None] = self._loop.create_future()
        draws = self._waiting.setdefault(admitted.snapshot.key.id, _Draws(admitted.snapshot))
        if draws.snapshot is not admitted.snapshot:
            future.set_result(None)
            return future
        draws.calls.append((admitted, future))
        if not self._sent and not self._is_called:
            self._is_called = True
            self._loop.call_soon(self._send)
        return future

    def close(self) -> None:
        self._opener.shutdown()
        if self._connection is not None:
            self._hang_up()

    def _send(self) -> None:
        self._is_called = False
        if self._sent or not self._waiting or self._connection is None:
            return
        keys = sorted(self._waiting)[:MOST] if len(self._waiting) > 1 else list(self._waiting)
        self._sent = [self._waiting.pop(key) for key in keys]
        rows = [_values(draws) for draws in self._sent]
        pgconn = self._connection.pgconn
        try:
            if len(rows) == 1:
                pgconn.send_query_prepared(limits.ONE.name, rows[0])
            else:
                pgconn.send_query_prepared(limits.MANY.name, arrays(rows))
            self._flush()
        except psycopg.OperationalError:
            self._fail()
            return
        metrics.stated()
        self._late = self._loop.call_later(conf.call_deadline_seconds, self._fail)

    def _flush(self) -> None:
        """What the socket does not take yet it is given when it does."""
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
            if not self._sent:  # nothing was asked: the server takes its leave
                self._hang_up()
                return
            while not pgconn.is_busy():
                following = pgconn.get_result()
                if following is None:  # the end, which may come later than the result
                    self._answer()
                    return
                self._result = following
        except psycopg.OperationalError:
            self._fail()

    def _answer(self) -> None:
        result, self._result = self._result, None
        if result is None or result.status != ExecStatus.TUPLES_OK:
            self._refuse(result)
            return
        circuit_breaker.succeed()
        sent = self._done()
        found: list[ConsumeResult | None] = [None] * len(sent)
        for row in connections.rows_of(result):
            found[int(row[0] or 0) - 1 if len(row) == 4 else 0] = limits.drawn(row[-3:])
        for draws, drawn in zip(sent, found, strict=True):
            _share(draws, drawn)
        self._send()

    def _refuse(self, result: PGresult | None) -> None:
        """The server is well, but somebody holds a row for longer than a moment. Nothing was counted."""
        if result is None or result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) not in _HELD:
            self._fail()
            return
        refused = self._done()
        limits.BATCHER.apart.put([draws.snapshot.drawing[0] for draws in refused])
        for draws in refused:
            _share(draws, None)
        self._send()

    def _done(self) -> list[_Draws]:
        if self._late is not None:
            self._late.cancel()
        sent, self._sent = self._sent, []
        return sent

    def _fail(self) -> None:
        """The server does not answer. Whether what was sent took effect is unknown; nothing is sent twice."""
        circuit_breaker.fail()
        self._hang_up()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._loop.remove_reader(self._connection.fileno())
            self._loop.remove_writer(self._connection.fileno())
            self._connection.discard()
            metrics.disconnected()
            self._connection = self._result = None
        waiting, self._waiting = list(self._waiting.values()), {}
        for draws in self._done():
            for _, future in draws.calls:
                if not future.done():
                    future.set_exception(DatabaseUnavailableError())
        for draws in waiting:
            _share(draws, None)

    def _open(self) -> None:
        if not self._is_opening and not circuit_breaker.refuses():
            self._is_opening = True
            self._loop.run_in_executor(self._opener, _opened).add_done_callback(self._opened)

    def _opened(self, future: Future[DeadlineConnection | None]) -> None:
        self._is_opening = False
        self._connection = future.result()
        if self._connection is not None:
            self._loop.add_reader(self._connection.fileno(), self._read)


def _opened() -> DeadlineConnection | None:
    """In a thread, since it waits."""
    connections.start_call()
    try:
        connection = connections.connect(OPTIONS)
        for statement in (limits.ONE, limits.MANY):
            connection.make_ready(statement)
        connection.pgconn.nonblocking = 1
    except psycopg.OperationalError:
        circuit_breaker.fail()
        return None
    circuit_breaker.succeed()
    metrics.connected()
    return connection


def _values(draws: _Draws) -> list[bytes | None]:
    last = draws.calls[-1][0].call
    return limits.values(draws.snapshot, sum(admitted.call.cost for admitted, _ in draws.calls), last.address)


def _share(draws: _Draws, drawn: ConsumeResult | None) -> None:
    """Each call its own count. Where not all of them fit, some may: each asks for itself."""
    if drawn is not None:
        metrics.drawn(perf_counter() - draws.began)
        if drawn.outcome is ConsumeOutcome.FULL and len(draws.calls) > 1:
            drawn = None
    left = sum(admitted.call.cost for admitted, _ in draws.calls)
    for admitted, future in draws.calls:
        left -= admitted.call.cost
        if not future.done():
            future.set_result(drawn and drawn._replace(used=drawn.used - left))


#: What PostgreSQL says of a row that somebody holds.
_HELD: Final = tuple((error.sqlstate or "").encode() for error in connections.HELD)
