"""The call path's connections: locked rows, ended connections, deadlines and many open files."""

import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
import pytest
from django.db import connection, transaction
from psycopg.rows import scalar_row, tuple_row

from keyadmin.callpath import connection as callpath_connection
from keyadmin.callpath.authorize import authorize
from keyadmin.callpath.circuit_breaker import OPEN_SECONDS
from keyadmin.callpath.connection import DatabaseUnavailableError, Statement
from keyadmin.callpath.rules import Call
from keyadmin.callpath.state import state
from keyadmin.core.callers import Caller
from keyadmin.core.denials import Denial, DenialReason
from tests.fixtures.call_path import discard_connections
from tests.fixtures.committed_rows import CommittedRows
from tests.owner import execute_as_owner

CHATS = Call("GET", "/api/chats", None)
AWAY = Denial(DenialReason.UNAVAILABLE, retry_after=1)


def backend() -> int:
    """The process id of the server process on the batcher's connection."""
    batcher_connection = state.limits.batcher.slot.connection
    assert batcher_connection is not None
    return batcher_connection.info.backend_pid


def test_locked_row_makes_only_its_own_key_unavailable(rows: CommittedRows) -> None:
    held, free = rows.key(), rows.key()
    for created in (held, free):
        assert isinstance(authorize(created.token, CHATS), Caller)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM meter WHERE key_id = %s FOR UPDATE", [held.key.id])
        began = time.monotonic()
        assert authorize(held.token, CHATS) == AWAY
        assert time.monotonic() - began < 2
        assert isinstance(authorize(free.token, CHATS), Caller)
    assert isinstance(authorize(held.token, CHATS), Caller)
    assert rows.meter(held).total == 2


def test_connection_ended_by_the_server_is_replaced_before_the_next_call(rows: CommittedRows) -> None:
    """A call notices before it sends anything: none is refused, and none is sent twice. Of a connection that answered
    a moment ago it does not ask, so each of these calls comes a little later.
    """
    created = rows.key()
    assert isinstance(authorize(created.token, CHATS), Caller)
    for _ in range(3):
        ended = backend()
        execute_as_owner("SELECT pg_terminate_backend(%s, 5000)", [ended])
        time.sleep(callpath_connection.REUSE_WITHOUT_CHECK_SECONDS)
        assert isinstance(authorize(created.token, CHATS), Caller)
        assert backend() != ended
    assert rows.meter(created).total == 4


def test_circuit_breaker_closes_after_its_open_seconds(rows: CommittedRows, monkeypatch: pytest.MonkeyPatch) -> None:
    created = rows.key()
    discard_connections()
    with monkeypatch.context() as patch:
        patch.setattr(callpath_connection, "conninfo", lambda options: "host=/nowhere dbname=none")
        assert authorize(created.token, CHATS) == AWAY
    assert authorize(created.token, CHATS) == AWAY
    time.sleep(OPEN_SECONDS)
    assert isinstance(authorize(created.token, CHATS), Caller)


def test_options_of_the_database_url_are_kept(rows: CommittedRows, monkeypatch: pytest.MonkeyPatch) -> None:
    created = rows.key()
    discard_connections()
    options = connection.settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "options", f"{options['options']} -c application_name=ours")
    assert isinstance(authorize(created.token, CHATS), Caller)
    assert state.database.fetch("SHOW application_name", {}, scalar_row) == ["ours"]
    assert state.database.fetch("SHOW lock_timeout", {}, scalar_row) == ["350ms"]
    state.database.discard()


def test_deadline_covers_all_statements_of_a_call(rows: CommittedRows) -> None:
    """Each statement is quick enough on its own, but not all of them together."""
    state.database.start_call()
    began = time.monotonic()
    for _ in range(2):
        state.database.fetch("SELECT pg_sleep(0.4)", {}, scalar_row)
    with pytest.raises(DatabaseUnavailableError):
        state.database.fetch("SELECT pg_sleep(0.4)", {}, scalar_row)
    assert time.monotonic() - began < 2
    time.sleep(OPEN_SECONDS)


