"""Writes counts: one short transaction on a connection of its own, with the client's deadline.

Several processes write at once, each its rows in the same order, so that none waits for another in a circle. What
could not be written is kept for the next time, together with what has been counted since.
"""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
import structlog

from keyadmin.callpath import connection as connections
from keyadmin.callpath.connection import DatabaseUnavailableError, DeadlineConnection
from keyadmin.callpath.usage.counters import Asked, Counts
from keyadmin.core.redaction import redacted_request_line
from keyadmin.models.usage import MAX_ADDRESSES_PER_DAY, USAGE_WRITE_LOCK_ID

log = structlog.get_logger("keyadmin.callpath.usage")

#: Seconds for one writing, connecting included.
DEADLINE: Final = 2.0
#: Its number tells afterwards whether a transaction took effect whose end was not heard. Whoever removes a key or a
#: secret holds the lock alone: no count of it arrives afterwards. Nor do they wait long for a process that froze here.
_BEGIN: Final = """SELECT pg_current_xact_id()::text, pg_advisory_xact_lock_shared(%s),
    set_config('idle_in_transaction_session_timeout', '2s', true)"""
_STATUS: Final = "SELECT pg_xact_status(%s::xid8)"

type Batch = tuple[str, Counts]
"""The number of a transaction, and what it was to write."""


class Writer:
    """`dropped` is the number of sums that found no room or that PostgreSQL would not have."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting = Counts()
        self._unheard: Batch | None = None
        self._connection: DeadlineConnection | None = None
        self._is_failing = False
        self._lock = threading.Lock()

    def write(self, counts: Counts) -> None:
        """Writes the counts after those that wait already. Never raises."""
        with self._lock:
            self._waiting.merge(counts)
            self.dropped, self._waiting.dropped = self.dropped + self._waiting.dropped, 0
            if not self._waiting and self._unheard is None:
                return
            try:
                self._write()
            except Exception as error:
                self._discard()
                if not self._is_failing:
                    log.warning("outcomes not written", error=type(error).__name__)
                self._is_failing = True
            else:
                self._is_failing = False

    def _write(self) -> None:
        connections.start_call(DEADLINE)
        if self._connection is None or not self._connection.is_quiet():
            self._discard()
            self._connection = connections.connect()
        self._hear(self._connection)
        counts, self._waiting = self._waiting, Counts()
        number = ""
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                number = cursor.execute(_BEGIN, [USAGE_WRITE_LOCK_ID]).fetchall()[0][0]
                for statement, parameters in _statements(counts):
                    written = cursor.execute(statement, parameters)
                    if statement is _ADDRESSES and (new := [key for (key,) in written.fetchall()]):
                        cursor.execute(_BUSIEST, {"keys": new, "busiest": MAX_ADDRESSES_PER_DAY})
        except (psycopg.DataError, psycopg.IntegrityError):
            self.dropped += len(counts.scopes) + len(counts.addresses) + len(counts.secrets) + len(counts.reasons)
            raise
        except BaseException:
            if number:
                self._unheard = (number, counts)
            else:
                self._waiting = counts
            raise

    def _hear(self, connection: DeadlineConnection) -> None:
        """What became of the transaction whose end was not heard. Raises Unavailable while it has none."""
        if self._unheard is None:
            return
        number, counts = self._unheard
        try:
            status = connection.cursor().execute(_STATUS, [number]).fetchall()[0][0]
        except psycopg.DataError:  # the server crashed and has forgotten that it began
            status = None
        if status == "in progress":
            raise DatabaseUnavailableError
        self._unheard = None
        if status != "committed":
            counts.merge(self._waiting)
            self._waiting = counts

    def _discard(self) -> None:
        if self._connection is not None:
            self._connection.discard()
            self._connection = None


def _statements(counts: Counts) -> Iterator[tuple[LiteralString, dict[str, Any]]]:
    """What writes the counts, in the order in which every process writes."""
    now = monotonic()
    if counts.reasons:
        keys, reasons = zip(*counts.reasons, strict=True)
        last = [counts.refused[row] for row in counts.reasons]
        calls = _array(counts.reasons.values())
        rows: dict[str, Any] = {"keys": _array(keys), "reasons": _array(reasons), "calls": calls}
        yield _REFUSALS, rows
        since = {"ages": _array(now - each[0] for each in last), "addresses": _array(each[1] for each in last)}
        yield _LAST_REFUSALS, rows | since | {"called": _texts(each[2] for each in last)}
    if counts.scopes:
        keys, scopes = zip(*counts.scopes, strict=True)
        yield _SCOPES, {"keys": _array(keys), "scopes": _array(scopes), "calls": _array(counts.scopes.values())}
    if counts.addresses:
        places = [(key, *place) for key, places in counts.addresses.items() for place in places.items()]
        keys, addresses, counted = zip(*places, strict=True)
        latest = [counts.last.get(key) for key in keys]
        called = [last[1] if last and last[0] == place else None for last, place in zip(latest, addresses, strict=True)]
        rows = {
            "keys": _array(keys),
            "addresses": _array(addresses),
            "calls": _array(counted),
            "called": _texts(called),
        }
        yield _ADDRESSES, rows | {"busiest": MAX_ADDRESSES_PER_DAY}
    if counts.secrets:
        ages = _array(now - moment for moment in counts.secrets.values())
        yield _SECRETS, {"secrets": _array(counts.secrets), "ages": ages}


def _array(values: Iterable[UUID | str | float | None]) -> str:
    """As PostgreSQL writes an array, of values that need no quotes: psycopg would look at each to find that out."""
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def _texts(calls: Iterable[Asked | None]) -> str:
    """The same of what was called."""
    lines = (redacted_request_line(call.method, call.path) if call else "" for call in calls)
    return "{" + ",".join('"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"' for line in lines) + "}"


_REFUSALS, _LAST_REFUSALS, _SCOPES, _ADDRESSES, _BUSIEST, _SECRETS = (
    Path(__file__).with_name(f"{name}.sql").read_text()
    for name in (
        "count_denials",
        "last_denials",
        "count_scopes",
        "count_addresses",
        "keep_busiest_addresses",
        "secret_use",
    )
)
