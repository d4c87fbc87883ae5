"""The call path's own connections to PostgreSQL: autocommit, prepared, and never waited for long.

Each thread has one, and so has what threads ask together. The deadline is the client's, since a frozen server does not
keep its own: a thread of the process looks after all its connections, and hangs up on an answer that is late. A
connection that missed it is discarded. After a failure a breaker answers in the server's place, so that the next calls
do not queue up behind it; after that moment calls try again.
"""

import os
import select
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, Final, LiteralString, Self, cast, overload
from weakref import WeakSet

import psycopg
from django.db import connections
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult

from keyadmin.callpath import circuit_breaker, metrics
from keyadmin.conf import conf

type Row = tuple[bytes | None, ...]

_JUST_NOW: Final = 0.01
#: A row that was not got in time, or two who wait for each other.
HELD: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
_LOOKS_EVERY: Final = 0.05
"""Seconds by which an answer may be later than it should."""


class DatabaseUnavailableError(Exception):
    """PostgreSQL did not answer in time. Whether the statement under way took effect is unknown."""


class RowLockedError(DatabaseUnavailableError):
    """The server is well, but somebody holds a row for too long. Nothing took effect."""


class Statement:
    """SQL for `ask`: parameters are $1, $2 …, and all values are text."""

    def __init__(self, name: str, sql: str) -> None:
        self.name, self.sql = name.encode(), sql.encode()


class DeadlineConnection(psycopg.Connection[tuple[Any, ...]]):
    """Gives up on an answer when the call's time is up."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._statements: set[bytes] = set()
        self._answers = select.poll()  # select() fails where a server has more than a thousand files open
        self._answers.register(self.fileno(), select.POLLIN)
        self._socket = socket.socket(fileno=os.dup(self.fileno()))  # a number of our own: nobody else's can get it
        self._used = 0.0
        self.due: float | None = None

    @classmethod
    def open(cls, conninfo: str) -> Self:
        """As `connect`, whose own time limit cannot be less than two seconds."""
        left = time_left()
        connection: Self = waiting.wait_conn(cls._connect_gen(conninfo), interval=left, timeout=left)
        connection.autocommit = True
        connection.prepare_threshold = 0
        _watch.over(connection)
        return connection

    def wait[RV](self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        return super().wait(gen, interval, timeout=time_left())

    def is_quiet(self) -> bool:
        """Nothing to read between statements: a server that hung up, or says that it will, leaves something.

        Of one that answered a moment ago it is not asked.
        """
        return not self.closed and (monotonic() - self._used < _JUST_NOW or not self._answers.poll(0))

    def make_ready(self, statement: Statement) -> None:
        """Prepares it, on its first use."""
        if statement.name not in self._statements:
            self._checked(self.pgconn.prepare(statement.name, statement.sql))
            self._statements.add(statement.name)

    def ask(self, statement: Statement, values: Sequence[bytes | None]) -> list[Row]:
        """The rows of a statement. By one call of libpq: a cursor costs several times as much, and so do the steps of
        a wait of our own, each of which lets another thread have the interpreter.
        """
        self.due = _local.deadline
        try:
            self.make_ready(statement)
            nullable = cast("Sequence[bytes]", values)  # psycopg's types know no NULL here
            rows = rows_of(self._checked(self.pgconn.exec_prepared(statement.name, nullable)))
        finally:
            self.due = None
        self._used = monotonic()
        return rows

    def hang_up(self) -> None:
        """From another thread: whoever waits for an answer is told that there is none."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def discard(self) -> None:
        """Closes it without a word to the server."""
        self._socket.close()
        self.pgconn.finish()

    @staticmethod
    def _checked(result: PGresult) -> PGresult:
        if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            return result
        if result.error_field(DiagnosticField.SQLSTATE) is None:  # libpq's own words: there was no answer
            raise psycopg.OperationalError(result.error_message.decode(errors="replace"))
        raise psycopg.errors.error_from_result(result)


def rows_of(result: PGresult) -> list[Row]:
    columns = range(result.nfields)
    return [tuple(result.get_value(row, column) for column in columns) for row in range(result.ntuples)]


