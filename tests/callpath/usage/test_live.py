"""The counts of several workers are written completely and only once. Calls with an unknown key write nothing."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
import pytest
from django.utils import timezone

from keyadmin.core.cidr import parse
from keyadmin.core.tokens import mint
from keyadmin.env import ROOT
from keyadmin.models import AddressDay, Bot, CallOutcome, Key, LastDenial, ScopeDay, SecretUse, UsageHour
from keyadmin.operations import keys
from keyadmin.server.embedded_postgres import EmbeddedPostgres
from keyadmin.web.allow_lists import lockout
from tests.callpath.usage.recorded import (
    addresses,
    hours,
    manage,
    refused,
    scopes,
    soon,
    uses,
)
from tests.factories import OPERATOR
from tests.fixtures.committed_rows import CommittedRows
from tests.fixtures.postgres import SETTINGS
from tests.live.load import call, processes
from tests.live.servers import Server, gunicorn

MAKE_KEY: Final = (
    "from tests.factories import KeyFactory, TierFactory; "
    "print(KeyFactory.create(tier=TierFactory.create(hourly_limit=10**6)).token)"
)


def from_address(address: str) -> tuple[str, str]:
    return ("X-Forwarded-For", address)


def retire(rows: CommittedRows, one: Any) -> None:
    """Makes the secret a replaced one in its grace period."""
    rows.execute("UPDATE secret SET not_after = now() + interval '1 hour' WHERE key_id = %s", one.key.id)


def test_denials_are_counted_by_reason(proxied: Server, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    channel = rows.channel(organisation, "telegram")
    person = rows.person(organisation)
    limited, listed = rows.key(limit=1), rows.key(networks=["192.0.2.0/24"])
    revoked, expired = rows.key(revoked=True), rows.key(expired=True)
    paused = rows.key(rows.organisation(disabled=True))
    plain, bound = rows.key(), rows.key(organisation, channels=[channel], scopes=["messages:send"])
    master = rows.key(organisation, master=True, scopes=["chats:read", "users:impersonate"])
    here = from_address("203.0.113.9")
    for created, path, more, status in [
        (limited, "/api/chats", (), 200),
        (limited, "/api/chats", (), 429),
        (limited, "/api/chats", (), 429),
        (listed, "/api/chats", (), 403),
        (revoked, "/api/chats", (), 401),
        (expired, "/api/chats", (), 401),
        (paused, "/api/chats", (), 401),
        (plain, "/api/export/all", (), 403),
        (plain, "/api/nowhere", (), 403),
        (plain, "/api/chats", (("On-Behalf-Of", str(person.id)),), 403),
        (master, "/api/chats", (("On-Behalf-Of", "unknown@example.com"),), 403),
    ]:
        assert proxied.request(path, [*created.headers, here, *more]).status == status, path
    assert proxied.request("/api/channels/sms/messages", [*bound.headers, here], method="POST").status == 403
    for created, reasons in [
        (limited, {"limited": 2}),
        (listed, {"address": 1}),
        (revoked, {"revoked": 1}),
        (expired, {"expired": 1}),
        (paused, {"paused": 1}),
        (plain, {"scope": 1, "unmapped": 1, "impersonation": 1}),
        (bound, {"channel": 1}),
        (master, {"on_behalf_of": 1}),
    ]:
        soon(partial(hours, created), reasons)
        assert refused(created) == dict.fromkeys(reasons, "203.0.113.9")
        row = UsageHour.objects.filter(key_id=created.key.id).exclude(outcome=CallOutcome.OK)[0]
        assert row.hour.minute == row.hour.second == row.hour.microsecond == 0
        assert timezone.now() - row.hour < timedelta(hours=1, minutes=1)
        at = LastDenial.objects.filter(key_id=created.key.id).latest("at").at
        assert timedelta(0) <= timezone.now() - at < timedelta(minutes=1)
    soon(lambda: scopes(limited), {"chats:read": 1})


def test_last_address_of_a_denial_is_recorded(proxied: Server, rows: CommittedRows) -> None:
    created = rows.key(networks=["192.0.2.0/24"])
    for last in range(1, 9):
        proxied.request(headers=[*created.headers, from_address(f"203.0.113.{last}")])
    soon(lambda: hours(created), {"address": 8})
    assert refused(created) == {"address": "203.0.113.8"}


def test_last_allowed_and_denied_requests_are_recorded(proxied: Server, rows: CommittedRows) -> None:
    created = rows.key()
    here, there = from_address("203.0.113.9"), from_address("203.0.113.10")

    def told() -> dict[str, str | None]:
        key = Key.objects.filter(id=created.key.id).with_usage().with_last_call().get()
        last = LastDenial.objects.filter(key_id=key.id).order_by("-at").first()
        return {"allowed": key.last_call, "refused": last.call if last else None}

    assert told() == {"allowed": None, "refused": None}
    for method, path, where in [
        ("GET", "/api/chats", here),
        ("GET", "/api/chats/4711?api_key=1", there),
        ("POST", f"/api/export/{created.token.value}", here),
    ]:
        proxied.request(path, [*created.headers, where], method=method)
    soon(told, {"allowed": "GET /api/chats/4711", "refused": "POST /api/export/[redacted]"})
    proxied.request("/api/users/%22%C3%A9%22/chats", [*created.headers, here])
    soon(lambda: told()["allowed"], "GET /api/users/%22%C3%A9%22/chats")


def test_allowed_calls_are_counted_by_scope_address_and_secret(proxied: Server, rows: CommittedRows) -> None:
    created = rows.key(scopes=["chats:read", "chats:write"])
    for address, method in [("203.0.113.9", "GET"), ("203.0.113.9", "POST"), ("2001:db8::7", "GET")]:
        assert proxied.request(headers=[*created.headers, from_address(address)], method=method).status == 200
    soon(lambda: scopes(created), {"chats:read": 2, "chats:write": 1})
    assert addresses(created) == {"203.0.113.9": 2, "2001:db8::7": 1}
    assert uses(created) == 0  # the present secret's last use is the key's
    assert hours(created) == {}
    assert refused(created) == {}


def test_use_of_a_replaced_secret_is_recorded(proxied: Server, rows: CommittedRows) -> None:
    created = rows.key()
    retire(rows, created)
    assert proxied.request(headers=created.headers).status == 200
    soon(lambda: uses(created), 1)


def test_addresses_that_a_list_would_block_are_known(proxied: Server, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    bot = rows.bot(organisation)
    created = [rows.key(organisation, bot=bot), rows.key(organisation, bot=bot), rows.key()]
    for one, address, calls in [
        (created[0], "203.0.113.9", 3),
        (created[1], "203.0.113.9", 2),
        (created[1], "203.0.113.10", 4),
        (created[2], "8.8.8.8", 9),
        (created[0], "192.0.2.1", 1),
    ]:
        for _ in range(calls):
            assert proxied.request(headers=[*one.headers, from_address(address)]).status == 200
    soon(lambda: sum(sum(addresses(one).values()) for one in created), 19)
    blocked_addresses: list[tuple[Bot | Key, str, dict[str, int]]] = [
        (bot, "192.0.2.0/24", {"203.0.113.9": 5, "203.0.113.10": 4}),
        (created[1].key, "192.0.2.0/24", {"203.0.113.10": 4, "203.0.113.9": 2}),
        (created[2].key, "192.0.2.0/24", {"8.8.8.8": 9}),
        (bot, "203.0.113.0/24", {"192.0.2.1": 1}),
    ]
    for owner, kept, blocked in blocked_addresses:
        found = lockout.find_blocked_addresses(OPERATOR, owner, [], [parse(kept)])
        assert found == lockout.BlockedAddresses(blocked, is_today=True)
        assert found is not None
        assert list(found.requests) == list(blocked), "the busiest first"
    assert lockout.find_blocked_addresses(OPERATOR, created[1].key, [], [parse("203.0.113.0/24")]) is None


def test_calls_without_an_identified_key_write_nothing(server: Server, rows: CommittedRows) -> None:
    def counts() -> list[int]:
        return [model.objects.count() for model in (LastDenial, ScopeDay, AddressDay, SecretUse)]

    created = rows.key()
    soon(lambda: (server.request(headers=created.headers).status, len(scopes(created))), (200, 1))
    before = counts(), UsageHour.objects.exclude(outcome=CallOutcome.OK).count()
    for _ in range(20):
        assert server.request(headers=[("X-API-Key", mint("kad").value)]).status == 401
        assert server.request(headers=[("X-API-Key", created.token.value[:-1] + "!")]).status == 401
        assert server.request().status == 401
    marked = rows.key(revoked=True)
    server.request(headers=marked.headers)
    soon(lambda: hours(marked), {"revoked": 1})
    time.sleep(1.5)  # the other workers have written as well
    after = [before[0][0] + 1, *before[0][1:]], before[1] + 1
    assert (counts(), UsageHour.objects.exclude(outcome=CallOutcome.OK).count()) == after


def test_concurrent_workers_lose_no_count(server: Server, rows: CommittedRows) -> None:
    """Every worker writes a part of the same rows over several seconds."""
    allowed, full = rows.key(limit=1_000_000), rows.key(limit=1)
    assert server.request(headers=full.headers).status == 200
    with processes(4) as pool:
        jobs = [pool.submit(call, server.port, created.headers, 250) for created in (allowed, full) for _ in range(4)]
        statuses: Counter[int] = sum((job.result() for job in jobs), Counter())
    assert statuses == {200: 1000, 429: 1000}
    soon(lambda: (scopes(allowed), hours(full)), ({"chats:read": 1000}, {"limited": 1000}))
    assert addresses(allowed) == {"127.0.0.1": 1000}
    assert "not written" not in server.log.read_text()


def test_worker_writes_its_counts_before_it_ends(database_url: str, rows: CommittedRows, tmp_path: Path) -> None:
    created = rows.key(scopes=["chats:read"], limit=1_000_000)
    with gunicorn(tmp_path, database_url) as running:
        for path in ["/api/chats", "/api/export/all"] * 20:
            running.request(path, created.headers)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(20)
    assert (scopes(created), hours(created)) == ({"chats:read": 20}, {"scope": 20})
    assert "not written" not in running.log.read_text()


def test_killed_worker_loses_only_unwritten_counts(server: Server, rows: CommittedRows) -> None:
    created = rows.key(revoked=True)
    for _ in range(10):
        server.request(headers=created.headers)
    soon(lambda: hours(created), {"revoked": 10})
    for pid in server.workers():
        psutil.Process(pid).kill()
    soon(lambda: len(server.workers()), 3)
    soon(lambda: server.request(headers=created.headers).status, 401)
    soon(lambda: hours(created)["revoked"] >= 11, True)


@pytest.fixture
def own_postgres() -> Iterator[EmbeddedPostgres]:
    with (
        tempfile.TemporaryDirectory(prefix="keyadmin-outcomes-") as name,
        EmbeddedPostgres(Path(name) / "postgres", settings=SETTINGS) as running,
    ):
        manage(running, "migrate", "--verbosity", "0", "--skip-checks")
        yield running


def test_counts_wait_while_postgresql_is_unavailable(own_postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    key = manage(own_postgres, "shell", "--verbosity", "0", "-c", MAKE_KEY).strip()
    reasons = "SELECT coalesce(sum(count), 0) FROM usage_hour WHERE outcome = 'scope'"

    def one(statement: str) -> Any:
        with psycopg.connect(own_postgres.url()) as connection:
            return connection.execute(statement).fetchall()[0][0]

    with gunicorn(tmp_path, own_postgres.url()) as running:
        for round_ in range(1, 3):
            for _ in range(30):
                assert running.request("/api/export/all", [("X-API-Key", key)]).status == 403
            own_postgres.stop()
            time.sleep(2.5)  # several attempts to write fail
            own_postgres.start()
            soon(lambda: running.request("/api/chats", [("X-API-Key", key)]).status, 200)
            soon(lambda: one(reasons), 30 * round_)
            soon(lambda: one("SELECT sum(count) FROM scope_day"), round_)  # another worker's, perhaps


def test_deleted_key_keeps_only_its_hours(server: Server, rows: CommittedRows) -> None:
    created = rows.key()
    retire(rows, created)
    for path in ("/api/chats", "/api/export/all"):
        server.request(path, created.headers)
    soon(lambda: (len(scopes(created)), len(addresses(created)), len(refused(created)), uses(created)), (1, 1, 1, 1))
    secret = created.key.secrets.get().id
    for path in ("/api/chats", "/api/export/all"):
        server.request(path, created.headers)
    keys.delete(actor=OPERATOR, key=created.key.id)
    soon(lambda: hours(created), {"scope": 2})
    time.sleep(1.5)
    assert (scopes(created), addresses(created), refused(created)) == ({}, {}, {})
    assert not SecretUse.objects.filter(secret_id=secret).exists()
    rows.execute("DELETE FROM usage_hour WHERE key_id = %s", created.key.id)


FORKED = """
import os, django
django.setup()
from uuid import UUID
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.callpath.state import state
denial = Denial(DenialReason.REVOKED, UUID("{key}"))
state.usage.record(denial, None, 1)
child = os.fork()
state.usage.record(denial, None, 1)
print(state.usage.decisions["revoked"], flush=True)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""


def test_forked_process_writes_its_own_counts_once(database_url: str, rows: CommittedRows) -> None:
    created = rows.key(revoked=True)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED.format(key=created.key.id)],
        cwd=ROOT,
        text=True,
        check=True,
        env=os.environ | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "keyadmin.settings"},
        stdout=subprocess.PIPE,
        timeout=30,
    )
    assert sorted(done.stdout.split()) == ["1", "2"]
    assert hours(created) == {"revoked": 3}
