"""Connections of pages: keyadmin's Django backend, Django's own with time limits, and Django's with psycopg's pool.

    python -m benchmarks.decisions.page_connections [--requests 400]

It needs root, for the name server that does not answer, and `psycopg-pool`. For each kind of connection it starts
PostgreSQL on TCP and gunicorn (one worker, eight threads), measures a page, and breaks the database in four ways while
16 clients ask for the page, one calls the API with a key and one asks for /healthz. The record is
docs/decisions/0001-page-connections.md.
"""

import argparse
import http.client
import json
import os
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final

import psutil

from keyadmin.env import ROOT
from keyadmin.server.embedded_postgres import EmbeddedPostgres

KINDS: Final = ("keyadmin", "django", "pool")
#: Where the embedded PostgreSQL listens if it is told to use TCP.
DATABASE_PORT: Final = 5432
CLIENTS: Final = 16
FAULT_SECONDS: Final = 8
#: Seconds after which a client gives up.
CLIENT_TIMEOUT: Final = 15
SESSION: Final = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from keyadmin.models import Person
person = Person.objects.exclude(system_role="").first()
session = import_module(settings.SESSION_ENGINE).SessionStore()
session.update({SESSION_KEY: str(person.pk), BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0]})
session[HASH_SESSION_KEY] = person.get_session_auth_hash()
session.create()
print(session.session_key)
"""


class Site:
    """A PostgreSQL on TCP with the demo data, and gunicorn in front of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.database_port = free_port(), DATABASE_PORT
        listen = {"listen_addresses": "127.0.0.1", "fsync": "off"}
        self.postgres = EmbeddedPostgres(folder / "postgres", settings=listen)
        self.environ = os.environ | {
            "KEYADMIN_ENV": "test",
            "KEYADMIN_LOCAL": str(folder / "local"),
            "KEYADMIN_PEPPERS": f"1:{secrets.token_hex(32)}",
            "DJANGO_SECRET_KEY": secrets.token_urlsafe(64),
            "DJANGO_SETTINGS_MODULE": "benchmarks.decisions.page_connections_settings",
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{self.database_port}/keyadmin",
            "WEB_CONCURRENCY": "1",
            "PORT": str(self.port),
        }

    def prepare(self) -> None:
        self.manage("migrate", "--verbosity", "0")
        self.manage("seed_demo")
        issued = self.manage(
            *["issue_key", "--organisation", "northwind", "--name", "Bench", "--scope", "chats:read", "--json"]
        )
        self.page = {"Cookie": f"sessionid={self.manage('shell', '--verbosity', '0', '-c', SESSION).strip()}"}
        self.call = {"X-API-Key": json.loads(issued)["key"]}

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(  # noqa: S603
            command, cwd=ROOT, env=self.environ, text=True, stdout=subprocess.PIPE, check=True
        ).stdout

    @contextmanager
    def serving(self, kind: str, *, before: tuple[str, ...] = (), **environ: str) -> Iterator[psutil.Process]:
        command = [*before, sys.executable, "-m", "gunicorn", "--log-level", "error", "keyadmin.wsgi"]
        process = subprocess.Popen(  # noqa: S603
            command, cwd=ROOT, env=self.environ | {"PAGE_CONNECTIONS": kind} | environ, stderr=subprocess.DEVNULL
        )
        try:
            deadline = time.monotonic() + 30
            while self.request("/healthz", {})[0] != 200:
                if time.monotonic() > deadline:
                    raise TimeoutError("gunicorn does not start")
                time.sleep(0.1)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(20)

    def request(self, path: str, headers: dict[str, str]) -> tuple[int, float]:
        """Status and seconds; status 0 if there is no answer."""
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CLIENT_TIMEOUT)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            response.read()
        except OSError:
            return 0, time.monotonic() - began
        finally:
            connection.close()
        return response.status, time.monotonic() - began

    def processes_of_postgres(self) -> list[psutil.Process]:
        pid = int((self.postgres.data / "postmaster.pid").read_text().split()[0])
        return [psutil.Process(pid), *psutil.Process(pid).children()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def speed(site: Site, kind: str, requests: int) -> str:
    """Milliseconds of a page and of processor time for it."""
    with site.serving(kind) as server:
        for _ in range(20):
            site.request("/keys/", site.page)
        (worker,) = server.children()
        before, times = sum(worker.cpu_times()[:2]), []
        for _ in range(requests):
            status, seconds = site.request("/keys/", site.page)
            if status != 200:
                raise RuntimeError(f"the page is {status}")
            times.append(seconds * 1000)
        used = (sum(worker.cpu_times()[:2]) - before) * 1000 / requests
    times.sort()
    return f"p50 {statistics.median(times):.1f}, p95 {times[len(times) * 95 // 100]:.1f}, processor {used:.1f}"


def under_load(site: Site, seconds: float) -> str:
    """What clients get for so many seconds."""
    answers: dict[str, list[tuple[int, float]]] = {"pages": [], "calls": [], "healthz": []}
    over = Event()

    def repeat(name: str, path: str, headers: dict[str, str], pause: float) -> None:
        while not over.wait(pause):
            answers[name].append(site.request(path, headers))

    clients = [Thread(target=repeat, args=("pages", "/keys/", site.page, 0.01)) for _ in range(CLIENTS)]
    clients.append(Thread(target=repeat, args=("calls", "/api/whoami", site.call, 0.2)))
    clients.append(Thread(target=repeat, args=("healthz", "/healthz", {}, 0.2)))
    for client in clients:
        client.start()
    time.sleep(seconds)
    over.set()
    for client in clients:
        client.join()
    return "; ".join(f"{name} {summary(results)}" for name, results in answers.items())


def summary(results: list[tuple[int, float]]) -> str:
    statuses = sorted({status for status, _ in results})
    return f"{', '.join(map(str, statuses))} in ≤ {max(seconds for _, seconds in results):.1f} s"


def recovery(site: Site) -> str:
    began = time.monotonic()
    while site.request("/keys/", site.page)[0] != 200:
        if time.monotonic() > began + 60:
            return "no page within 60 s"
        time.sleep(0.1)
    return f"a page after {time.monotonic() - began:.1f} s"


def stopped(site: Site, kind: str) -> str:
    with site.serving(kind):
        site.request("/keys/", site.page)
        site.postgres.stop()
        result = under_load(site, FAULT_SECONDS)
        site.postgres.start()
        return f"{result}; then {recovery(site)}"


def frozen(site: Site, kind: str) -> str:
    with site.serving(kind):
        for _ in range(20):
            site.request("/keys/", site.page)
        processes = site.processes_of_postgres()
        for process in processes:
            process.suspend()
        try:
            result = under_load(site, FAULT_SECONDS)
        finally:
            for process in processes:
                process.resume()
        return f"{result}; then {recovery(site)}"


def first_host_hangs(site: Site, kind: str) -> str:
    """The first host accepts connections and says nothing."""
    with socket.socket() as silent, ExitStack() as stack:
        silent.bind(("127.0.0.1", 0))
        silent.listen(128)
        ports = f"{silent.getsockname()[1]},{site.database_port}"
        url = f"postgresql://postgres@/keyadmin?host=127.0.0.1,127.0.0.1&port={ports}"
        stack.enter_context(site.serving(kind, DATABASE_URL=url))
        return under_load(site, FAULT_SECONDS)


def silent_dns(site: Site, kind: str) -> str:
    """The database's host is a name, and the name server takes questions and answers none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, ExitStack() as stack:
        silent.bind(("127.0.0.1", 53))
        resolver = site.folder / "resolv.conf"
        resolver.write_text("nameserver 127.0.0.1\n")
        mounted = f'mount --bind {resolver} /etc/resolv.conf && exec "$@"'
        url = f"postgresql://postgres@database.example:{site.database_port}/keyadmin"
        before = ("unshare", "--mount", "sh", "-c", mounted, "sh")
        stack.enter_context(site.serving(kind, before=before, DATABASE_URL=url))
        return under_load(site, FAULT_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare connections of pages.")
    parser.add_argument("--requests", type=int, default=400)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="keyadmin-pages-"))
    site = Site(folder)
    try:
        with site.postgres:
            site.prepare()
            for kind in KINDS:
                report(f"\n{kind}\n- speed, ms: {speed(site, kind, options.requests)}")
                for fault in (stopped, frozen, first_host_hangs, silent_dns):
                    report(f"- {fault.__name__.replace('_', ' ')}: {fault(site, kind)}")
    finally:
        shutil.rmtree(folder)


def report(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the result


if __name__ == "__main__":
    main()
