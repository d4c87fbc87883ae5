"""The call path's own connection to PostgreSQL: one a thread, autocommit, prepared, and never waited for long.

The deadline is the client's, since a frozen server does not keep its own. A connection that missed it is
discarded. After a failure a breaker answers in the server's place, so that the next calls do not queue up
behind it; after that moment calls try again.
"""

import select
import threading
from collections.abc import Sequence
from time import monotonic
from typing import Any, LiteralString, Self, overload

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from keyadmin.foundation import breaker, measures


class Unavailable(Exception):  # noqa: N818 - what is said of the database
    """PostgreSQL did not answer in time. Whether the statement under way took effect is unknown."""


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

    @classmethod
    def open(cls, conninfo: str) -> Self:
        """As `connect`, whose own time limit cannot be less than two seconds."""
        left = time_left()
        connection: Self = waiting.wait_conn(cls._connect_gen(conninfo), interval=left, timeout=left)
        connection.autocommit = True
        connection.prepare_threshold = 0
        return connection

    def wait[RV](self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        return super().wait(gen, interval, timeout=time_left())

    def is_quiet(self) -> bool:
        """Nothing to read between statements: a server that hung up, or says that it will, leaves something."""
        return not self.closed and not self._answers.poll(0)

    def ask(self, statement: Statement, values: Sequence[bytes | None]) -> list[tuple[bytes | None, ...]]:
        """The rows of a statement, prepared on its first use. By libpq itself: a cursor costs several times as much."""
        if statement.name not in self._statements:
            self.pgconn.send_prepare(statement.name, statement.sql)
            self._result()
            self._statements.add(statement.name)
        self.pgconn.send_query_prepared(statement.name, values)
        result = self._result()
        columns = range(result.nfields)
        return [tuple(result.get_value(row, column) for column in columns) for row in range(result.ntuples)]

    def _result(self) -> PGresult:
        """Of what was sent. Asking libpq for it while there is none would wait without end."""
        pgconn, result = self.pgconn, None
        pgconn.flush()
        while True:
            while pgconn.is_busy():
                if not self._answers.poll(time_left() * 1000):
                    raise psycopg.OperationalError("no answer in time")
                pgconn.consume_input()
            following = pgconn.get_result()
            if following is None:
                break
            result = following
        if result is None or result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise psycopg.errors.error_from_result(result) if result else psycopg.OperationalError("no answer")
        return result


_local = threading.local()


def start_call(seconds: float | None = None) -> None:
    """Gives this thread's call so many seconds, else KEYADMIN_CALL_DEADLINE, for all its statements together."""
    _local.deadline = monotonic() + (seconds or settings.KEYADMIN_CALL_DEADLINE)


def time_left() -> float:
    """Seconds; never quite none, so that an answer that is there already is still read."""
    return max(0.01, _local.deadline - monotonic())


@overload
def execute(statement: LiteralString, parameters: dict[str, Any]) -> list[tuple[Any, ...]]: ...
@overload
def execute(statement: Statement, parameters: Sequence[bytes | None]) -> list[tuple[Any, ...]]: ...
def execute(statement: Any, parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of one statement of the call that was started. Raises Unavailable. Never sends a statement twice."""
    if breaker.refuses():
        raise Unavailable
    connection: DeadlineConnection | None = getattr(_local, "connection", None)
    try:
        if connection is None or not connection.is_quiet():
            discard()
            connection = _local.connection = DeadlineConnection.open(_conninfo())
            measures.connected()
        measures.stated()
        rows = (
            connection.ask(statement, parameters)
            if isinstance(statement, Statement)
            else connection.execute(statement, parameters).fetchall()
        )
    except psycopg.errors.LockNotAvailable as error:  # the server is well: somebody holds on to one row
        breaker.succeed()
        raise Unavailable from error
    except psycopg.OperationalError as error:
        discard()
        breaker.fail()
        raise Unavailable from error
    breaker.succeed()
    return rows


def connect() -> DeadlineConnection:
    """A connection like the call path's, for its caller alone, within the time that `start_call` has given."""
    return DeadlineConnection.open(_conninfo())


def discard() -> None:
    """Closes this thread's connection, if it has one, without a word to the server."""
    connection: DeadlineConnection | None = _local.__dict__.pop("connection", None)
    if connection is not None:
        connection.pgconn.finish()
        measures.disconnected()


def _conninfo() -> str:
    """Django's parameters for the database that keys are in, less what is Django's alone."""
    pages = connections[settings.KEYADMIN_DATABASE]
    djangos = ("cursor_factory", "context", "prepare_threshold", "server_side_binding")
    parameters = {name: value for name, value in pages.get_connection_params().items() if name not in djangos}
    durable = "on" if settings.KEYADMIN_DURABLE_COUNTS else "off"
    # Sooner than the deadline, so that a row that somebody holds is not mistaken for a server that is away. Who is
    # not the first to wait for a row waits twice: for its turn, and for the row.
    patience = int(settings.KEYADMIN_CALL_DEADLINE * 450)
    # One plan for all values of a statement: planning a look-up takes longer than the look-up.
    plans = "-c plan_cache_mode=force_generic_plan"
    ours = f"-c synchronous_commit={durable} -c lock_timeout={patience}ms -c timezone=UTC {plans}"
    parameters["options"] = f"{parameters.get('options', '')} {ours}"
    return psycopg.conninfo.make_conninfo("", **parameters)
