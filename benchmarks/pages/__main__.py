"""`make bench-pages`: fills an installation, requests every page as three people, verifies history, writes PAGES.md.

python -m benchmarks.pages [--keys 1000000] [--events 10000000] [--organisations 1000] [--requests 40]
    [--only PARTS] [--no-walk] [--folder FOLDER] [--out benchmarks/PAGES.md]

Filling takes a quarter of an hour and 20 GB of disk. A FOLDER is kept: the next run finds it filled.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final

import psutil

from benchmarks.pages import report
from benchmarks.pages.world import World
from benchmarks.servers import free_port, running
from keyadmin.db import urls
from keyadmin.env import ROOT
from keyadmin.server import embedded_postgres
from keyadmin.server.embedded_postgres import EmbeddedPostgres

#: Settings of PostgreSQL that differ from its defaults.
SETTINGS: Final = {"shared_buffers": "1GB", "max_wal_size": "8GB"}


def main() -> None:
    options = read_options()
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keyadmin-pages-")))
        folder.mkdir(parents=True, exist_ok=True)
        postgres = stack.enter_context(EmbeddedPostgres(folder / "postgres", settings=SETTINGS))
        environ = environment(postgres, folder)
        run(environ, "manage.py", "migrate", "--verbosity", "0")
        world = filled(postgres, environ, folder, options)
        figures = measured(stack, postgres, environ, world, folder / "figures.json", options)
        walk = None if options.no_walk else walked(environ)
    report.write(options, world, figures, walk)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--organisations", type=int, default=1_000)
    parser.add_argument("--requests", type=int, default=40, help="for each page and reader")
    parser.add_argument("--only", default="", metavar="PARTS", help="of the pages, as History,Review,Usage")
    parser.add_argument("--no-walk", action="store_true", help="leave verify_history out")
    parser.add_argument("--folder", type=Path, help="kept, and filled only if it is not")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "PAGES.md")
    return parser.parse_args()


def environment(postgres: EmbeddedPostgres, folder: Path) -> dict[str, str]:
    """As in `make run`: the web server connects with the role of the application."""
    local = {
        "KEYADMIN_ENV": "development",
        "KEYADMIN_LOCAL": str(folder / "local"),
        "KEYADMIN_PEPPERS": f"1:{secrets.token_hex(32)}",
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(64),
        "DJANGO_SETTINGS_MODULE": "keyadmin.settings",
    }
    return local | {name: postgres.url(role) for name, role in embedded_postgres.ROLES.items()}


def filled(postgres: EmbeddedPostgres, environ: dict[str, str], folder: Path, options: argparse.Namespace) -> World:
    """The world in the database, written if it does not exist yet. Its last day is the day on which it was written."""
    note = folder / "world.json"
    if note.exists():
        known = json.loads(note.read_text())
        return World(**known | {"now": datetime.fromisoformat(known["now"])})
    now = datetime.now(UTC).replace(microsecond=0)
    world = World(options.keys, options.events, options.organisations, now)
    owner = environ | {urls.APPLICATION: postgres.url(embedded_postgres.OWNER)}
    run(owner, "-m", "benchmarks.pages.fill", *sizes(world))
    run(environ, "manage.py", "build_review")
    run(environ, "manage.py", "roll_up_usage")
    note.write_text(json.dumps(vars(world) | {"now": now.isoformat()}))
    return world


def sizes(world: World) -> list[str]:
    return [str(world.keys), str(world.events), str(world.organisations), world.now.isoformat()]


def walked(environ: dict[str, str]) -> report.Walk:
    """The duration and memory of `verify_history`."""
    began, most = monotonic(), 0
    with subprocess.Popen(
        [sys.executable, "manage.py", "verify_history"], cwd=ROOT, env=os.environ | environ
    ) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            most = max(most, resident(watched))
            try:
                process.wait(0.5)
            except subprocess.TimeoutExpired:
                continue
    if process.returncode:
        raise RuntimeError("history is not whole")
    return report.Walk(monotonic() - began, most / 2**20)


def resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def measured(
    stack: ExitStack,
    postgres: EmbeddedPostgres,
    environ: dict[str, str],
    world: World,
    file: Path,
    options: argparse.Namespace,
) -> list[dict[str, Any]]:
    port = free_port()
    command = ["-m", "gunicorn", "--config", "gunicorn.conf.py", "--log-level", "warning"]
    server = [sys.executable, *command, "--bind", f"127.0.0.1:{port}", "keyadmin.wsgi"]
    web = stack.enter_context(running(server, port, environ))
    database = (postgres.data / "postmaster.pid").read_text().split()[0]
    run(
        environ,
        "-m",
        "benchmarks.pages.measure",
        str(port),
        f"{web},{database}",
        str(options.requests),
        str(file),
        options.only,
        *sizes(world),
    )
    figures: list[dict[str, Any]] = json.loads(file.read_text())
    return figures


def run(environ: dict[str, str], *arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=os.environ | environ, check=True)  # noqa: S603 - ours


if __name__ == "__main__":
    main()
