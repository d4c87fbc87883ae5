"""Django's PostgreSQL backend, with a time limit that the client keeps.

`statement_timeout` and `tcp_user_timeout` do not help against a frozen server: it cancels no statement, and its kernel
still acknowledges packets. docs/decisions/0001-page-connections.md has the measurements.

`enable_page_deadline()` turns the limit on, in web servers; management commands wait as long as a statement takes. A
connection that waits for an answer opens another one every SILENCE_SECONDS, to see whether the server still responds.
A slow statement may take the whole deadline. A server that does not respond is noticed within about 1.3 s, before calls
that wait for a thread of the web server reach their own deadline.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, ClassVar, Final, Protocol

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.adapt import AdaptersMap

SILENCE_SECONDS: Final = 0.8
"""Seconds without an answer after which a connection probes the server. Also the time limit of connecting."""
PROBE_TIMEOUT_SECONDS: Final = 0.5
"""Seconds in which a server that responds accepts or rejects a new connection."""
_POLL_SECONDS: Final = 0.1
#: A page that waits for a lock occupies a thread of the web server.
_SESSION_OPTIONS: Final = "-c lock_timeout=1s"


class CircuitBreaker(Protocol):
    """What the pages need of the call path's circuit breaker. `db` cannot import the call path."""

    def allow_request(self) -> bool: ...
    def is_open(self) -> bool: ...
    def record_failure(self) -> None: ...
    def record_success(self) -> None: ...


@dataclass(frozen=True, slots=True)
class PageDeadline:
    """The time limit of a statement, and the circuit breaker that pages and calls share."""

    seconds: float
    get_circuit_breaker: Callable[[], CircuitBreaker]


def enable_page_deadline(seconds: float, get_circuit_breaker: Callable[[], CircuitBreaker]) -> None:
    """Limit every statement of this process's Django connections to `seconds`. Call it before the first connection.

    A forked child has a circuit breaker of its own, so it is looked up each time.
    """
    DatabaseWrapper.deadline = PageDeadline(seconds, get_circuit_breaker)


class StatementTimeoutError(psycopg.OperationalError):
    """The client stopped waiting for the statement. The server may still have executed it."""


class PageConnection(psycopg.Connection[Any]):
    """A connection that is closed at the deadline of a statement, or when the server does not respond."""

    conninfo: str
    deadline: PageDeadline

    @classmethod
    def open(cls, parameters: dict[str, Any], deadline: PageDeadline) -> "PageConnection":
        """Connect within SILENCE_SECONDS with Django's parameters; psycopg's own time limit is two seconds at least.

        Raises OperationalError if the server does not answer, or did not a moment ago.
        """
        breaker = deadline.get_circuit_breaker()
        if not breaker.allow_request():
            raise psycopg.OperationalError("the server did not answer a moment ago")
        context, factory = parameters.pop("context", None), parameters.pop("cursor_factory", None)
        threshold = parameters.pop("prepare_threshold", None)
        parameters["options"] = f"{parameters.get('options', '')} {_SESSION_OPTIONS}"
        conninfo = psycopg.conninfo.make_conninfo("", **parameters)
        try:
            connection = waiting.wait_conn(cls._connect_gen(conninfo), interval=_POLL_SECONDS, timeout=SILENCE_SECONDS)
        except psycopg.OperationalError:
            breaker.record_failure()
            raise
        breaker.record_success()
        connection.conninfo, connection.deadline = conninfo, deadline
        connection.prepare_threshold = threshold
        if factory is not None:
            connection.cursor_factory = factory
        if context is not None:
            connection._adapters = AdaptersMap(context.adapters)
        return connection

    def wait[RV](self, gen: PQGen[RV], interval: float = _POLL_SECONDS, timeout: float | None = None) -> RV:
        try:
            return super().wait(self._limited(gen), interval, timeout)
        except StatementTimeoutError:
            self.pgconn.finish()
            raise

    def _limited[RV](self, gen: PQGen[RV]) -> PQGen[RV]:
        """Run `gen`, and check the server while it waits. psycopg resumes the generator at every poll."""
        began = probed = monotonic()
        try:
            state = next(gen)
            while True:
                ready = yield state
                if not ready and monotonic() - probed > SILENCE_SECONDS:
                    self._check_server(began)
                    probed = monotonic()
                state = gen.send(ready)
        except StopIteration as stop:
            result: RV = stop.value
            return result

    def _check_server(self, began: float) -> None:
        """Raise StatementTimeoutError if the server does not respond, or the statement has reached the deadline."""
        breaker = self.deadline.get_circuit_breaker()
        if breaker.is_open() or not server_responds(self.conninfo):
            breaker.record_failure()
            raise StatementTimeoutError("the server does not answer")
        if monotonic() - began > self.deadline.seconds:
            raise StatementTimeoutError(f"the statement takes longer than {self.deadline.seconds:g} s")


def server_responds(conninfo: str) -> bool:
    """Whether the server accepts or rejects a new connection within PROBE_TIMEOUT_SECONDS."""
    began = monotonic()
    try:
        connection = waiting.wait_conn(
            psycopg.Connection._connect_gen(conninfo), interval=_POLL_SECONDS, timeout=PROBE_TIMEOUT_SECONDS
        )
        connection.close()
    except psycopg.OperationalError:
        return monotonic() - began < PROBE_TIMEOUT_SECONDS
    return True


class DatabaseWrapper(base.DatabaseWrapper):
    deadline: ClassVar[PageDeadline | None] = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.deadline is None:
            return super().get_new_connection(conn_params)
        self.isolation_level = IsolationLevel.READ_COMMITTED
        return PageConnection.open(dict(conn_params), self.deadline)
