"""Faults behind gateways: no request passes without a decision, and each is answered in time."""

import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import psutil
import psycopg
import pytest

from keyadmin.server.embedded_postgres import EmbeddedPostgres
from tests.callpath.faulty import ANSWERS_WITHIN, RECOVERS_WITHIN, frozen, manage
from tests.fixtures.committed_rows import Pairs
from tests.fixtures.postgres import SETTINGS
from tests.integrations.gateway import servers
from tests.integrations.gateway.servers import WORKERS, Gateway, Verify
from tests.live.client import Response
from tests.live.load import call as calls_of
from tests.live.load import processes

KEYS: Final = 3
MAKE_KEYS: Final = f"""
from tests.factories import KeyFactory, TierFactory
tier = TierFactory.create(hourly_limit=10**6)
print(*[KeyFactory.create(tier=tier).token for _ in range({KEYS})])
"""
type Ask = Callable[[Pairs], Response]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """pytest's folder has too long a path for a socket, and other users cannot read it."""
    with tempfile.TemporaryDirectory(prefix="keyadmin-trouble-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(folder / "postgres", settings=SETTINGS) as running:
        manage(running, "migrate", "--verbosity", "0", "--skip-checks")
        yield running


@pytest.fixture(scope="module")
def made(postgres: EmbeddedPostgres) -> list[Pairs]:
    """The headers of keys."""
    keys = manage(postgres, "shell", "--verbosity", "0", "-c", MAKE_KEYS).split()
    assert len(keys) == KEYS
    return [[("X-API-Key", key)] for key in keys]


@pytest.fixture(scope="module")
def own(postgres: EmbeddedPostgres, folder: Path) -> Iterator[Verify]:
    with servers.verify(folder, postgres.url()) as running:
        yield running


@pytest.fixture(scope="module")
def in_front(own: Verify, folder: Path) -> Iterator[dict[str, Gateway]]:
    with ExitStack() as stack:
        api = stack.enter_context(servers.upstream(folder))
        running = [stack.enter_context(start(folder, own, api)) for start in (servers.nginx, servers.caddy)]
        yield {one.name: one for one in running}


@pytest.fixture(params=["directly", "nginx", "caddy"])
def ask(request: pytest.FixtureRequest, own: Verify, in_front: dict[str, Gateway]) -> Ask:
    if request.param == "directly":
        return own.request
    return lambda headers: in_front[request.param].request(headers=headers)


def expect_503s(ask: Ask, made: list[Pairs]) -> None:
    """Expects 503 in time for single and concurrent calls of every key."""

    def timed(headers: Pairs) -> tuple[Response, float]:
        began = time.monotonic()
        return ask(headers), time.monotonic() - began

    with ThreadPoolExecutor(24) as pool:
        for _ in range(3):
            for answer, seconds in [timed(made[0]), *pool.map(timed, made * 8)]:
                assert answer.status == 503, answer.body
                assert answer.json["type"] == "urn:keyadmin:problem:unavailable"
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert answer.headers["Cache-Control"] == "no-store"
                assert int(answer.headers["Retry-After"]) >= 1
                assert seconds <= ANSWERS_WITHIN
    assert ask([("X-API-Key", made[0][0][1][:-1] + "!")]).status == 401  # decided without a database


def expect_recovery(ask: Ask, made: list[Pairs]) -> None:
    """Expects that within RECOVERS_WITHIN seconds every call is allowed, and stays allowed."""
    deadline = time.monotonic() + RECOVERS_WITHIN
    in_row = 0
    while in_row < 40:
        status = ask(made[in_row % KEYS]).status
        assert status in (200, 204, 503)
        in_row = 0 if status == 503 else in_row + 1
        assert time.monotonic() < deadline


def test_frozen_database_makes_calls_unavailable_until_it_continues(
    postgres: EmbeddedPostgres, ask: Ask, made: list[Pairs]
) -> None:
    expect_recovery(ask, made)
    with frozen(postgres):
        expect_503s(ask, made)
    expect_recovery(ask, made)


def test_stopped_database_makes_calls_unavailable_until_it_starts(
    postgres: EmbeddedPostgres, own: Verify, ask: Ask, made: list[Pairs]
) -> None:
    expect_recovery(ask, made)
    postgres.stop()
    try:
        expect_503s(ask, made)
        time.sleep(1.1)  # an answer of /readyz is good for a second
        ready = own.raw([], "/readyz")
        assert (ready.status, list(ready.json)) == (503, ["status", "database"])
        assert own.raw([], "/healthz").status == 200
    finally:
        postgres.start()
    expect_recovery(ask, made)


def test_locked_key_delays_no_other_key(postgres: EmbeddedPostgres, own: Verify, made: list[Pairs]) -> None:
    locked, other = made[0], made[1]
    expect_recovery(own.request, made)
    identity = locked[0][1].rsplit("_", 1)[0]
    with psycopg.connect(postgres.url()) as holder, ThreadPoolExecutor(40) as pool:
        rows = "SELECT m.key_id FROM meter m JOIN key k ON k.id = m.key_id WHERE k.key_id = %s FOR UPDATE OF m"
        assert holder.execute(rows, [identity]).fetchall()
        for _ in range(2):
            began = time.monotonic()
            held = [pool.submit(own.request, locked) for _ in range(30)]
            assert {own.request(other).status for _ in range(30)} == {204}
            assert {one.result().status for one in held} == {503}
            assert time.monotonic() - began <= ANSWERS_WITHIN
    expect_recovery(own.request, made)


def test_killed_worker_loses_no_count(
    postgres: EmbeddedPostgres, own: Verify, in_front: dict[str, Gateway], made: list[Pairs]
) -> None:
    """The count is between the allowed and the sent calls, and the worker is replaced."""
    gateway, identity = in_front["nginx"], made[2][0][1].rsplit("_", 1)[0]
    expect_recovery(own.request, made)

    def counted() -> int:
        with psycopg.connect(postgres.url()) as connection:
            rows = "SELECT m.total FROM meter m JOIN key k ON k.id = m.key_id WHERE k.key_id = %s"
            return int(connection.execute(rows, [identity]).fetchall()[0][0])

    before, workers = counted(), own.server.workers()
    with processes(2) as pool:
        running = [pool.submit(calls_of, gateway.port, made[2], 100, reconnect=True) for _ in range(4)]
        while counted() - before < 100:
            time.sleep(0.05)
        psutil.Process(min(workers)).send_signal(signal.SIGKILL)
        statuses = [each.result() for each in running]
    passed = sum(each[200] for each in statuses)
    assert passed > 200
    assert {status for each in statuses for status in each} <= {200, 503}
    assert passed <= counted() - before <= 400
    deadline = time.monotonic() + 20
    while len(own.server.workers() - {min(workers)}) < WORKERS:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    expect_recovery(own.request, made)


def test_gateway_denies_every_call_without_keyadmin(
    postgres: EmbeddedPostgres, folder: Path, made: list[Pairs]
) -> None:
    with ExitStack() as stack:
        api = stack.enter_context(servers.upstream(folder))
        with servers.verify(folder, postgres.url()) as gone:
            running = [stack.enter_context(start(folder, gone, api)) for start in (servers.nginx, servers.caddy)]
            assert [one.request(headers=made[0]).status for one in running] == [200, 200]
        reached = len(running[0].reached())
        for gateway in running:
            expect_503s_of_the_gateway(gateway, made[0])
        assert len(running[0].reached()) == reached


def expect_503s_of_the_gateway(gateway: Gateway, headers: Pairs) -> None:
    for _ in range(5):
        answer = gateway.request(headers=headers)
        assert answer.status == 503, answer.body
        assert answer.json["type"] == "urn:keyadmin:problem:unavailable"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["X-Request-Id"] == answer.json["request_id"]
