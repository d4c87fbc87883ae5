"""Writes usage counters in one short transaction, on a connection of its own, with a deadline.

Several processes write at the same time. All write the rows in the same order, so that they do not deadlock. Counters
that could not be written are kept, and written together with later ones.
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
#: The transaction's id shows later whether it was committed, if the server does not answer the commit. The shared lock
#: excludes the deletion of a key or secret, so that no count is written after the deletion. The time-out ends the
#: transaction of a process that hangs, so that a deletion does not wait for it.
_BEGIN: Final = """SELECT pg_current_xact_id()::text, pg_advisory_xact_lock_shared(%s),
    set_config('idle_in_transaction_session_timeout', '2s', true)"""
_STATUS: Final = "SELECT pg_xact_status(%s::xid8)"


class _Transaction(NamedTuple):
    """A transaction whose commit the server did not answer, and the counters that it wrote."""

    id: str
    counters: UsageCounters


class UsageWriter:
    """Writes counters. Thread-safe. `dropped`: the number of counts that were dropped or that PostgreSQL rejected."""

    def __init__(self, database: Database) -> None:
        self.dropped = 0
        self._database = database
        self._kept = UsageCounters()
        self._in_doubt: _Transaction | None = None
        self._connection: DeadlineConnection | None = None
        self._is_failing = False
        self._lock = threading.Lock()

    def write(self, counters: UsageCounters) -> None:
        """Writes the counters and those that were kept. Never raises.

        Of several failures to reach PostgreSQL the first is logged; every other error is logged.
        """
        with self._lock:
            self._kept.merge(counters)
            self.dropped, self._kept.dropped = self.dropped + self._kept.dropped, 0
            if not self._kept and self._in_doubt is None:
                return
            try:
                self._write()
            except (DatabaseUnavailableError, psycopg.OperationalError) as error:
                self.close()
                if not self._is_failing:
                    log.warning("usage not written; it is kept", error=type(error).__name__, reason=str(error).strip())
                self._is_failing = True
            except Exception:
                self.close()
                log.exception("usage not written", dropped=self.dropped)
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
        counters, self._kept = self._kept, UsageCounters()
        transaction_id = ""
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                ((transaction_id, *_),) = cursor.execute(_BEGIN, [USAGE_WRITE_LOCK_ID]).fetchall()
                for statement, parameters in _statements(counters):
                    result = cursor.execute(statement, parameters)
                    if statement is _COUNT_ADDRESSES and (grown := [key for (key,) in result.fetchall()]):
                        cursor.execute(_KEEP_BUSIEST_ADDRESSES, {"keys": grown, "busiest": MAX_ADDRESSES_PER_DAY})
        except (psycopg.DataError, psycopg.IntegrityError):
            self.dropped += len(counters) + len(counters.denials)
            raise
        except BaseException:
            if transaction_id:
                self._in_doubt = _Transaction(transaction_id, counters)
            else:
                self._kept = counters
            raise

    def _resolve_in_doubt(self, connection: DeadlineConnection) -> None:
        """Finds out whether the last transaction was committed, if that is unknown. If not, keeps its counters.

        Raises DatabaseUnavailableError while the transaction is in progress.
        """
        if self._in_doubt is None:
            return
        try:
            ((status,),) = connection.cursor().execute(_STATUS, [self._in_doubt.id]).fetchall()
        except psycopg.DataError:  # the server has crashed since and does not know the transaction
            status = None
        if status == "in progress":
            raise DatabaseUnavailableError
        counters, self._in_doubt = self._in_doubt.counters, None
        if status != "committed":
            counters.merge(self._kept)
            self._kept = counters


def _statements(counters: UsageCounters) -> Iterator[tuple[LiteralString, dict[str, Any]]]:
    """The statements that write the counters, in the same order in every process."""
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
    """A PostgreSQL array literal of values that need no quotes. psycopg would check each value for that."""
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


def _request_lines(requests: Iterable[RequestLine | None]) -> str:
    """A PostgreSQL array literal of redacted request lines, "" for None."""
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
