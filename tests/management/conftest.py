"""Commands in tests: as processes, with databases of their own, or in this process."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from django.core.management import call_command
from psycopg import sql

from keyadmin.server.embedded_postgres import OWNER
from tests.owner import url_as

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
Completed = subprocess.CompletedProcess[str]


class Shell:
    """Runs `manage.py` on one database."""

    def __init__(self, database: str) -> None:
        self.url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{database}").geturl()

    def __call__(self, *arguments: str, stdout: Any = subprocess.PIPE, stdin: str = "", **environ: str) -> Completed:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": self.url, **environ},
            input=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )

    def rows(self, query: LiteralString | sql.Composed, *parameters: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, parameters).fetchall()


@contextmanager
def database(name: str, template: str = "template1") -> Iterator[str]:
    """A database from a template, dropped afterwards."""
    with psycopg.connect(url_as(OWNER, os.environ["DATABASE_URL"]), autocommit=True) as connection:
        name = f"commands_{name}_{uuid4().hex}"
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        try:
            yield name
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def migrated() -> Iterator[str]:
    """A migrated database that no test changes: the template of the others."""
    with database("migrated") as name:
        done = Shell(name)("migrate", "--verbosity", "0", "--skip-checks")
        assert done.returncode == 0, done.stderr
        yield name


@pytest.fixture(scope="session")
def shell(migrated: str) -> Iterator[Shell]:
    """Runs commands on a database with the demo data, for tests that do not count rows."""
    with database("demo", migrated) as name:
        shell = Shell(name)
        done = shell("seed_demo", KEYADMIN_DEMO_PASSWORD=PASSWORD)
        assert done.returncode == 0, done.stderr
        yield shell


@pytest.fixture
def empty_shell(migrated: str) -> Iterator[Shell]:
    """Runs commands on a database that holds only the catalogue."""
    with database("empty", migrated) as name:
        yield Shell(name)


@pytest.fixture
def command(db: None) -> Callable[..., str]:
    """Runs a command in this process and returns its standard output."""

    def run(name: str, *arguments: str) -> str:
        out = StringIO()
        call_command(name, *arguments, stdout=out, stderr=StringIO())
        return out.getvalue()

    return run
