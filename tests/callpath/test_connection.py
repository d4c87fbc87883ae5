"""The call path's connections: locked rows, ended connections, deadlines and many open files."""

import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from psycopg.rows import scalar_row

from keyadmin.callpath import connection as callpath_connection
from keyadmin.callpath.authorize import authorize
from keyadmin.callpath.circuit_breaker import OPEN_SECONDS
from keyadmin.callpath.connection import DatabaseUnavailableError
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
