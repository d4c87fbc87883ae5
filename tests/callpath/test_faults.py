"""Faults of PostgreSQL: calls get 503 in time, and 200 again without intervention afterwards."""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg
import pytest

from keyadmin.server.embedded_postgres import EmbeddedPostgres
from tests.callpath.faulty import (
    ANSWERS_WITHIN,
    RECOVERS_WITHIN,
    SlowWire,
    expect_503s,
    expect_recovery,
    frozen,
    manage,
    repeated,
    timed,
)
from tests.fixtures.committed_rows import Pairs
from tests.fixtures.postgres import SETTINGS
from tests.live.servers import Server, gunicorn

MAKE_KEYS: Final = """
from tests.factories import KeyFactory, TierFactory
tier = TierFactory.create(hourly_limit=10**6)
print(KeyFactory.create(tier=tier).token, KeyFactory.create(tier=tier).token)
"""
MAKE_SESSION: Final = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from tests.factories import PersonFactory
person = PersonFactory.create(administrator=True)
session = import_module(settings.SESSION_ENGINE).SessionStore()
session.update({SESSION_KEY: str(person.pk), BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0]})
session[HASH_SESSION_KEY] = person.get_session_auth_hash()
session.create()
print(session.session_key)
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """pytest's folder has too long a path for a socket, and other users cannot read it."""
    with tempfile.TemporaryDirectory(prefix="keyadmin-faults-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    """A migrated PostgreSQL for this module."""
    with EmbeddedPostgres(folder / "postgres", settings=SETTINGS | {"max_connections": "100"}) as running:
        manage(running, "migrate", "--verbosity", "0", "--skip-checks")
        yield running


@pytest.fixture(scope="module")
def keys(postgres: EmbeddedPostgres) -> tuple[Pairs, Pairs]:
    made = manage(postgres, "shell", "--verbosity", "0", "-c", MAKE_KEYS).split()
    return [("X-API-Key", made[0])], [("X-API-Key", made[1])]


@pytest.fixture(scope="module")
def caller(postgres: EmbeddedPostgres, folder: Path, keys: tuple[Pairs, Pairs]) -> Iterator[tuple[Server, Pairs]]:
    with gunicorn(folder, postgres.url()) as running:
        yield running, keys[0]


@pytest.fixture(scope="module")
def reader(postgres: EmbeddedPostgres) -> Pairs:
    """The headers of a signed-in person."""
    return [("Cookie", f"sessionid={manage(postgres, 'shell', '--verbosity', '0', '-c', MAKE_SESSION).strip()}")]


def test_frozen_database_makes_calls_unavailable_until_it_continues(
    postgres: EmbeddedPostgres, caller: tuple[Server, Pairs]
) -> None:
    server, headers = caller
    with server.connections_by_worker(headers):
        pass
    with frozen(postgres):
        expect_503s(server, headers)
    expect_recovery(server, headers)


def test_stopped_database_makes_calls_unavailable_until_it_starts(
    postgres: EmbeddedPostgres, caller: tuple[Server, Pairs]
) -> None:
    server, headers = caller
    with server.connections_by_worker(headers):
        pass
    postgres.stop()
    expect_503s(server, headers)
    postgres.start()
    expect_recovery(server, headers)


def test_restart_of_the_database_under_traffic_loses_no_count(
    postgres: EmbeddedPostgres, caller: tuple[Server, Pairs]
) -> None:
    server, headers = caller
    seen: list[tuple[int, float]] = []

    def call() -> None:
        answer, seconds = timed(server, headers)
        seen.append((answer.status, seconds))

    with repeated(call, thread_count=4):
        time.sleep(0.5)
        postgres.stop()
        postgres.start()
        expect_recovery(server, headers)
    assert {status for status, _ in seen} == {200, 503}
    assert max(seconds for _, seconds in seen) <= ANSWERS_WITHIN


def test_slow_database_is_waited_for_until_the_deadline(
    postgres: EmbeddedPostgres, folder: Path, keys: tuple[Pairs, Pairs], reader: Pairs, tmp_path: Path
) -> None:
    """Answers before the deadline are used; a later one makes the call unavailable."""
    headers = keys[0]
    socket = next((folder / "postgres" / "socket").glob(".s.PGSQL.*[0-9]"))
    wire = SlowWire(str(socket))
    database = quote(postgres.database, safe="")
    with gunicorn(tmp_path, f"postgresql://postgres@127.0.0.1:{wire.port}/{database}?sslmode=disable") as server:
        with server.connections_by_worker(headers):
            pass
        wire.delay = 0.02
        assert timed(server, headers)[0].status == 200
        wire.delay = 3.0
        expect_503s(server, headers)
        with repeated(lambda: server.request("/keys/", reader), thread_count=12):
            expect_503s(server, headers)
        wire.delay = 0.0
        expect_recovery(server, headers)
    wire.close()


def test_database_without_free_connections_makes_calls_unavailable(
    postgres: EmbeddedPostgres, keys: tuple[Pairs, Pairs], tmp_path: Path
) -> None:
    """A web server that has no connection yet; others hold all of them, and later release them."""
    with gunicorn(tmp_path, postgres.url()) as server:
        with ExitStack() as held:
            take_all(postgres, held)
            expect_503s(server, keys[0])
        expect_recovery(server, keys[0])


def take_all(postgres: EmbeddedPostgres, held: ExitStack) -> None:
    """Opens every connection that PostgreSQL accepts."""
    for _ in range(100):
        try:
            held.enter_context(psycopg.connect(postgres.url()))
        except psycopg.OperationalError:
            return
    raise AssertionError("there is no end of them")


def test_row_locked_for_long_makes_only_its_key_unavailable(
    postgres: EmbeddedPostgres, caller: tuple[Server, Pairs], keys: tuple[Pairs, Pairs]
) -> None:
    """Calls of its key get 503 and those of another key 200, all in time."""
    server, headers = caller
    with server.connections_by_worker(headers):
        pass
    assert server.request("/api/chats", keys[1]).status == 200
    with psycopg.connect(postgres.url()) as holder:
        holder.execute("SELECT FROM meter WHERE total > 1 FOR UPDATE")
        statuses = set()
        with repeated(lambda: statuses.add(timed(server, headers)[0].status), thread_count=6):
            for _ in range(10):
                answer, seconds = timed(server, keys[1])
                assert (answer.status, seconds <= ANSWERS_WITHIN) == (200, True)
        assert statuses == {503}
    expect_recovery(server, headers)


@pytest.mark.parametrize("thread_count", [1, 24])
def test_pages_on_a_frozen_database_delay_no_call(
    postgres: EmbeddedPostgres, caller: tuple[Server, Pairs], reader: Pairs, thread_count: int
) -> None:
    """The pages show an error, and calls are answered in time however many pages are requested."""
    server, headers = caller
    assert server.request("/keys/", reader).status == 200
    answers: list[Any] = []
    with frozen(postgres):
        with repeated(lambda: answers.append(timed(server, reader, "/keys/")), thread_count):
            time.sleep(0.3)
            expect_503s(server, headers)
        for answer, _ in answers:
            assert answer.status == 503
            assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("2", "no-store")
            assert b"Temporarily unavailable" in answer.body
            assert answer.headers["Content-Type"].startswith("text/html")
    expect_recovery(server, headers)
    expect_pages(server, reader)


def test_pages_on_a_stopped_database_are_503(
    postgres: EmbeddedPostgres, caller: tuple[Server, Pairs], reader: Pairs
) -> None:
    server, headers = caller
    postgres.stop()
    for headers_of_page in ([*reader], [*reader, ("HX-Request", "true")]):
        answer, seconds = timed(server, headers_of_page, "/keys/")
        assert (answer.status, seconds <= ANSWERS_WITHIN) == (503, True)
    postgres.start()
    expect_recovery(server, headers)
    expect_pages(server, reader)


def test_pages_that_wait_for_a_row_delay_no_call(
    postgres: EmbeddedPostgres, caller: tuple[Server, Pairs], reader: Pairs
) -> None:
    server, headers = caller
    with psycopg.connect(postgres.url()) as holder:
        holder.execute("LOCK TABLE django_session IN ACCESS EXCLUSIVE MODE")
        answers: list[Any] = []
        with repeated(lambda: answers.append(timed(server, reader, "/keys/")), thread_count=6):
            for _ in range(5):
                answer, seconds = timed(server, headers)
                assert (answer.status, seconds <= ANSWERS_WITHIN) == (200, True)
        assert {answer.status for answer, _ in answers} == {503}
    expect_pages(server, reader)


def test_idle_connections_delay_no_call(caller: tuple[Server, Pairs]) -> None:
    server, headers = caller
    with ExitStack() as idle:
        for _ in range(100):
            idle.enter_context(server.connect())
        with ThreadPoolExecutor(8) as pool:
            for answer, seconds in pool.map(lambda _: timed(server, headers), range(16)):
                assert (answer.status, seconds <= ANSWERS_WITHIN) == (200, True)


def expect_pages(server: Server, reader: Pairs) -> None:
    """Expects pages again within five seconds."""
    deadline = time.monotonic() + RECOVERS_WITHIN
    while server.request("/keys/", reader).status != 200:
        assert time.monotonic() < deadline
