"""Django's PostgreSQL backend with a patience that the client keeps, since a frozen server keeps none.

`be_impatient()` turns it on, in web servers; management commands wait for as long as it takes. Whoever waits for an
answer then asks on a new connection, every second, whether the server is there at all. So a slow statement has its
time, and a frozen server is noticed before the calls that share the web server's threads are late.
"""

from time import monotonic
from typing import Any, Final

import psycopg
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.adapt import AdaptersMap

from keyadmin.callpath.circuit_breaker import CircuitBreaker

SILENCE: Final = 0.8
"""Seconds without an answer, after which the server is asked whether it is there."""
ANSWERS_WITHIN: Final = 0.5
"""Seconds in which a server that is there answers: welcome, or that it is full, or that it is starting."""
_TICK: Final = 0.1
#: Waited for while a page holds one of the web server's threads.
_OPTIONS: Final = "-c lock_timeout=1s"

_patience: float | None = None


def be_impatient(seconds: float) -> None:
    """From now on no statement of this process's pages is waited for longer."""
    global _patience
    _patience = seconds


def _circuit_breaker() -> CircuitBreaker:
    from keyadmin.callpath.state import state  # Django loads this backend before the models that `state` imports

    return state.circuit_breaker


class PageConnection(psycopg.Connection[Any]):
    """Gives up on a server that is away, and is closed then: what it would still answer belongs to nobody."""

    conninfo: str

    @classmethod
    def impatient(cls, parameters: dict[str, Any]) -> "PageConnection":
        """As `connect` with Django's parameters, whose own time limit cannot be less than two seconds."""
        if not _circuit_breaker().allow_request():
            raise psycopg.OperationalError("the server did not answer a moment ago")
        context, factory = parameters.pop("context", None), parameters.pop("cursor_factory", None)
        threshold = parameters.pop("prepare_threshold", None)
        parameters["options"] = f"{parameters.get('options', '')} {_OPTIONS}"
        conninfo = psycopg.conninfo.make_conninfo("", **parameters)
        try:
            connection = waiting.wait_conn(cls._connect_gen(conninfo), interval=_TICK, timeout=SILENCE)
        except psycopg.OperationalError:
            _circuit_breaker().record_failure()
            raise
        _circuit_breaker().record_success()
        connection.conninfo = conninfo
        connection.prepare_threshold = threshold
        if factory is not None:
            connection.cursor_factory = factory
        if context is not None:
            connection._adapters = AdaptersMap(context.adapters)
        return connection

    def wait[RV](self, gen: PQGen[RV], interval: float = _TICK, timeout: float | None = None) -> RV:
        try:
            return super().wait(self._watched(gen), interval, timeout)
        except StatementTimeoutError:
            self.pgconn.finish()
            raise

    def _watched[RV](self, gen: PQGen[RV]) -> PQGen[RV]:
        """The same steps; psycopg tells of every tick in which nothing came."""
        began = asked = monotonic()
        try:
            state = next(gen)
            while True:
                ready = yield state
                if not ready and monotonic() - asked > SILENCE:
                    self._insist(began)
                    asked = monotonic()
                state = gen.send(ready)
        except StopIteration as done:
            result: RV = done.value
            return result

    def _insist(self, began: float) -> None:
        """Raises Unanswered when the server is away, or has had its time."""
        if _circuit_breaker().is_open() or not is_there(self.conninfo):
            _circuit_breaker().record_failure()
            raise StatementTimeoutError("the server does not answer")
        if _patience is not None and monotonic() - began > _patience:
            raise StatementTimeoutError(f"the server needs more than {_patience:g} s")


class StatementTimeoutError(psycopg.OperationalError):
    """Whether the statement under way took effect is unknown."""


def is_there(conninfo: str) -> bool:
    """Whether the server answers a new connection, be it by refusing it."""
    began = monotonic()
    try:
        waiting.wait_conn(
            psycopg.Connection._connect_gen(conninfo), interval=_TICK, timeout=ANSWERS_WITHIN
        ).pgconn.finish()
    except psycopg.OperationalError:
        return monotonic() - began < ANSWERS_WITHIN
    return True


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if _patience is None:
            return super().get_new_connection(conn_params)
        self.isolation_level = IsolationLevel.READ_COMMITTED
        return PageConnection.impatient(dict(conn_params))
