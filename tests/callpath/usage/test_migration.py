"""The ledger from before refusals had reasons, and back."""

import tempfile
from pathlib import Path
from typing import Any

import psycopg

from keyadmin.server.embedded_postgres import EmbeddedPostgres
from tests.callpath.usage.conftest import manage
from tests.postgres import SETTINGS

HOUR = "2026-11-22T10:00:00Z"
KEY = "00000000-0000-0000-0000-000000000001"


def ledger(connection: psycopg.Connection[Any]) -> dict[str, int]:
    return dict(connection.execute("SELECT outcome, count FROM usage_hour").fetchall())


def add(connection: psycopg.Connection[Any], **calls: int) -> None:
    for outcome, count in calls.items():
        connection.execute("INSERT INTO usage_hour VALUES (%s, %s, %s, %s)", [KEY, HOUR, outcome, count])


def test_what_was_counted_stays() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="keyadmin-migration-") as name,
        EmbeddedPostgres(Path(name) / "postgres", settings=SETTINGS) as postgres,
        psycopg.connect(postgres.url(), autocommit=True) as connection,
    ):
        manage(postgres, "migrate", "--verbosity", "0", "keyadmin", "0010")
        connection.execute("SELECT meter_to_ledger(%s, 29500000, 7)", [KEY])
        connection.execute("UPDATE usage_hour SET hour = %s", [HOUR])
        add(connection, permission=1, address=2, limited=3, expired=4)
        manage(postgres, "migrate", "--verbosity", "0", "keyadmin")
        assert ledger(connection) == {"ok": 7, "scope": 1, "address": 2, "limited": 3, "expired": 4}
        add(connection, channel=10, impersonation=20, revoked=30, paused=40)
        manage(postgres, "migrate", "--verbosity", "0", "keyadmin", "0010")
        assert ledger(connection) == {"ok": 7, "permission": 31, "address": 2, "limited": 3, "expired": 74}
        connection.execute("SELECT meter_to_ledger(%s, 29500000, 5)", [KEY])
        total = "SELECT sum(count) FROM usage_hour WHERE outcome = 'ok'"
        assert connection.execute(total).fetchall() == [(12,)]
