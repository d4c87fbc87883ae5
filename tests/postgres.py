"""pytest plugin: one temporary PostgreSQL for the whole run, and nothing of this machine's own settings.

Loaded with `-p tests.postgres`, before Django reads its settings. The controller starts the server; xdist's workers
inherit its address through the environment. It never touches `.local/` and ignores a DATABASE_URL from outside.
KEYADMIN_TEST_POSTGRES, the folder of a PostgreSQL's programs, runs the tests on that version.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from keyadmin.db import urls
from keyadmin.env import ConfigurationError
from keyadmin.server import embedded_postgres
from keyadmin.server.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresError

PREFIX = "keyadmin-tests-"
SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "300", "shared_buffers": "64MB"}
ENVIRONMENT = {
    "KEYADMIN_ENV": "test",
    "DJANGO_SECRET_KEY": "for-tests-only-" + "0123456789" * 5,
    "KEYADMIN_JWT_KEY": "for-tests-only-" + "0123456789" * 3,
    "KEYADMIN_PEPPERS": f"1:{'11' * 32},2:{'22' * 32}",
}
PROGRAMS_VARIABLE = "KEYADMIN_TEST_POSTGRES"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Runs before pytest-django, which loads the settings in this hook."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        programs = os.environ.get(PROGRAMS_VARIABLE)
        _isolate()
        options = early_config.known_args_namespace
        if not (options.help or options.version):
            _start(early_config, Path(programs) if programs else None)
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_NeverSkip(), "never-skip")
    settings.PASSWORD_HASHERS = ["tests.hashers.CheapArgon2PasswordHasher"]


class _NeverSkip:
    """A run with a skipped test fails: a skipped test proves nothing."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped.append(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for name in self.skipped:
            terminalreporter.write_line(f"SKIPPED, which counts as a failure: {name}", red=True)


def _isolate() -> None:
    """Remove all variables that configure keyadmin, Django and libpq, and set those of the tests."""
    for name in list(os.environ):
        if name.startswith(("KEYADMIN_", "DATABASE_URL", "DJANGO_", "PG")) or name in ("PORT", "WEB_CONCURRENCY"):
            del os.environ[name]
    os.environ.update(ENVIRONMENT)


def _start(config: pytest.Config, programs: Path | None) -> None:
    _remove_abandoned_servers()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    server = EmbeddedPostgres(folder / "postgres", settings=SETTINGS, programs=programs)
    config.add_cleanup(server.stop)  # cleanups run last to first
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        server.start()
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from error
    os.environ[urls.APPLICATION] = server.url(embedded_postgres.APPLICATION)
    for name, role in ((urls.OWNER, embedded_postgres.OWNER), (urls.CALLS, embedded_postgres.CALLS)):
        # Without the name of a database: each test process has its own.
        os.environ[name] = urlsplit(server.url(role))._replace(path="").geturl()
    os.environ["KEYADMIN_LOCAL"] = str(folder / "local")


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    """A terminated run cleans up like an interrupted one."""
    raise KeyboardInterrupt


def _remove_abandoned_servers() -> None:
    """End and remove the servers of runs that were killed. The lock of their folder is free."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime > 60:
                EmbeddedPostgres(folder / "postgres").end_orphans()
                shutil.rmtree(folder)
        except (EmbeddedPostgresError, OSError) as error:
            sys.stderr.write(f"{folder} stays: {error}\n")
