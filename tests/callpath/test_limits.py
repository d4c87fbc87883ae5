"""Limits are exact in every rolling hour, with concurrent processes and killed workers."""

import os
import signal
import time
from collections import Counter

import psutil
import pytest

from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.core.tokens import mint
from keyadmin.operations import keys
from keyadmin.operations.catalogue import tiers
from tests.callpath.invalid_tokens import wrong_secret
from tests.fixtures.committed_rows import CommittedRows, CreatedKey
from tests.live.load import call, processes
from tests.live.servers import WORKERS, Server

OPERATOR = Actor(kind=ActorKind.COMMAND, id=None, label="command line", interface=Interface.COMMAND)


def spent(rows: CommittedRows, created: CreatedKey, count: int, minutes_ago: int = 0) -> None:
    """Sets the meter as if the key had made `calls` calls some minutes ago."""
    statement = """UPDATE meter SET cells[1] = cells[1] + %s, used = used + %s, total = total + %s,
        minute = meter_minute() - %s WHERE key_id = %s"""
    rows.execute(statement, count, count, count, minutes_ago, created.key.id)


def test_last_call_of_the_limit_is_allowed_and_the_next_is_429(server: Server, rows: CommittedRows) -> None:
    created = rows.key(limit=150)
    with server.connect() as connection:
        assert [connection.request("/api/chats", created.headers).status for _ in range(150)] == [200] * 150
        answer = connection.request("/api/chats", created.headers)
    assert answer.status == 429
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["RateLimit-Policy"] == '"hour";q=150;w=3600'
    wait = int(answer.headers["Retry-After"])
    assert 3500 <= wait <= 3660
    assert answer.headers["RateLimit"] == f'"hour";r=0;t={wait}'
    assert rows.meter(created).total == 150


def test_limit_is_exact_for_eight_concurrent_processes(server: Server, rows: CommittedRows) -> None:
    created = rows.key(limit=500)
    with processes(8) as pool:
        jobs = [pool.submit(call, server.port, created.headers, 125) for _ in range(8)]
        statuses = sum((job.result() for job in jobs), Counter())
    assert statuses == {200: 500, 429: 500}
    meter = rows.meter(created)
    assert (meter.total, meter.used, sum(meter.cells)) == (500, 500, 500)


def test_killed_workers_lose_no_count_and_are_replaced(server: Server, rows: CommittedRows) -> None:
    created = rows.key(limit=1_000_000)
    killed = server.workers()
    with processes(4) as pool:
        jobs = [pool.submit(call, server.port, created.headers, 300, reconnect=True) for _ in range(4)]
        deadline = time.monotonic() + 30
        while rows.meter(created).total < 100:
            assert time.monotonic() < deadline
        for worker in killed:
            os.kill(worker, signal.SIGKILL)
            time.sleep(0.2)
        statuses = sum((job.result() for job in jobs), Counter())
    assert statuses.keys() <= {0, 200}
    assert 0 < statuses[0] < 300, "no call was in progress when a worker was killed, or no worker was replaced"
    meter = settled(rows, created)
    assert statuses[200] <= meter <= statuses.total()
    assert server.workers().isdisjoint(killed)
    assert len(server.workers()) == WORKERS
    assert not any(psutil.pid_exists(worker) for worker in killed)


def settled(rows: CommittedRows, created: CreatedKey) -> int:
    """The total of the meter, read when no statement of a killed worker is running."""
    total = -1
    while total != (total := rows.meter(created).total):
        time.sleep(0.3)
    return total


def test_denied_credential_consumes_nothing(server: Server, rows: CommittedRows) -> None:
    created = rows.key(limit=3)
    assert server.request("/api/chats", created.headers).status == 200
    before = rows.meter(created)
    for _ in range(5):
        headers = [("X-API-Key", wrong_secret(created.token).value)]
        assert server.request("/api/chats", headers).status == 401
        assert server.request("/api/chats", [("X-API-Key", mint("kad").value)]).status == 401
        assert server.request("/api/chats", created.headers, "POST").status == 403
    after = rows.meter(created)
    assert (after.total, after.used, after.last_used_at) == (before.total, before.used, before.last_used_at)
    assert server.request("/api/chats", created.headers).headers["RateLimit"] == '"hour";r=1'


@pytest.mark.parametrize(("minutes", "expected"), [(0, 429), (59, 429), (61, 200), (100_000, 200)])
def test_calls_older_than_the_hour_are_free(server: Server, rows: CommittedRows, minutes: int, expected: int) -> None:
    created = rows.key(limit=5)
    spent(rows, created, 5, minutes)
    assert server.request("/api/chats", created.headers).status == expected


def test_rolling_hour_frees_minute_by_minute(server: Server, rows: CommittedRows) -> None:
    """Two calls 59 minutes ago and three now are five calls; one or two minutes later they are three."""
    created = rows.key(limit=5)
    spent(rows, created, 2, 59)
    rows.execute(
        "UPDATE meter SET cells = array_fill(0, ARRAY[59]) || cells[1:2], minute = minute + 59 WHERE key_id = %s",
        created.key.id,
    )
    spent(rows, created, 3)
    refused = server.request("/api/chats", created.headers)
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) <= 120
    rows.execute("UPDATE meter SET minute = minute - 2 WHERE key_id = %s", created.key.id)
    answer = server.request("/api/chats", created.headers)
    assert (answer.status, answer.headers["RateLimit"]) == (200, '"hour";r=1')


def test_new_tier_applies_at_once_and_keeps_the_count(server: Server, rows: CommittedRows) -> None:
    created = rows.key(limit=20)
    tier = created.key.tier
    with server.connections_by_worker(created.headers) as connections:
        used = rows.meter(created).total
        tiers.edit(actor=OPERATOR, tier=tier.id, hourly_limit=used)
        answers = [connection.request("/api/chats", created.headers) for connection in connections.values()]
        assert [answer.status for answer in answers] == [429] * WORKERS
        tiers.edit(actor=OPERATOR, tier=tier.id, hourly_limit=used + 10)
        answers = [connection.request("/api/chats", created.headers) for connection in connections.values()]
        assert [answer.headers["RateLimit"] for answer in answers] == [f'"hour";r={n}' for n in (9, 8, 7)]
        keys.edit(actor=OPERATOR, key=created.key.id, revision=None, tier=rows.tier(used + 5).id)
        answers = [connection.request("/api/chats", created.headers) for connection in connections.values()]
        assert [answer.status for answer in answers] == [200, 200, 429]
