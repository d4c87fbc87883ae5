"""The call path's connections to PostgreSQL: autocommit, prepared statements, and a deadline for every call.

Each thread has a connection of its own, and so has each batcher. The deadline is enforced here, because a server that
hangs cannot enforce it: a watchdog thread shuts down the socket of a connection whose statement is late, and the
connection is discarded. After a failure the circuit breaker denies calls for a moment, so that they do not all wait.

psycopg's pool is not used: it has no deadline that covers connecting and statements together.
"""

import os
import select
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, Final, LiteralString, Self, cast
from weakref import WeakSet

import psycopg
import structlog
from django.db import connections
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import BaseRowFactory

from keyadmin.callpath.background import PeriodicThread
from keyadmin.callpath.circuit_breaker import CircuitBreaker
from keyadmin.callpath.metrics import CallPathMetrics
from keyadmin.conf import conf

log = structlog.get_logger("keyadmin.callpath")

#: The columns of a row as PostgreSQL sends them: encoded text, or None for NULL.
type RawRow = tuple[bytes | None, ...]

#: SQLSTATEs of a lost connection: connection exception, and a shutdown or crash of the server.
_LOST_CONNECTION: Final = ("08", "57P")
#: Errors of a statement that waited for a locked row. The statement had no effect.
LOCK_ERRORS: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
#: Seconds after a statement in which the connection is reused without checking its socket.
REUSE_WITHOUT_CHECK_SECONDS: Final = 0.01
#: Seconds between two checks of the watchdog.
WATCHDOG_INTERVAL_SECONDS: Final = 0.05
#: Seconds for which a statement waits at least, so that an answer that has already arrived is read.
MIN_SECONDS_LEFT: Final = 0.01


class DatabaseUnavailableError(Exception):
    """PostgreSQL did not answer in time. Whether the statement took effect is unknown."""


class StatementFailedError(DatabaseUnavailableError):
    """PostgreSQL answered with an error, so it is available. Nothing took effect."""


class RowLockedError(StatementFailedError):
    """PostgreSQL answered that another transaction has locked a row for too long."""


class Statement:
    """A statement to be prepared under a name. Its parameters are $1, $2, …, and all values are text."""

    def __init__(self, name: str, sql: str) -> None:
        self.name, self.sql = name.encode(), sql.encode()


class CallDeadline(threading.local):
    """The deadline of this thread's current call, by `time.monotonic()`."""

    moment: float

    def start(self, seconds: float) -> None:
        self.moment = monotonic() + seconds

    def seconds_left(self) -> float:
        """Seconds until the deadline, at least MIN_SECONDS_LEFT."""
        return max(MIN_SECONDS_LEFT, self.moment - monotonic())

    @contextmanager
    def limited_to(self, moment: float) -> Iterator[None]:
        """Sets an earlier deadline for the statements in the block."""
        outer, self.moment = self.moment, moment
        try:
            yield
        finally:
            self.moment = outer


class DeadlineConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose statements end at the deadline of the thread's call."""

    call_deadline: CallDeadline

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        #: When the statement in progress must be answered. The lock makes one step of the watchdog's check and abort:
        #: without it, the next statement could be the one that is aborted.
        self._statement_deadline: float | None = None
        self._statement_lock = threading.Lock()
        self._is_aborted = False
        self._prepared_names: set[bytes] = set()
        self._last_used = 0.0
        self._readable = select.poll()  # select() fails in a process with more than a thousand open files
        self._readable.register(self.fileno(), select.POLLIN)
        # A duplicate of the descriptor. After libpq has closed its own, the number may belong to another file.
        self._socket = socket.socket(fileno=os.dup(self.fileno()))

    @classmethod
    def open(cls, conninfo: str, call_deadline: CallDeadline) -> Self:
        """Connects before the deadline; libpq's connect_timeout cannot be less than two seconds."""
        left = call_deadline.seconds_left()
        connection: Self = waiting.wait_conn(cls._connect_gen(conninfo), interval=left, timeout=left)
        connection.call_deadline = call_deadline
        connection.autocommit = True
        connection.prepare_threshold = 0
        return connection

    def wait[RV](self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        return super().wait(gen, interval, timeout=self.call_deadline.seconds_left())

    def is_reusable(self) -> bool:
        """Whether the connection is open and the server has sent nothing since the last statement.

        A server that closes a connection sends something first. The socket is not checked within
        REUSE_WITHOUT_CHECK_SECONDS after a statement.
        """
        if self._is_aborted or self.closed:
            return False
        return monotonic() - self._last_used < REUSE_WITHOUT_CHECK_SECONDS or not self._readable.poll(0)

    def prepare(self, statement: Statement) -> None:
        """Prepares the statement, unless this connection has already done so."""
        if statement.name not in self._prepared_names:
            self._checked(self.pgconn.prepare(statement.name, statement.sql))
            self._prepared_names.add(statement.name)

    def execute_prepared(self, statement: Statement, values: Sequence[bytes | None]) -> list[RawRow]:
        """The rows of a statement, in one call of libpq.

        A cursor takes several times as long, because each step of its wait releases the GIL.
        """
        self._statement_deadline = self.call_deadline.moment
        try:
            self.prepare(statement)
            nullable = cast("Sequence[bytes]", values)  # psycopg's annotation excludes NULL
            rows = raw_rows(self._checked(self.pgconn.exec_prepared(statement.name, nullable)))
        finally:
            with self._statement_lock:
                self._statement_deadline = None
        self._last_used = monotonic()
        return rows

    def fetch[Row](
        self, sql: LiteralString, parameters: Mapping[str, Any], row_factory: BaseRowFactory[Row]
    ) -> list[Row]:
        """The rows of a statement, each built by `row_factory`."""
        with self.cursor(row_factory=cast("Any", row_factory)) as cursor:
            return cast("list[Row]", cursor.execute(sql, parameters).fetchall())

    def abort_if_late(self) -> None:
        """Shuts the socket down if the statement in progress is late: the thread that waits for it gets an error.

        The watchdog calls this from its own thread. The connection is not used again, even if the answer arrived.
        """
        with self._statement_lock:
            if self._statement_deadline is None or monotonic() <= self._statement_deadline:
                return
            self._is_aborted = True
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def discard(self) -> None:
        """Closes the connection without sending anything to the server."""
        self._socket.close()
        self.pgconn.finish()

    @staticmethod
    def _checked(result: PGresult) -> PGresult:
        if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            return result
        if result.error_field(DiagnosticField.SQLSTATE) is None:  # an error of libpq: the server sent no answer
            raise psycopg.OperationalError(result.error_message.decode(errors="replace"))
        raise psycopg.errors.error_from_result(result)


def raw_rows(result: PGresult) -> list[RawRow]:
    """The rows of a result."""
    columns = range(result.nfields)
    return [tuple(result.get_value(row, column) for column in columns) for row in range(result.ntuples)]


class DeadlineWatchdog:
    """Aborts connections whose statement is late. Its thread starts with the first connection of the process."""

    def __init__(self) -> None:
        self._connections: WeakSet[DeadlineConnection] = WeakSet()
        self._lock = threading.Lock()
        self.thread = PeriodicThread("call-deadlines", WATCHDOG_INTERVAL_SECONDS, self._abort_late)

    def register(self, connection: DeadlineConnection) -> None:
        with self._lock:
            self._connections.add(connection)
        self.thread.start()

    def _abort_late(self) -> None:
        with self._lock:
            watched = list(self._connections)
        for connection in watched:
            connection.abort_if_late()


class ConnectionSlot:
    """A place that keeps a connection between calls. `options` are settings of its session, as `-c name=value`."""

    def __init__(self, options: str = "") -> None:
        self.options = options
        self.connection: DeadlineConnection | None = None


class _ThreadSlot(threading.local):
    def __init__(self) -> None:
        self.slot = ConnectionSlot()


class Database:
    """Sends the call path's statements. Call `start_call` first: it sets the deadline of all statements of a call."""

    def __init__(self, circuit_breaker: CircuitBreaker, metrics: CallPathMetrics) -> None:
        self.circuit_breaker = circuit_breaker
        self.metrics = metrics
        self.watchdog = DeadlineWatchdog()
        self.deadline = CallDeadline()
        self._thread = _ThreadSlot()

    def start_call(self, seconds: float | None = None) -> None:
        """Sets the deadline of this thread's call: `seconds` from now, by default `conf.call_deadline_seconds`."""
        self.deadline.start(seconds or conf.call_deadline_seconds)

    def fetch[Row](
        self, sql: LiteralString, parameters: Mapping[str, Any], row_factory: BaseRowFactory[Row]
    ) -> list[Row]:
        """The rows of one statement on this thread's connection. Raises DatabaseUnavailableError."""
        return self._run(self._thread.slot, lambda connection: connection.fetch(sql, parameters, row_factory))

    def execute_prepared(
        self, statement: Statement, values: Sequence[bytes | None], slot: ConnectionSlot | None = None
    ) -> list[RawRow]:
        """The rows of one prepared statement, on this thread's connection unless a slot is passed.

        Raises DatabaseUnavailableError.
        """
        return self._run(slot or self._thread.slot, lambda connection: connection.execute_prepared(statement, values))

    def connect(self, options: str = "") -> DeadlineConnection:
        """Opens a connection, which the caller must close. Raises OperationalError at the call's deadline."""
        connection = DeadlineConnection.open(conninfo(options), self.deadline)
        self.watchdog.register(connection)
        return connection

    def discard(self, slot: ConnectionSlot | None = None) -> None:
        """Closes the connection of the slot, by default of this thread."""
        slot = slot or self._thread.slot
        connection, slot.connection = slot.connection, None
        if connection is not None:
            connection.discard()
            self.metrics.connection_closed()

    def _run[Result](self, slot: ConnectionSlot, send: Callable[[DeadlineConnection], Result]) -> Result:
        """Sends a statement on the connection of the slot, once. Raises DatabaseUnavailableError."""
        if not self.circuit_breaker.allow_request():
            raise DatabaseUnavailableError
        try:
            connection = slot.connection
            if connection is None or not connection.is_reusable():
                self.discard(slot)
                connection = slot.connection = self.connect(slot.options)
                self.metrics.connection_opened()
            self.metrics.count_statement()
            result = send(connection)
        except LOCK_ERRORS as error:
            self.circuit_breaker.record_success()
            raise RowLockedError from error
        except psycopg.Error as error:
            self.discard(slot)
            raise record_error(self.circuit_breaker, error) from error
        self.circuit_breaker.record_success()
        return result


def record_error(circuit_breaker: CircuitBreaker, error: psycopg.Error) -> DatabaseUnavailableError:
    """Tells the circuit breaker whether the server answered, and returns the error to raise.

    A statement that was cancelled, or that the server refuses, is an answer: it opens no circuit breaker.
    """
    if is_lost_connection(error):
        circuit_breaker.record_failure(str(error).strip())
        return DatabaseUnavailableError()
    circuit_breaker.record_success()
    log.warning("statement failed", sqlstate=error.sqlstate, error=str(error).strip())
    return StatementFailedError()


def is_lost_connection(error: psycopg.Error) -> bool:
    """Whether the error means that the server gave no answer."""
    if error.sqlstate is None:  # libpq's or psycopg's own error
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return error.sqlstate.startswith(_LOST_CONNECTION)


def conninfo(options: str = "") -> str:
    """The connection string: Django's parameters for `conf.database_alias`, and the call path's session settings.

    `options` are further settings, as `-c name=value`.
    """
    django_connection = connections[conf.database_alias]
    django_only = ("cursor_factory", "context", "prepare_threshold", "server_side_binding")
    parameters = {
        name: value for name, value in django_connection.get_connection_params().items() if name not in django_only
    }
    parameters |= conf.calls_database_overrides
    durable = "on" if conf.durable_counts else "off"
    # In milliseconds, 0.35 of the deadline. A statement may wait for two locks, of the row and of the queue for it, and
    # must end before the deadline. Otherwise a locked row would look like an unavailable server.
    lock_timeout = int(conf.call_deadline_seconds * 350)
    # One plan for all values of a statement, because planning a look-up takes longer than the look-up.
    generic_plans = "-c plan_cache_mode=force_generic_plan"
    session = f"-c synchronous_commit={durable} -c lock_timeout={lock_timeout}ms -c timezone=UTC {generic_plans}"
    parameters["options"] = f"{parameters.get('options', '')} {session} {options}"
    return psycopg.conninfo.make_conninfo("", **parameters)