class DeadlineWatchdog:
    """Hangs up on connections whose answer is late. One thread, begun with the process's first connection."""

    def __init__(self) -> None:
        self._connections: WeakSet[DeadlineConnection] = WeakSet()
        self._lock = threading.Lock()
        self._has_thread = False

    def over(self, connection: DeadlineConnection) -> None:
        with self._lock:
            self._connections.add(connection)
            if not self._has_thread:
                self._has_thread = True
                threading.Thread(target=self._look, name="deadlines", daemon=True).start()

    def _look(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(_LOOKS_EVERY)
            with self._lock:
                watched = list(self._connections)
            for connection in watched:
                due = connection.due
                if due is not None and monotonic() > due:
                    connection.hang_up()


def _begin() -> None:
    """In a child, whose parent goes on with the connections that it has."""
    global _watch, _local
    _watch, _local = DeadlineWatchdog(), _Local()


class ConnectionSlot:
    """What keeps a connection between calls. `options` are settings of its session, as `-c name=value`."""

    def __init__(self, options: str = "") -> None:
        self.options = options
        self.connection: DeadlineConnection | None = None


class _Local(threading.local):
    """This thread's line, and until when its call may take."""

    deadline: float

    def __init__(self) -> None:
        self.line = ConnectionSlot()


_watch = DeadlineWatchdog()
os.register_at_fork(after_in_child=_begin)
_local = _Local()


def start_call(seconds: float | None = None) -> None:
    """Give this thread's call `seconds`, by default the call deadline, for all its statements together."""
    _local.deadline = monotonic() + (seconds or conf.call_deadline_seconds)


def deadline() -> float:
    """Until when the call may take, by `time.monotonic()`."""
    return _local.deadline


@contextmanager
def due(moment: float) -> Iterator[None]:
    """A deadline for some of its statements, which is no later than the call's."""
    own, _local.deadline = _local.deadline, moment
    try:
        yield
    finally:
        _local.deadline = own


def time_left() -> float:
    """Seconds; never quite none, so that an answer that is there already is still read."""
    return max(0.01, _local.deadline - monotonic())


@overload
def execute(statement: LiteralString, parameters: dict[str, Any]) -> list[tuple[Any, ...]]: ...
@overload
def execute(
    statement: Statement, parameters: Sequence[bytes | None], line: ConnectionSlot | None = None
) -> list[Row]: ...
def execute(statement: Any, parameters: Any, line: ConnectionSlot | None = None) -> list[tuple[Any, ...]]:
    """The rows of one statement of the call that was started, on this thread's line unless told. Raises Unavailable.
    Never sends a statement twice.
    """
    if circuit_breaker.refuses():
        raise DatabaseUnavailableError
    line = line or _local.line
    try:
        if line.connection is None or not line.connection.is_quiet():
            discard(line)
            line.connection = connect(line.options)
            metrics.connected()
        metrics.stated()
        rows = (
            line.connection.ask(statement, parameters)
            if isinstance(statement, Statement)
            else line.connection.execute(statement, parameters).fetchall()
        )
    except HELD as error:
        circuit_breaker.succeed()
        raise RowLockedError from error
    except psycopg.OperationalError as error:
        discard(line)
        circuit_breaker.fail()
        raise DatabaseUnavailableError from error
    circuit_breaker.succeed()
    return rows


def connect(options: str = "") -> DeadlineConnection:
    """A connection like the call path's, for its caller alone, within the time that `start_call` has given."""
    return DeadlineConnection.open(_conninfo(options))


def discard(line: ConnectionSlot | None = None) -> None:
    """Closes the connection of this thread's line, or of another one, without a word to the server."""
    line = line or _local.line
    connection, line.connection = line.connection, None
    if connection is not None:
        connection.discard()
        metrics.disconnected()


def _conninfo(options: str = "") -> str:
    """Django's parameters for the database that keys are in, less what is Django's alone."""
    pages = connections[conf.database_alias]
    djangos = ("cursor_factory", "context", "prepare_threshold", "server_side_binding")
    parameters = {name: value for name, value in pages.get_connection_params().items() if name not in djangos}
    parameters |= conf.calls_database_overrides
    durable = "on" if conf.durable_counts else "off"
    # Sooner than the deadline, so that a row that somebody holds is not mistaken for a server that is away. Who is
    # not the first to wait for a row waits twice: for its turn, and for the row.
    patience = int(conf.call_deadline_seconds * 350)
    # One plan for all values of a statement: planning a look-up takes longer than the look-up.
    plans = "-c plan_cache_mode=force_generic_plan"
    ours = f"-c synchronous_commit={durable} -c lock_timeout={patience}ms -c timezone=UTC {plans}"
    parameters["options"] = f"{parameters.get('options', '')} {ours} {options}"
    return psycopg.conninfo.make_conninfo("", **parameters)
