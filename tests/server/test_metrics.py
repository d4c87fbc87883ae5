"""`/metrics`: the totals of all processes of all servers, and who may read them."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keyadmin import env
from keyadmin.callpath.metrics import CallPathMetrics
from keyadmin.env import ROOT
from keyadmin.server import metrics
from tests.fixtures.committed_rows import CommittedRows
from tests.live.client import Response
from tests.live.servers import Server, free_port, gunicorn, run_server

TOKEN = "only-for-monitoring"
AUTHORIZATION = [("Authorization", f"Bearer {TOKEN}")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    return Path(tmp_path_factory.mktemp("metrics"))


@pytest.fixture(scope="module")
def watched(database_url: str, folder: Path) -> Iterator[Server]:
    environ = {"KEYADMIN_METRICS_DIR": str(folder / "m"), "KEYADMIN_METRICS_TOKEN": TOKEN}
    with gunicorn(folder, database_url, **environ) as server:
        yield server


def metrics_of(server: Server) -> dict[str, float]:
    answer = server.request("/metrics", AUTHORIZATION)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.headers["Content-Type"].startswith("text/plain")
    return dict(parsed(answer))


def parsed(answer: Response) -> Iterator[tuple[str, float]]:
    for line in answer.body.decode().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            yield name, float(value)


def settled(server: Server) -> dict[str, float]:
    """The metrics after every process has published."""
    time.sleep(2 * metrics.PUBLISH_INTERVAL_SECONDS)
    return metrics_of(server)


def test_metrics_sum_all_workers(watched: Server, rows: CommittedRows) -> None:
    created, before = rows.key(limit=100), settled(watched)
    with watched.connections_by_worker(created.headers) as connections:
        for connection in connections.values():
            for _ in range(5):
                assert connection.request("/api/chats", created.headers).status == 200
            assert connection.request("/api/chats", created.headers, "POST").status == 403
            assert connection.request("/api/chats").status == 401
    after = settled(watched)
    gained = {name: after[name] - before.get(name, 0) for name in after}
    total = rows.meter(created).total
    assert gained['keyadmin_decisions_total{reason="ok"}'] == total
    assert gained['keyadmin_decisions_total{reason="scope"}'] == 3
    assert gained['keyadmin_decisions_total{reason="no_credential"}'] == 3
    assert gained["keyadmin_consume_seconds_count"] >= total
    assert gained['keyadmin_consume_seconds_bucket{le="+Inf"}'] == gained["keyadmin_consume_seconds_count"]
    assert gained["keyadmin_consume_seconds_sum"] > 0
    assert gained["keyadmin_statements_total"] > total
    assert 3 <= after["keyadmin_connections"] <= 12
    assert after["keyadmin_connections_opened_total"] >= after["keyadmin_connections"]
    assert after["keyadmin_circuit_breakers_open"] == 0
    assert after["keyadmin_usage_dropped_total"] == 0


def test_killed_worker_keeps_its_counts_and_loses_its_connections(watched: Server, rows: CommittedRows) -> None:
    created = rows.key()
    with watched.connections_by_worker(created.headers):
        pass
    before = settled(watched)
    killed = watched.workers()
    for worker in killed:
        os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while watched.workers() & killed or len(watched.workers()) < len(killed):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    after = settled(watched)
    name = 'keyadmin_decisions_total{reason="ok"}'
    assert after[name] == before[name]
    assert after["keyadmin_connections"] == 0 < before["keyadmin_connections"]


PROXIED = [
    [],
    [("X-Forwarded-For", "127.0.0.1")],
    [("Via", "1.1 proxy")],
    [("X-Keyadmin-Any", "x")],
]


@pytest.mark.parametrize("headers", PROXIED)
def test_metrics_need_the_token_from_every_client(watched: Server, headers: list[tuple[str, str]]) -> None:
    """A reverse proxy on the same machine need not send any header, and connects from a loopback address."""
    assert watched.request("/metrics", headers).status == 404
    for wrong in ("", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"):
        assert watched.request("/metrics", [*headers, ("Authorization", wrong)]).status == 404
    assert watched.request("/metrics", [*headers, *AUTHORIZATION]).status == 200
    assert watched.request("/metrics", AUTHORIZATION, method="POST").status == 404
    assert watched.request("/metrics/", AUTHORIZATION).status != 200
    assert watched.request("/metrics", [*AUTHORIZATION, *AUTHORIZATION]).status == 404


def test_metrics_are_closed_without_a_configured_token(settings: Any) -> None:
    settings.KEYADMIN_METRICS_TOKEN = ""
    for sent in ([], [""], ["Bearer"], ["Bearer "], ["Bearer  "]):
        assert metrics.answer("GET", sent).status == 404


@pytest.mark.parametrize("token", ["short", "has a blank in the middle", "not-ascii-äöü-äöü-äöü"])
def test_weak_metrics_token_is_refused(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("KEYADMIN_METRICS_TOKEN", token)
    with pytest.raises(env.InvalidVariableError, match="KEYADMIN_METRICS_TOKEN"):
        env.metrics_token()


def test_verify_server_and_web_server_publish_together(
    watched: Server, rows: CommittedRows, database_url: str, folder: Path, tmp_path: Path
) -> None:
    """Each server answers for both. The counts of an ended server are removed when another server starts."""
    port, created = free_port(), rows.key()
    environ = {"DATABASE_URL": database_url, "KEYADMIN_METRICS_DIR": str(folder / "m")}
    environ |= {"KEYADMIN_TRUSTED_PROXIES": "127.0.0.1", "KEYADMIN_METRICS_TOKEN": TOKEN}
    command = [sys.executable, "-m", "keyadmin.server.verify_server", "--port", str(port)]
    with run_server(command, port, tmp_path / "log", environ) as gateway:
        before = settled(watched)
        original = [("X-Original-Method", "GET"), ("X-Original-URI", "/api/chats")]
        original.append(("X-Forwarded-For", "203.0.113.9"))
        answer = gateway.request("/verify", [*created.headers, *original])
        assert answer.status in (200, 204), answer.body
        time.sleep(2 * metrics.PUBLISH_INTERVAL_SECONDS)
        name = 'keyadmin_decisions_total{reason="ok"}'
        for server in (watched, gateway):
            assert metrics_of(server)[name] == before.get(name, 0) + 1
        for headers in PROXIED:
            assert gateway.request("/metrics", headers).status == 404


def test_folders_of_ended_servers_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYADMIN_METRICS_DIR", str(tmp_path))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    gone = subprocess.Popen([sys.executable, "-c", ""], cwd=ROOT)
    gone.wait()
    for number in (gone.pid, os.getppid()):
        (tmp_path / f"web-{number}").mkdir()
    metrics.prepare("verify")
    assert {folder.name for folder in tmp_path.iterdir()} == {f"web-{os.getppid()}", f"verify-{os.getpid()}"}
    monkeypatch.setenv("KEYADMIN_METRICS_DIR", "/dev/null/nowhere")
    with pytest.raises(env.InvalidVariableError, match="KEYADMIN_METRICS_DIR"):
        metrics.prepare("web")


def test_duration_falls_into_the_bucket_that_contains_it() -> None:
    metrics = CallPathMetrics()
    for seconds in (0.0001, 0.00011, 5.0):
        metrics.observe_consume(seconds)
    counts = metrics.read().consumes_by_bucket
    assert (counts[0], counts[1], counts[-1], sum(counts)) == (1, 1, 1, 3)


def test_metrics_name_no_key(watched: Server, rows: CommittedRows) -> None:
    created = rows.key()
    assert watched.request("/api/chats", created.headers).status == 200
    body = watched.request("/metrics", AUTHORIZATION).body.decode()
    assert created.token.key_id
    for told in (created.token.secret, created.token.key_id, str(created.key.id), created.key.organisation.slug):
        assert told not in body
    assert set(re.findall(r"([a-z]+)=", body)) <= {"reason", "le", "version", "task", "thread"}
