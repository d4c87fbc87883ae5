"""Writes usage counters: one short transaction on a connection of its own, with a deadline.

Several processes write at once, each its rows in the same order, so that no two deadlock. Counters that could not be
written are kept, and written together with later ones.
"""

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any, Final, LiteralString, NamedTuple
from uuid import UUID

import psycopg
import structlog

from keyadmin.callpath.connection import Database, DatabaseUnavailableError, DeadlineConnection
from keyadmin.callpath.usage.counters import RequestLine, UsageCounters
from keyadmin.core.redaction import redacted_request_line
from keyadmin.models.usage import MAX_ADDRESSES_PER_DAY, USAGE_WRITE_LOCK_ID

log = structlog.get_logger("keyadmin.callpath.usage")

#: Seconds for one transaction, connecting included.
WRITE_TIMEOUT_SECONDS: Final = 2.0
#: The transaction's id tells later whether it took effect, if its commit was not answered. The shared lock keeps the
#: deletion of a key or secret apart: no count of it is written afterwards. The time-out ends the transaction of a
#: process that froze here, so that a deletion does not wait for it.
_BEGIN: Final = """SELECT pg_current_xact_id()::text, pg_advisory_xact_lock_shared(%s),
    set_config('idle_in_transaction_session_timeout', '2s', true)"""
_STATUS: Final = "SELECT pg_xact_status(%s::xid8)"


class _Transaction(NamedTuple):
    """A transaction whose commit was not answered, and the counters that it was to write."""

    id: str
    counters: UsageCounters


class UsageWriter:
    """Thread-safe. `dropped` is the number of counts that found no room or that PostgreSQL rejected."""

    def __init__(self, database: Database) -> None:
        self.dropped = 0
        self._database = database
        self._waiting = UsageCounters()
        self._in_doubt: _Transaction | None = None
        self._connection: DeadlineConnection | None = None
        self._is_failing = False
        self._lock = threading.Lock()

    def write(self, counters: UsageCounters) -> None:
        """Writes the counters and those that wait. Never raises; the first of several failures is logged."""
        with self._lock:
            self._waiting.merge(counters)
            self.dropped, self._waiting.dropped = self.dropped + self._waiting.dropped, 0
            if not self._waiting and self._in_doubt is None:
                return
            try:
                self._write()
            except Exception as error:
                self.close()
                if not self._is_failing:
                    log.warning("usage not written", error=type(error).__name__)
                self._is_failing = True
            else:
                self._is_failing = False

    def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.discard()
            self._connection = None

    def _write(self) -> None:
        self._database.start_call(WRITE_TIMEOUT_SECONDS)
        if self._connection is None or not self._connection.is_reusable():
            self.close()
            self._connection = self._database.connect()
        self._resolve_in_doubt(self._connection)
        counters, self._waiting = self._waiting, UsageCounters()
        transaction_id = ""
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                ((transaction_id, *_),) = cursor.execute(_BEGIN, [USAGE_WRITE_LOCK_ID]).fetchall()
                for statement, parameters in _statements(counters):
                    result = cursor.execute(statement, parameters)
                    if statement is _COUNT_ADDRESSES and (grown := [key for (key,) in result.fetchall()]):
                        cursor.execute(_KEEP_BUSIEST_ADDRESSES, {"keys": grown, "busiest": MAX_ADDRESSES_PER_DAY})
        except (psycopg.DataError, psycopg.IntegrityError):
            self.dropped += (
                len(counters.scopes) + len(counters.addresses) + len(counters.secrets) + len(counters.denials)
            )
            raise
        except BaseException:
            if transaction_id:
                self._in_doubt = _Transaction(transaction_id, counters)
            else:
                self._waiting = counters
            raise

    def _resolve_in_doubt(self, connection: DeadlineConnection) -> None:
        """Finds out whether the unanswered transaction was committed; if not, its counters wait again.

        Raises DatabaseUnavailableError while the transaction is in progress.
        """
        if self._in_doubt is None:
            return
        try:
            ((status,),) = connection.cursor().execute(_STATUS, [self._in_doubt.id]).fetchall()
        except psycopg.DataError:  # the server crashed, and does not know the transaction any more
            status = None
        if status == "in progress":
            raise DatabaseUnavailableError
        counters, self._in_doubt = self._in_doubt.counters, None
        if status != "committed":
            counters.merge(self._waiting)
            self._waiting = counters


def _statements(counters: UsageCounters) -> Iterator[tuple[LiteralString, dict[str, Any]]]:
    """The statements that write the counters, in the order that every process keeps."""
    now = monotonic()
    if counters.denials:
        keys, reasons = zip(*counters.denials, strict=True)
        last = [counters.last_denials[row] for row in counters.denials]
        rows: dict[str, Any] = {
            "keys": _array(keys),
            "reasons": _array(reasons),
            "calls": _array(counters.denials.values()),
        }
        yield _COUNT_DENIALS, rows
        yield (
            _RECORD_LAST_DENIALS,
            rows
            | {
                "ages": _array(now - denial.moment for denial in last),
                "addresses": _array(denial.address for denial in last),
                "called": _request_lines(denial.request for denial in last),
            },
        )
    if counters.scopes:
        keys, scopes = zip(*counters.scopes, strict=True)
        calls = _array(counters.scopes.values())
        yield _COUNT_SCOPES, {"keys": _array(keys), "scopes": _array(scopes), "calls": calls}
    if counters.addresses:
        address_rows = [(key, *row) for key, rows in counters.addresses.items() for row in rows.items()]
        keys, addresses, counts = zip(*address_rows, strict=True)
        last_calls = [counters.last_calls.get(key) for key in keys]
        requests = [
            last.request if last and last.address == address else None
            for last, address in zip(last_calls, addresses, strict=True)
        ]
        yield (
            _COUNT_ADDRESSES,
            {
                "keys": _array(keys),
                "addresses": _array(addresses),
                "calls": _array(counts),
                "called": _request_lines(requests),
                "busiest": MAX_ADDRESSES_PER_DAY,
            },
        )
    if counters.secrets:
        ages = _array(now - moment for moment in counters.secrets.values())
        yield _RECORD_SECRET_USE, {"secrets": _array(counters.secrets), "ages": ages}


def _array(values: Iterable[UUID | str | float | None]) -> str:
    """An array literal of values that need no quotes. psycopg would look at each value to find that out."""
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def _request_lines(requests: Iterable[RequestLine | None]) -> str:
    """An array literal of redacted request lines, "" for None."""
    lines = (redacted_request_line(request.method, request.path) if request else "" for request in requests)
    return "{" + ",".join('"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"' for line in lines) + "}"


def _sql(name: str) -> LiteralString:
    return Path(__file__).with_name(f"{name}.sql").read_text()


_COUNT_DENIALS: Final = _sql("count_denials")
_RECORD_LAST_DENIALS: Final = _sql("record_last_denials")
_COUNT_SCOPES: Final = _sql("count_scopes")
_COUNT_ADDRESSES: Final = _sql("count_addresses")
_KEEP_BUSIEST_ADDRESSES: Final = _sql("keep_busiest_addresses")
_RECORD_SECRET_USE: Final = _sql("record_secret_use")
