"""Server processes for tests: gunicorn as `keyadmin run` starts it, with the example project and any database."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psutil

from keyadmin.env import ROOT
from keyadmin.server.run import end_group, services
from tests.live.client import Answer, Headers, Line
from tests.owner import database_environ

WORKERS: Final = 3
STARTS_WITHIN: Final = 30.0


class Server:
    """A running server process and its port."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    def ask(
        self, path: str | bytes = "/api/chats", headers: Headers = (), method: str = "GET", body: bytes = b""
    ) -> Answer:
        """One call on a connection of its own."""
        with self.line() as line:
            return line.ask(path, headers, method, body)

    def line(self) -> Line:
        return Line(self.port)

    def workers(self) -> set[int]:
        return {child.pid for child in psutil.Process(self.process.pid).children()}

    @contextmanager
    def lines(self, headers: Headers) -> Iterator[dict[int, Line]]:
        """A line to every worker, by the worker's process id as the example's answers tell it."""
        with ExitStack() as stack:
            found: dict[int, Line] = {}
            for _ in range(2000):
                line = stack.enter_context(self.line())
                pid = line.ask("/api/chats", headers).json["pid"]
                if found.setdefault(pid, line) is not line:
                    line.close()
                if len(found) == WORKERS:
                    break
            assert found.keys() == self.workers()
            yield found


@contextmanager
def gunicorn(folder: Path, database_url: str, **environ: str) -> Iterator[Server]:
    """Started and answering; stopped at the end. Its output goes to `folder/log`."""
    port = free_port()
    settings = {"DJANGO_SETTINGS_MODULE": "tests.example.settings"} | database_environ(database_url)
    environ = settings | {"WEB_CONCURRENCY": str(WORKERS)} | environ
    with started(services(port)[0].command, port, folder / "log", environ) as server:
        _wait_until(server, lambda: server.ask("/api/chats").status == 401 and len(server.workers()) == WORKERS)
        yield server


@contextmanager
def started(command: list[str], port: int, log: Path, environ: dict[str, str]) -> Iterator[Server]:
    """Any server, answering; stopped at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(process, port, log)
    try:
        _wait_until(server, lambda: server.ask("/").status > 0)
        yield server
    finally:
        end_group(process)


def database_url_of(settings: dict[str, Any]) -> str:
    """The URL of the database that pytest-django has made: DATABASE_URL with its name."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{settings['NAME']}").geturl()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until(server: Server, is_up: Callable[[], bool]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            if is_up():
                return
        except OSError:
            pass
        assert server.process.poll() is None, server.log.read_text()
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.05)
