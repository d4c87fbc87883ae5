"""A PostgreSQL that stops or freezes: calls are answered 503 in time, and by themselves 200 when it is back."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from django.db import connections

from keyadmin.embedded import EmbeddedPostgres
from keyadmin.env import ROOT, database
from tests.calls.rows import Given, Made
from tests.live.client import Answer
from tests.live.servers import Server, gunicorn
from tests.postgres import SETTINGS

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
def rows(postgres: EmbeddedPostgres, committed_rows: None, django_db_blocker: Any) -> Iterator[Given]:
    environ = {"DATABASE_URL": postgres.url()}
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        for name, value in environ.items():
            patch.setenv(name, value)
        subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, check=True)
        template = connections.settings["default"]
        connections.settings["faults"] = template | database()
        yield Given("faults")
        connections["faults"].close()
        del connections["faults"]
        del connections.settings["faults"]


@pytest.fixture(scope="module")
def caller(postgres: EmbeddedPostgres, rows: Given, folder: Path) -> Iterator[tuple[Server, Made]]:
    with gunicorn(folder, postgres.url()) as running:
        made = rows.key(rows.organisation(), limit=1_000_000)
        connections["faults"].close()
        yield running, made


def timed(server: Server, made: Made) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = server.ask("/api/chats", made.headers)
    return answer, time.monotonic() - began


def expect_503s(server: Server, made: Made) -> None:
    """From every worker, one call after the other and eight at once, warm and cold; whatever the key."""
    unknown = [("X-API-Key", made.token.value[:-49] + "A" * 43 + "000000")]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            answers = [timed(server, made), *pool.map(lambda _: timed(server, made), range(8))]
            for answer, seconds in answers:
                assert answer.status == 503, answer.body
                assert answer.headers["Content-Type"] == "application/problem+json"
                assert answer.headers["Cache-Control"] == "no-store"
                assert int(answer.headers["Retry-After"]) >= 1
                assert seconds <= ANSWERS_WITHIN
    assert server.ask("/api/chats", unknown).status == 401  # a wrong checksum is decided without a database
    assert server.ask("/api/chats").status == 401


def expect_recovery(server: Server, made: Made) -> None:
    """Within five seconds every worker answers 200 again."""
    deadline = time.monotonic() + RECOVERS_WITHIN
    served: set[int] = set()
    while served != server.workers():
        answer = server.ask("/api/chats", made.headers)
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


def test_a_frozen_database(postgres: EmbeddedPostgres, caller: tuple[Server, Made]) -> None:
    server, made = caller
    with server.lines(made.headers):
        pass
    with frozen(postgres):
        expect_503s(server, made)
    expect_recovery(server, made)


def test_a_stopped_database(postgres: EmbeddedPostgres, caller: tuple[Server, Made]) -> None:
    server, made = caller
    with server.lines(made.headers):
        pass
    postgres.stop()
    expect_503s(server, made)
    postgres.start()
    expect_recovery(server, made)
