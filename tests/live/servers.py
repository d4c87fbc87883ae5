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
from tests.live.client import Connection, Headers, Response
from tests.owner import database_environ

WORKERS: Final = 3
START_TIMEOUT_SECONDS: Final = 30.0


class Server:
    """A running server process and its port."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    def request(
        self, path: str | bytes = "/api/chats", headers: Headers = (), method: str = "GET", body: bytes = b""
    ) -> Response:
        """Send one request on a new connection."""
        with self.connect() as connection:
            return connection.request(path, headers, method, body)

    def connect(self) -> Connection:
        return Connection(self.port)

    def workers(self) -> set[int]:
        return {child.pid for child in psutil.Process(self.process.pid).children()}

    @contextmanager
    def connections_by_worker(self, headers: Headers) -> Iterator[dict[int, Connection]]:
        """A connection to every worker, by the process id that the example project's responses contain."""
        with ExitStack() as stack:
            by_pid: dict[int, Connection] = {}
            for _ in range(2000):
                connection = stack.enter_context(self.connect())
                pid = connection.request("/api/chats", headers).json["pid"]
                if by_pid.setdefault(pid, connection) is not connection:
                    connection.close()
                if len(by_pid) == WORKERS:
                    break
            assert by_pid.keys() == self.workers()
            yield by_pid


@contextmanager
def gunicorn(folder: Path, database_url: str, **environ: str) -> Iterator[Server]:
    """Run gunicorn while the block runs; it responds when the block starts. Its output goes to `folder/log`."""
    port = free_port()
    settings = {"DJANGO_SETTINGS_MODULE": "tests.example.settings"} | database_environ(database_url)
    environ = settings | {"WEB_CONCURRENCY": str(WORKERS)} | environ
    with run_server(services(port)[0].command, port, folder / "log", environ) as server:
        _wait_until(server, lambda: server.request("/api/chats").status == 401 and len(server.workers()) == WORKERS)
        yield server


@contextmanager
def run_server(command: list[str], port: int, log: Path, environ: dict[str, str]) -> Iterator[Server]:
    """Run any server while the block runs; it responds when the block starts."""
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
        _wait_until(server, lambda: server.request("/").status > 0)
        yield server
    finally:
        end_group(process)


def database_url_of(settings: dict[str, Any]) -> str:
    """The URL of the database that pytest-django created: DATABASE_URL with its name."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{settings['NAME']}").geturl()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until(server: Server, is_up: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while True:
        try:
            if is_up():
                return
        except OSError:
            pass
        assert server.process.poll() is None, server.log.read_text()
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.05)