REFUSED: Final = [
    "SELECT 1 / 0",
    "SELECT * FROM no_such_table",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT 'x'::int",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; CREATE TABLE pg_catalog.x (y int)",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_refused_statement_fails_alone(rows: CommittedRows, sql: LiteralString) -> None:
    """PostgreSQL has answered: no circuit breaker opens, and the next call is decided."""
    created = rows.key()
    for _ in range(3):
        state.database.start_call()
        with pytest.raises(DatabaseUnavailableError):
            state.database.fetch(sql, {}, scalar_row)
        assert isinstance(authorize(created.token, CHATS), Caller)


def test_cancelled_statement_fails_alone(rows: CommittedRows) -> None:
    created = rows.key()
    assert isinstance(authorize(created.token, CHATS), Caller)
    with ThreadPoolExecutor(1) as pool:
        cancelled = pool.submit(fetch_slowly, "SELECT pg_sleep(0.9), 'cancel me'")
        wait_for_statement(CANCEL, "cancel me")
        with pytest.raises(DatabaseUnavailableError):
            cancelled.result()
        pool.submit(state.database.discard).result()
    assert isinstance(authorize(created.token, CHATS), Caller)


def test_terminated_connection_opens_the_circuit_breaker(rows: CommittedRows) -> None:
    """SQLSTATE 57P01 is what a server that shuts down sends: it counts as no answer."""
    created = rows.key()
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(fetch_slowly, "SELECT pg_sleep(0.9), 'terminate me'")
        wait_for_statement(TERMINATE, "terminate me")
        with pytest.raises(DatabaseUnavailableError):
            ended.result()
    assert state.circuit_breaker.is_open()
    assert authorize(created.token, CHATS) == AWAY
    time.sleep(OPEN_SECONDS)
    assert isinstance(authorize(created.token, CHATS), Caller)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.OperationalError("connection failed"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (psycopg.errors.ConnectionFailure(), True),
        (psycopg.errors.SqlclientUnableToEstablishSqlconnection(), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.CrashShutdown(), True),
        (psycopg.errors.CannotConnectNow(), True),
        (psycopg.ProgrammingError("the query has 2 placeholders but 1 parameter was passed"), False),
        (psycopg.errors.QueryCanceled(), False),
        (psycopg.errors.LockNotAvailable(), False),
        (psycopg.errors.DiskFull(), False),
        (psycopg.errors.OutOfMemory(), False),
        (psycopg.errors.InsufficientPrivilege(), False),
        (psycopg.errors.ReadOnlySqlTransaction(), False),
        (psycopg.errors.SerializationFailure(), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_only_no_answer_is_a_lost_connection(error: psycopg.Error, expected: bool) -> None:
    assert callpath_connection.is_lost_connection(error) is expected


def fetch_slowly(sql: LiteralString) -> None:
    state.database.start_call()
    state.database.fetch(sql, {}, tuple_row)


CANCEL: Final = """SELECT pg_cancel_backend(pid) FROM pg_stat_activity
    WHERE query LIKE %s AND state = 'active' AND pid <> pg_backend_pid()"""
TERMINATE: Final = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE query LIKE %s AND state = 'active' AND pid <> pg_backend_pid()"""


def wait_for_statement(act: LiteralString, text: str) -> None:
    """Cancels or terminates the statement that contains the text, as soon as it runs."""
    deadline = time.monotonic() + 5
    while not execute_as_owner(act, [f"%{text}%"]):
        assert time.monotonic() < deadline


SLEEP: Final = Statement("sleep", "SELECT pg_sleep($1::float8)")
ONE: Final = Statement("one", "SELECT 1")


def test_late_statement_never_ends_the_next_one(rows: CommittedRows) -> None:
    """Statements end at about their deadline, where the watchdog's check and the end of a statement meet."""
    for delay in range(-20, 21):
        state.database.start_call(0.1)
        with suppress(DatabaseUnavailableError):
            state.database.execute_prepared(SLEEP, [str(0.1 + delay / 1000).encode()])
        state.circuit_breaker.record_success()
        state.database.start_call(1.0)
        assert state.database.execute_prepared(ONE, []) == [(b"1",)]
    state.database.discard()


def test_watchdog_waits_for_the_end_of_a_statement_before_its_check(rows: CommittedRows) -> None:
    """The check and the shutdown are one step: a statement that ends in between is not followed by a shutdown."""
    state.database.start_call(0.0)
    watched = state.database.connect()
    watched._statement_deadline = time.monotonic() - 1
    with watched._statement_lock, ThreadPoolExecutor(1) as pool:
        aborting = pool.submit(watched.abort_if_late)
        time.sleep(0.1)
        watched._statement_deadline = None
        watched._statement_lock.release()
        aborting.result()
        watched._statement_lock.acquire()
    assert watched.is_reusable()
    watched._statement_deadline = time.monotonic() - 1
    watched.abort_if_late()
    assert not watched.is_reusable()
    watched.discard()


@pytest.fixture
def many_files() -> Iterator[None]:
    """Opens more than a thousand files, as many as a busy server has."""
    discard_connections()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    with ExitStack() as stack:
        for _ in range(1100):
            stack.enter_context(Path("/dev/null").open("rb"))
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_call_is_decided_with_a_thousand_open_files(rows: CommittedRows) -> None:
    created = rows.key()
    for _ in range(2):
        assert isinstance(authorize(created.token, CHATS), Caller)
    for slot in (state.database._thread.slot, state.limits.batcher.slot):
        assert slot.connection is not None
        assert slot.connection.fileno() > 1024
    discard_connections()


def test_commits_are_synchronous_only_with_durable_counts(rows: CommittedRows, settings: Any) -> None:
    for durable, expected in ((False, "off"), (True, "on")):
        settings.KEYADMIN_DURABLE_COUNTS = durable
        with psycopg.connect(callpath_connection.conninfo()) as own:
            shown = own.execute("SHOW synchronous_commit").fetchone()
        assert shown == (expected,)
