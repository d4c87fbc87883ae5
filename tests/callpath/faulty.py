"""Helpers for tests of faults: faults of PostgreSQL, and what calls must get during and after them."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import psutil

from keyadmin.env import ROOT
from keyadmin.server.embedded_postgres import EmbeddedPostgres
from tests.fixtures.committed_rows import Pairs
from tests.live.client import Response
from tests.live.servers import Server
from tests.owner import database_environ

ANSWERS_WITHIN: Final = 2.0
RECOVERS_WITHIN: Final = 5.0


def manage(postgres: EmbeddedPostgres, *arguments: str) -> str:
    environ = os.environ | database_environ(postgres.url())
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE, text=True).stdout


def timed(server: Server, headers: Pairs, path: str = "/api/chats") -> tuple[Response, float]:
    began = time.monotonic()
    answer = server.request(path, headers)
    return answer, time.monotonic() - began


def expect_503s(server: Server, headers: Pairs) -> None:
    """Expects 503 in time for single calls and for eight at once, by every worker, for every valid key."""
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
    assert server.request("/api/chats", unknown).status == 401  # a wrong checksum is decided without a database
    assert server.request("/api/chats").status == 401


def expect_recovery(server: Server, headers: Pairs) -> None:
    """Expects that every worker answers 200 within RECOVERS_WITHIN seconds."""
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


@contextmanager
def repeated(act: Callable[[], object], thread_count: int) -> Iterator[None]:
    """Runs `act` again and again in `thread_count` threads while the block runs."""
    over = threading.Event()

    def again() -> None:
        while not over.is_set():
            act()

    with ThreadPoolExecutor(thread_count) as pool:
        jobs = [pool.submit(again) for _ in range(thread_count)]
        try:
            yield
        finally:
            over.set()
    for job in jobs:
        job.result()


class SlowWire:
    """A proxy in front of PostgreSQL's socket that delays its answers by `delay` seconds."""

    def __init__(self, path: str) -> None:
        self.path, self.delay = path, 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self.path)
            while True:
                for source in select.select([client, server], [], [])[0]:
                    try:
                        data = source.recv(65536)
                        if source is server:
                            time.sleep(self.delay)
                        (client if source is server else server).sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
