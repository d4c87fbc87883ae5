"""A PostgreSQL that stops or freezes: calls are answered 503 in time, and by themselves 200 when it is back."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest

from keyadmin.embedded import EmbeddedPostgres
from keyadmin.env import ROOT
from tests.calls.rows import Pairs
from tests.live.client import Answer
from tests.live.servers import Server, gunicorn
from tests.postgres import SETTINGS

MAKE_KEY: Final = (
    "from tests.factories import KeyFactory, TierFactory; print(KeyFactory(tier=TierFactory(hourly_limit=10**6)).token)"
)
ANSWERS_WITHIN: Final = 2.0
RECOVERS_WITHIN: Final = 5.0


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not pytest's, whose path is too long and too private for another user's server."""
    with tempfile.TemporaryDirectory(prefix="keyadmin-faults-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    """A server of this module's own, migrated."""
    with EmbeddedPostgres(folder / "postgres", settings=SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def caller(postgres: EmbeddedPostgres, folder: Path) -> Iterator[tuple[Server, Pairs]]:
    manage(postgres, "migrate", "--verbosity", "0")
    key = manage(postgres, "shell", "--verbosity", "0", "-c", MAKE_KEY).strip()
    with gunicorn(folder, postgres.url()) as running:
        yield running, [("X-API-Key", key)]


def manage(postgres: EmbeddedPostgres, *arguments: str) -> str:
    environ = os.environ | {"DATABASE_URL": postgres.url()}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE, text=True).stdout


def timed(server: Server, headers: Pairs) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = server.ask("/api/chats", headers)
    return answer, time.monotonic() - began


def expect_503s(server: Server, headers: Pairs) -> None:
    """From every worker, one call after the other and eight at once, warm and cold; whatever the key."""
    unknown = [("X-API-Key", headers[0][1][:-49] + "A" * 43 + "000000")]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            answers = [timed(server, headers), *pool.map(lambda _: timed(server, headers), range(8))]
            for answer, seconds in answers:
                assert answer.status == 503, answer.body
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert answer.headers["Cache-Control"] == "no-store"
                assert int(answer.headers["Retry-After"]) >= 1
                assert seconds <= ANSWERS_WITHIN
    assert server.ask("/api/chats", unknown).status == 401  # a wrong checksum is decided without a database
    assert server.ask("/api/chats").status == 401


def expect_recovery(server: Server, headers: Pairs) -> None:
    """Within five seconds every worker answers 200 again."""
    deadline = time.monotonic() + RECOVERS_WITHIN
    served: set[int] = set()
    with ThreadPoolExecutor(8) as pool:
        while served != server.workers():
            for answer, _ in pool.map(lambda _: timed(server, headers), range(8)):
                assert answer.status in (200, 503)
                if answer.status == 200:
                    served.add(answer.json["pid"])
            assert time.monotonic() < deadline, served


@contextmanager
def frozen(postgres: EmbeddedPostgres) -> Iterator[None]:
    assert postgres._process is not None
    postmaster = psutil.Process(postgres._process.pid)
    stopped = [postmaster, *postmaster.children(recursive=True)]
    for process in stopped:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in stopped:
            process.send_signal(signal.SIGCONT)


def test_a_frozen_database(postgres: EmbeddedPostgres, caller: tuple[Server, Pairs]) -> None:
    server, headers = caller
    with server.lines(headers):
        pass
    with frozen(postgres):
        expect_503s(server, headers)
    expect_recovery(server, headers)


def test_a_stopped_database(postgres: EmbeddedPostgres, caller: tuple[Server, Pairs]) -> None:
    server, headers = caller
    with server.lines(headers):
        pass
    postgres.stop()
    expect_503s(server, headers)
    postgres.start()
    expect_recovery(server, headers)
