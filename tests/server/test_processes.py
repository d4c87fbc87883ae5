"""Processes of the servers end when their parent was killed, and a new server never shares their port."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from keyadmin.env import ROOT
from keyadmin.server.run import accepts_connections, services
from tests.fixtures.committed_rows import CommittedRows
from tests.integrations.gateway import servers
from tests.live.servers import START_TIMEOUT_SECONDS, Server, free_port, gunicorn, run_server
from tests.owner import database_environ

ENDED_WITHIN = 10.0
"""Seconds: twice what `docs/guides/operations.md` says, for a loaded machine."""


@contextmanager
def killed(server: Server) -> Iterator[list[psutil.Process]]:
    """The server's workers, right after its first process was killed. Ends what is left of them."""
    workers = [psutil.Process(worker) for worker in server.workers()]
    assert workers
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    try:
        yield workers
    finally:
        for worker in workers:
            if runs(worker):
                worker.kill()


def expect_end(processes: list[psutil.Process], seconds: float = ENDED_WITHIN) -> None:
    deadline = time.monotonic() + seconds
    while any(map(runs, processes)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def listens(process: psutil.Process) -> bool:
    return any(one.status == psutil.CONN_LISTEN for one in process.net_connections("tcp"))


def runs(process: psutil.Process) -> bool:
    """A zombie has ended: the first process of a container may not collect it."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_workers_of_the_web_server_end_with_their_parent(
    database_url: str, rows: CommittedRows, tmp_path: Path
) -> None:
    """Also with open connections and requests under way."""
    created = rows.key()
    with gunicorn(tmp_path, database_url) as server, server.connections_by_worker(created.headers) as connections:
        assert connections
        with socket.create_connection(("127.0.0.1", server.port)) as half_sent:
            half_sent.sendall(b"GET / HTTP/1.1\r\n")
            with killed(server) as workers:
                expect_end(workers)


def test_workers_of_the_verify_server_end_with_their_parent(database_url: str, tmp_path: Path) -> None:
    with servers.verify(tmp_path, database_url) as verify, verify.server.connect() as connection:
        assert connection.request("/healthz").status == 200
        with killed(verify.server) as workers:
            expect_end(workers)


def test_new_verify_server_starts_after_the_workers_of_a_killed_one(database_url: str, tmp_path: Path) -> None:
    with servers.verify(tmp_path, database_url) as verify, killed(verify.server) as workers:
        port = verify.server.port
        command = [sys.executable, "-m", "keyadmin.server.verify_server", "--port", str(port)]
        environ = servers.SETTINGS | database_environ(database_url)
        with run_server(command, port, tmp_path / "next.log", environ) as following:
            deadline = time.monotonic() + START_TIMEOUT_SECONDS
            while not (
                following.workers() and accepts_connections(port)
            ):  # before, workers of the killed server may answer
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert not any(listens(worker) for worker in workers if runs(worker))
            expect_end(workers)
            assert following.request("/healthz").status == 200


def test_verify_server_does_not_share_its_port(database_url: str, tmp_path: Path) -> None:
    with servers.verify(tmp_path, database_url) as verify:
        command = [sys.executable, "-m", "keyadmin.server.verify_server", "--port", str(verify.server.port)]
        environ = os.environ | servers.SETTINGS | database_environ(database_url)
        second = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 2
        assert second.stderr == (
            f"Port {verify.server.port} of 127.0.0.1 cannot be used: Address already in use."
            " Set KEYADMIN_VERIFY_PORT.\n"
        )


@pytest.mark.parametrize("index", [0, 1], ids=["web server", "verify server"])
def test_server_ends_with_the_process_that_runs_it(database_url: str, tmp_path: Path, index: int) -> None:
    """As `keyadmin run` does, a process starts the server and is then killed."""
    port = free_port()
    command = services(port, port)[index].command
    program = "import os, subprocess, sys, time; os.environ['KEYADMIN_RUNNER_PID'] = str(os.getpid());"
    program += "subprocess.Popen(sys.argv[1:]); time.sleep(600)"
    environ = servers.SETTINGS | database_environ(database_url)
    with run_server([sys.executable, "-c", program, *command], port, tmp_path / "log", environ) as runner:
        time.sleep(1)
        started = psutil.Process(runner.process.pid).children(recursive=True)
        assert len(started) >= 2
        os.kill(runner.process.pid, signal.SIGKILL)
        runner.process.wait()
        try:
            expect_end(started)
        finally:
            for process in filter(runs, started):
                process.kill()
