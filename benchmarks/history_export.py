"""Measures the memory that a web worker needs to export a long history, and the speed of the export.

    python -m benchmarks.history_export [--events 1000000]

Fills a database of its own, starts keyadmin under gunicorn, exports everything as CSV and as JSON Lines over the API,
and prints how much the memory of a worker grew at most.
"""

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import psutil
from psycopg import connect

from benchmarks.databases import production
from benchmarks.servers import free_port, gunicorn, running
from keyadmin.env import ROOT
from keyadmin.server.embedded_postgres import EmbeddedPostgres

MIB: Final = 2**20
WARM_UP: Final = 20
"""Requests before the measurement, so that every worker has loaded its modules."""
#: Creates an organisation and a key that reads history, and prints the key.
_MAKE: Final = """
from keyadmin.operations import keys, organisations
from keyadmin.management.base import operator
one = organisations.create(actor=operator(), name="Benchmark", slug="benchmark")
print(keys.issue(actor=operator(), organisation=one.id, name="Reader", scopes=["history:read"]).token.value)
"""
_FILL: Final = """
INSERT INTO event (number, format, at, type, actor_kind, actor_id, actor_label, interface, ip, user_agent, request_id,
    organisation_id, organisation_label, target_kind, target_id, target_label, changes, reason, previous_hash, hash)
SELECT head.number + n, 1, now(), 'key.edited', 'person', gen_random_uuid(), 'Person ' || mod(n, 5000), 'page',
    '10.0.0.0'::inet + n, 'Mozilla/5.0 (X11; Linux x86_64)', md5(n::text),
    organisation.id, organisation.name, 'key', gen_random_uuid()::text, 'Key ' || mod(n, 300000),
    jsonb_build_object('description', jsonb_build_array('what it was', 'Creates a chat for every new deal ' || n)),
    '', sha256(n::text::bytea), sha256((n + 1)::text::bytea)
FROM chain_head AS head, organisation, generate_series(1, %s) AS n WHERE organisation.slug = 'benchmark'
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history_export")
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory(prefix="keyadmin-bench-") as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "postgres", settings={"fsync": "off", "max_wal_size": "8GB"}) as postgres:
            environ = production(postgres.url(), folder)
            key = fill(environ, events)
            port = free_port()
            with running(gunicorn(sys.executable, port, "keyadmin.wsgi"), port, environ) as pid:
                for _ in range(WARM_UP):
                    request(port, key, "/api/history?limit=1").read()
                for form in ("csv", "jsonl"):
                    measure(port, pid, key, form)


def fill(environ: dict[str, str], events: int) -> str:
    """Migrates and writes the events. Returns a key that reads them."""
    _manage(environ, "migrate", "--verbosity", "0")
    key = _manage(environ, "shell", "--verbosity", "0", "-c", _MAKE).strip()
    with connect(environ["DATABASE_URL"]) as connection:
        connection.execute(_FILL, [events])
        connection.execute("UPDATE chain_head SET number = (SELECT max(number) FROM event)")
    return key


def measure(port: int, pid: int, key: str, form: str) -> None:
    before = _memory(pid)
    began, size, lines, grown = time.monotonic(), 0, 0, 0
    response = request(port, key, f"/api/history/export?format={form}")
    while chunk := response.read(MIB):
        size, lines = size + len(chunk), lines + chunk.count(b"\n")
        grown = max(grown, *(now - before.get(worker, now) for worker, now in _memory(pid).items()))
    duration = time.monotonic() - began
    sys.stdout.write(
        f"{form}: {lines:,} lines, {size / MIB:,.0f} MiB in {duration:,.0f} s; a worker grew by {grown / MIB:.1f} MiB\n"
    )


def request(port: int, key: str, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"X-API-Key": key, "X-Forwarded-Proto": "https"})
    response = connection.getresponse()
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {response.read()!r}")
    return response


def _memory(pid: int) -> dict[int, int]:
    """The resident memory of each worker in bytes."""
    return {worker.pid: worker.memory_info().rss for worker in psutil.Process(pid).children()}


def _manage(environ: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    process = subprocess.run(  # noqa: S603 - our own commands
        command, cwd=ROOT, env=os.environ | environ, check=True, stdout=subprocess.PIPE, text=True
    )
    return process.stdout


if __name__ == "__main__":
    main()
