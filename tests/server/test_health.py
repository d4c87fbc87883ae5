"""`/healthz` and `/readyz` of both servers."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from keyadmin import __version__
from keyadmin.server.embedded_postgres import OWNER
from keyadmin.server.health import CACHE_SECONDS
from keyadmin.server.run import services
from tests.fixtures.committed_rows import CommittedRows
from tests.integrations.gateway import servers
from tests.live.client import METRICS_HEADERS
from tests.live.servers import Server, free_port, run_server
from tests.owner import database_environ, url_as

PRODUCTION = {
    "KEYADMIN_ENV": "production",
    "KEYADMIN_ALLOWED_HOSTS": "keys.example.com",
    "KEYADMIN_SMTP_HOST": "mail.example.com",
}


HEALTHY = {"status": "ok", "version": __version__}
NO_WORKER = "No worker is running: background jobs and maintenance wait. Start `keyadmin worker`."


@contextmanager
def both(folder: Path, database_url: str, **environ: str) -> Iterator[list[Server]]:
    """gunicorn and granian with the settings of production: https and host names are required elsewhere."""
    port = free_port()
    environ = PRODUCTION | database_environ(database_url) | environ
    with ExitStack() as stack:
        web = stack.enter_context(run_server(services(port)[0].command, port, folder / "web.log", environ))
        verify = stack.enter_context(servers.verify(folder, database_url, **environ))
        yield [web, verify.server]


@pytest.fixture(scope="module")
def running(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with both(tmp_path_factory.mktemp("health"), database_url) as servers:
        yield servers


def test_health_needs_no_session_host_or_https(running: list[Server]) -> None:
    assert running[0].request("/keys/").status in (301, 400)
    for server in running:
        for path, document in (("/healthz", HEALTHY), ("/readyz", {"status": "ok", "worker": NO_WORKER})):
            answer = server.request(path, [("Host", "10.0.0.7:8000")] if server is running[1] else ())
            assert (answer.status, answer.json) == (200, document)
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Set-Cookie"] is None


def test_missing_pepper_fails_readiness(database_url: str, rows: CommittedRows, tmp_path: Path) -> None:
    rows.key(pepper=1)
    with both(tmp_path, database_url, KEYADMIN_PEPPERS=f"2:{'22' * 32}") as running:
        for server in running:
            answer = server.request("/readyz")
            expected = {"status": "unavailable", "peppers": "Missing: 1.", "worker": NO_WORKER}
            assert (answer.status, answer.json) == (503, expected)
            assert server.request("/healthz").status == 200


def test_worker_that_stopped_reporting_is_named_and_calls_are_still_decided(
    running: list[Server], database_url: str, rows: CommittedRows
) -> None:
    with psycopg.connect(url_as(OWNER, database_url), autocommit=True) as connection:
        connection.execute("INSERT INTO worker_process VALUES ('host:1', now(), now() - interval '2 minutes')")
        try:
            time.sleep(CACHE_SECONDS + 0.1)
            assert [server.request("/readyz").json for server in running] == [{"status": "ok"}] * 2
            connection.execute("UPDATE worker_process SET seen_at = now() - interval '11.5 minutes'")
            time.sleep(CACHE_SECONDS + 0.1)
            for server in running:
                answer = server.request("/readyz")
                assert answer.status == 200
                assert "No worker has reported for 11 minutes" in answer.json["worker"]
                metrics = server.request("/metrics", METRICS_HEADERS).body.decode()
                assert f'keyadmin_build_info{{version="{__version__}"}} 1.0' in metrics
                assert "keyadmin_worker_seen_seconds 69" in metrics
                assert "keyadmin_outbox_jobs 0.0" in metrics
        finally:
            connection.execute("DELETE FROM worker_process")
            time.sleep(CACHE_SECONDS + 0.1)


def test_missing_migrations_fail_readiness(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(url_as(OWNER, database_url), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS empty_house")
        connection.execute("CREATE DATABASE empty_house")
        try:
            with both(tmp_path, urlsplit(database_url)._replace(path="/empty_house").geturl()) as running:
                for server in running:
                    answer = server.request("/readyz")
                    assert (answer.status, list(answer.json)) == (503, ["status", "migrations"])
        finally:
            connection.execute("DROP DATABASE empty_house WITH (FORCE)")
