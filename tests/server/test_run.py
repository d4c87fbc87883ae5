"""`keyadmin run` and manage.py as processes, with a folder of their own and real signals."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from keyadmin.db.urls import NO_DATABASE
from keyadmin.env import ROOT

RUN = [sys.executable, "-m", "keyadmin.server.run"]
MANAGE = [sys.executable, "manage.py"]
GUNICORN = [sys.executable, "-m", "gunicorn", "keyadmin.wsgi"]
GATEWAY = [sys.executable, "-m", "keyadmin.server.verify_server"]
PRODUCTION = {
    "KEYADMIN_ENV": "production",
    "DJANGO_SECRET_KEY": "x1" * 30,
    "KEYADMIN_PEPPERS": "1:" + "ab" * 32,
    "KEYADMIN_ALLOWED_HOSTS": "keys.example.com",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def fresh(tmp_path: Path) -> dict[str, str]:
    """The environment of a first run: nothing set but a folder of its own and free ports."""
    return environ_of(tmp_path)


def environ_of(folder: Path) -> dict[str, str]:
    ours = ("KEYADMIN_", "DATABASE_URL", "DJANGO_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"KEYADMIN_LOCAL": str(folder / "local"), **free_ports()}


def free_ports() -> dict[str, str]:
    return {"PORT": str(free_port()), "KEYADMIN_VERIFY_PORT": str(free_port())}


def run(command: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False)


class Running:
    """A running `keyadmin run`, and every process that it has started."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.output = Path(environ["KEYADMIN_LOCAL"]).parent / "output"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(RUN, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT)
        self.address = f"http://localhost:{environ['PORT']}"
        self.gateway = f"http://127.0.0.1:{environ['KEYADMIN_VERIFY_PORT']}"
        self.children: list[psutil.Process] = []

    def wait_until_up(self) -> None:
        deadline = time.monotonic() + 90
        while f"keyadmin is at {self.address}" not in self.output.read_text():
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.1)
        self.find_children()

    def find_children(self) -> None:
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def child(self, module: str) -> psutil.Process:
        """The child whose command line has this argument. The children of a server are its workers."""
        return next(child for child in psutil.Process(self.process.pid).children() if module in child.cmdline())

    def stop(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def left_processes(self) -> list[psutil.Process]:
        left: list[psutil.Process] = psutil.wait_procs(self.children, timeout=5)[1]
        return left


@contextmanager
def running(environ: dict[str, str]) -> Iterator[Running]:
    server = Running(environ)
    try:
        server.wait_until_up()
        yield server
    finally:
        if server.process.poll() is None:
            server.stop(signal.SIGTERM)


@pytest.fixture
def first_run(fresh: dict[str, str]) -> Iterator[Running]:
    with running(fresh) as server:
        yield server


@pytest.fixture(scope="module")
def used_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `served` uses again and again: only its first run loads the demonstration."""
    return Path(tmp_path_factory.mktemp("used"))


@pytest.fixture
def served(used_folder: Path) -> Iterator[Running]:
    with running(environ_of(used_folder)) as server:
        yield server


def test_first_run_serves_and_ctrl_c_stops_everything(fresh: dict[str, str], first_run: Running) -> None:
    answer = httpx.get(first_run.address, follow_redirects=True, timeout=30)
    assert answer.status_code == 200
    names = {child.name() for child in first_run.children}
    assert "postgres" in names
    assert len(first_run.children) > 4
    password = (Path(fresh["KEYADMIN_LOCAL"]) / "demo-password").read_text().strip()
    assert password in first_run.output.read_text()

    shown = run([*MANAGE, "showmigrations", "keyadmin"], fresh)
    assert (shown.returncode, "[ ]" in shown.stdout) == (0, False)
    ready = [httpx.get(f"{address}/readyz", timeout=30) for address in (first_run.address, first_run.gateway)]
    assert [(one.status_code, one.json()) for one in ready] == [(200, {"status": "ok"})] * 2
    assert f"Gateways send requests to {first_run.gateway}/verify" in first_run.output.read_text()
    for worker in first_run.child("gunicorn").children():
        worker.kill()
    assert httpx.get(first_run.address, follow_redirects=True, timeout=30).status_code == 200, "workers are replaced"
    first_run.find_children()
    second = run(RUN, fresh | free_ports())
    assert (second.returncode, second.stderr.count("\n")) == (2, 1)
    assert "already in use" in second.stderr
    taken = run(RUN, fresh)
    assert (taken.returncode, taken.stdout) == (1, "")
    assert taken.stderr.startswith(f"Error: Port {fresh['PORT']} cannot be used")
    taken = run(RUN, fresh | {"PORT": str(free_port())})
    assert (taken.returncode, taken.stdout) == (1, "")
    assert f"Try KEYADMIN_VERIFY_PORT={int(fresh['KEYADMIN_VERIFY_PORT']) + 2} make run." in taken.stderr
    assert run([*MANAGE, "showmigrations", "keyadmin"], fresh).returncode == 0

    assert first_run.stop(signal.SIGINT) == 0
    assert first_run.left_processes() == []
    assert "Traceback" not in first_run.output.read_text()
    assert run([*MANAGE, "showmigrations"], fresh).stderr.endswith(f"{NO_DATABASE}\n")

    other = run(RUN, fresh | {"KEYADMIN_PEPPERS": "7:" + "ab" * 32})
    assert (other.returncode, other.stderr.count("\n")) == (2, 1)
    assert "KEYADMIN_PEPPERS lacks peppers that keys in the database need: 1." in other.stderr

    with running(fresh) as again:
        assert again.stop(signal.SIGTERM) == 0
    assert again.left_processes() == []


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("gunicorn", "web server"),
        ("keyadmin.server.verify_server", "server of /verify"),
        ("worker", "worker"),
    ],
)
def test_process_that_ends_by_itself_stops_the_others(served: Running, module: str, name: str) -> None:
    served.child(module).kill()
    assert served.process.wait(timeout=60) == 1
    assert served.left_processes() == []
    assert f"The {name} stopped unexpectedly" in served.output.read_text()


@pytest.mark.parametrize("url", ["postgresql://me:sesame@127.0.0.1:1/none", "mysql://me:sesame@h/d"])
@pytest.mark.parametrize("command", [RUN, [*MANAGE, "migrate"]])
def test_invalid_database_url_gives_one_line(fresh: dict[str, str], command: list[str], url: str) -> None:
    done = run(command, fresh | {"DATABASE_URL": url})
    assert done.returncode in (1, 2)
    assert done.stderr.count("\n") == 1, done.stderr
    assert "DATABASE_URL" in done.stderr
    assert "sesame" not in done.stdout + done.stderr


def test_command_without_a_database_says_how_to_get_one(fresh: dict[str, str]) -> None:
    done = run([*MANAGE, "migrate"], fresh)
    assert (done.returncode, done.stderr) == (1, f"Error: {NO_DATABASE}\n")
    gone = Path(fresh["KEYADMIN_LOCAL"]) / "database-url"
    gone.write_text("postgresql://postgres@/keyadmin?host=%2Fnowhere\n")
    done = run([*MANAGE, "migrate"], fresh)
    assert (done.returncode, done.stderr) == (1, f"Error: {NO_DATABASE}\n")
    assert "Traceback" in run([*MANAGE, "migrate", "--traceback"], fresh).stderr


@pytest.mark.parametrize("command", [RUN, [*MANAGE, "check"], GUNICORN, GATEWAY])
def test_production_does_not_start_and_lists_missing_variables(fresh: dict[str, str], command: list[str]) -> None:
    done = run(command, fresh | {"KEYADMIN_ENV": "production"})
    assert done.returncode == 2
    for name in ("DJANGO_SECRET_KEY", "KEYADMIN_PEPPERS", "DATABASE_URL", "KEYADMIN_ALLOWED_HOSTS"):
        assert name in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path(fresh["KEYADMIN_LOCAL"]).exists()


def test_gunicorn_preloads_and_ignores_headers_about_scheme_and_path(fresh: dict[str, str]) -> None:
    done = run(
        [*GUNICORN, "--print-config"],
        fresh | PRODUCTION | {"DATABASE_URL": "postgresql://h/d", "FORWARDED_ALLOW_IPS": "*"},
    )
    shown = dict(line.split("=", 1) for line in done.stdout.replace(" ", "").splitlines() if "=" in line)
    expected = {"header_map": "drop", "forwarded_allow_ips": "[]", "secure_scheme_headers": "{}"}
    expected["preload_app"] = "True"
    assert {name: shown[name] for name in expected} == expected
