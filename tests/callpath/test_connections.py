"""The call path's connection: what is held up, hung up or short of room, and what that means for other calls."""

import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from django.db import connection, transaction

from keyadmin.callpath import circuit_breaker
from keyadmin.callpath import connection as connections
from keyadmin.callpath.authorize import Call, authenticate
from keyadmin.callpath.limits import BATCHER
from keyadmin.core.callers import Caller
from keyadmin.core.denials import Denial, DenialReason
from tests.callpath.rows import Given
from tests.owner import ask_as_owner

CHATS = Call("GET", "/api/chats", None)
AWAY = Denial(DenialReason.UNAVAILABLE, retry_after=1)


def backend() -> int:
    """The process that draws are asked of."""
    connection = BATCHER._line.connection
    assert connection is not None
    return connection.info.backend_pid


def discard_all() -> None:
    connections.discard()
    BATCHER.discard()


def test_a_row_that_somebody_holds_holds_up_only_its_own_key(given: Given) -> None:
    held, free = given.key(), given.key()
    for made in (held, free):
        assert isinstance(authenticate(made.token, CHATS), Caller)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM meter WHERE key_id = %s FOR UPDATE", [held.key.id])
        began = time.monotonic()
        assert authenticate(held.token, CHATS) == AWAY
        assert time.monotonic() - began < 2
        assert isinstance(authenticate(free.token, CHATS), Caller)
    assert isinstance(authenticate(held.token, CHATS), Caller)
    assert given.meter(held).total == 2


def test_a_connection_that_the_server_ended_is_replaced(given: Given) -> None:
    """A call notices before it sends anything: none is refused, and none is sent twice. Of a connection that answered
    a moment ago it does not ask, so each of these calls comes a little later.
    """
    made = given.key()
    assert isinstance(authenticate(made.token, CHATS), Caller)
    for _ in range(3):
        ended = backend()
        ask_as_owner("SELECT pg_terminate_backend(%s, 5000)", [ended])
        time.sleep(connections._JUST_NOW)
        assert isinstance(authenticate(made.token, CHATS), Caller)
        assert backend() != ended
    assert given.meter(made).total == 4


def test_a_failure_speaks_for_a_moment_and_no_longer(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    made = given.key()
    discard_all()
    with monkeypatch.context() as patch:
        patch.setattr(connections, "_conninfo", lambda options: "host=/nowhere dbname=none")
        assert authenticate(made.token, CHATS) == AWAY
    assert authenticate(made.token, CHATS) == AWAY
    time.sleep(circuit_breaker.BREAK)
    assert isinstance(authenticate(made.token, CHATS), Caller)


def test_what_the_address_of_the_database_asks_for_is_kept(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    made = given.key()
    discard_all()
    options = connection.settings_dict["OPTIONS"]
    monkeypatch.setitem(options, "options", f"{options['options']} -c application_name=ours")
    assert isinstance(authenticate(made.token, CHATS), Caller)
    assert connections.execute("SHOW application_name", {}) == [("ours",)]
    assert connections.execute("SHOW lock_timeout", {}) == [("350ms",)]
    connections.discard()


def test_all_statements_of_a_call_share_its_time(given: Given) -> None:
    """Each statement alone is quick enough; together they are not, and the call is not waited for longer."""
    connections.start_call()
    began = time.monotonic()
    for _ in range(2):
        connections.execute("SELECT pg_sleep(0.4)", {})
    with pytest.raises(connections.DatabaseUnavailableError):
        connections.execute("SELECT pg_sleep(0.4)", {})
    assert time.monotonic() - began < 2
    time.sleep(circuit_breaker.BREAK)


@pytest.fixture
def many_files() -> Iterator[None]:
    """More than a thousand files open, as a busy server has."""
    discard_all()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    with ExitStack() as stack:
        for _ in range(1100):
            stack.enter_context(Path("/dev/null").open("rb"))
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_server_with_a_thousand_connections_still_decides(given: Given) -> None:
    made = given.key()
    for _ in range(2):
        assert isinstance(authenticate(made.token, CHATS), Caller)
    for line in (connections._local.line, BATCHER._line):
        assert line.connection is not None
        assert line.connection.fileno() > 1024
    discard_all()


def test_counts_are_durable_only_where_asked(given: Given, settings: object) -> None:
    for durable, expected in ((False, "off"), (True, "on")):
        settings.KEYADMIN_DURABLE_COUNTS = durable  # type: ignore[attr-defined]
        with psycopg.connect(connections._conninfo()) as own:
            shown = own.execute("SHOW synchronous_commit").fetchone()
        assert shown == (expected,)
