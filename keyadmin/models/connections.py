"""The call path's own connection to PostgreSQL: one a thread, autocommit, prepared, and never waited for long.

The deadline is the client's, since a frozen server does not keep its own. A connection that missed it is
discarded. After a failure a breaker answers in the server's place, so that the next calls do not queue up
behind it; after that moment calls try again.
"""

import select
import threading
from time import monotonic
from typing import Any, LiteralString, Self

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import waiting
from psycopg.abc import PQGen

from keyadmin.foundation import breaker, measures


class Unavailable(Exception):  # noqa: N818 - what is said of the database
    """PostgreSQL did not answer in time. Whether the statement under way took effect is unknown."""


class DeadlineConnection(psycopg.Connection[tuple[Any, ...]]):
    """Gives up on an answer when the call's time is up."""

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
        if self.closed:
            return False
        poll = select.poll()  # select() fails where a server has more than a thousand files open
        poll.register(self.fileno(), select.POLLIN)
        return not poll.poll(0)


_local = threading.local()


def start_call(seconds: float | None = None) -> None:
    """Gives this thread's call so many seconds, else KEYADMIN_CALL_DEADLINE, for all its statements together."""
    _local.deadline = monotonic() + (seconds or settings.KEYADMIN_CALL_DEADLINE)


def time_left() -> float:
    """Seconds; never quite none, so that an answer that is there already is still read."""
    return max(0.01, _local.deadline - monotonic())


def execute(statement: LiteralString, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
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
        rows = connection.execute(statement, parameters).fetchall()
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
    ours = f"-c synchronous_commit={durable} -c lock_timeout={patience}ms -c timezone=UTC"
    parameters["options"] = f"{parameters.get('options', '')} {ours}"
    return psycopg.conninfo.make_conninfo("", **parameters)
