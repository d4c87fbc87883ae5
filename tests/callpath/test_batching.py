"""Batches of consumption: each call is decided as if it were sent alone."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import override_settings

from keyadmin.callpath import batching
from keyadmin.callpath.authorize import authorize
from keyadmin.callpath.circuit_breaker import OPEN_SECONDS
from keyadmin.callpath.connection import ConnectionSlot, DeadlineConnection, RawRow, Statement
from keyadmin.callpath.limits import CONSUME, CONSUME_MANY
from keyadmin.callpath.rules import Call
from keyadmin.callpath.state import state
from keyadmin.core.callers import Caller, Verdict
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.env import ROOT
from tests.fixtures.committed_rows import CommittedRows, CreatedKey
from tests.owner import database_environ, execute_as_owner, owner_url

CHATS = Call("GET", "/api/chats", None)
AWAY = Denial(DenialReason.UNAVAILABLE, retry_after=1)


class Gate:
    """Holds the batcher's first statement back until other calls are in the queue."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[Statement] = []
        self.opens = threading.Event()
        self.before: dict[Statement, Callable[[], object]] = {}
        execute_prepared = state.database.execute_prepared

        def hold_first(
            statement: Statement, values: Sequence[bytes | None], slot: ConnectionSlot | None = None
        ) -> list[RawRow]:
            if slot is not state.limits.batcher.slot:
                return execute_prepared(statement, values, slot)
            self.sent.append(statement)
            if len(self.sent) == 1:
                assert self.opens.wait(10)
            self.before.get(statement, lambda: None)()
            return execute_prepared(statement, values, slot)

        monkeypatch.setattr(state.database, "execute_prepared", hold_first)

    def behind(self, pool: ThreadPoolExecutor, *created: CreatedKey) -> list[Future[Verdict]]:
        """The first key's call is in progress, and the others' calls wait in this order."""
        futures: list[Future[Verdict]] = []
        deadline = time.monotonic() + 10
        for number, one in enumerate(created):
            futures.append(pool.submit(decide, one))
            while not self.sent or len(state.limits.batcher._queue) < number:
                assert time.monotonic() < deadline
                time.sleep(0.001)
        return futures

    def calls(self, *created: CreatedKey) -> list[Verdict]:
        """The first key's call is sent alone, and the others' in one batch when all of them are in the queue."""
        deadline = override_settings(KEYADMIN_CALL_DEADLINE_SECONDS=10.0)
        with deadline, pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(len(created)) as pool:
            patch.setattr(batching, "MAX_QUEUE_WAIT_SECONDS", 10)
            patch.setattr(batching, "MIN_SECONDS_LEFT", 0)
            try:
                futures = self.behind(pool, *created)
            finally:
                self.opens.set()
            return [future.result(20) for future in futures]


def decide(created: CreatedKey) -> Verdict:
    """For a thread, whose own connection it closes."""
    try:
        return authorize(created.token, CHATS)
    finally:
        state.database.discard()


def warm(rows: CommittedRows, count: int, **options: Any) -> list[CreatedKey]:
    created = [rows.key(**options) for _ in range(count)]
    for one in created:
        assert isinstance(authorize(one.token, CHATS), Caller)
    return created


def test_calls_that_wait_share_the_next_statement(rows: CommittedRows, monkeypatch: pytest.MonkeyPatch) -> None:
    created = warm(rows, 5)
    gate = Gate(monkeypatch)
    verdicts = gate.calls(*created)
    assert gate.sent == [CONSUME, CONSUME_MANY]
    for one, verdict in zip(created, verdicts, strict=True):
        assert isinstance(verdict, Caller)
        assert verdict.key.id == one.key.id
        assert rows.meter(one).total == 2


def test_each_call_of_a_batch_gets_its_own_verdict(rows: CommittedRows, monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch has a revoked key, a full one and an allowed one, not in the order of the keys."""
    first, well, full, revoked = warm(rows, 2) + warm(rows, 1, limit=1) + warm(rows, 1)
    rows.execute("UPDATE key SET revoked_at = now() WHERE id = %s", revoked.key.id)
    rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", revoked.key.id)
    gate = Gate(monkeypatch)
    verdicts = gate.calls(first, revoked, full, well)
    assert gate.sent[:2] == [CONSUME, CONSUME_MANY]
    assert [verdict.reason if isinstance(verdict, Denial) else None for verdict in verdicts] == [
        None,
        DenialReason.REVOKED,
        DenialReason.LIMITED,
        None,
    ]
    assert [rows.meter(one).total for one in (first, revoked, full, well)] == [2, 1, 1, 2]


def test_second_call_of_a_queued_key_sends_its_own_statement(
    rows: CommittedRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, created = warm(rows, 2)
    monkeypatch.setattr(batching, "MAX_QUEUE_WAIT_SECONDS", 30)
    gate = Gate(monkeypatch)
    with ThreadPoolExecutor(3) as pool:
        others = gate.behind(pool, first, created)
        assert isinstance(pool.submit(decide, created).result(10), Caller), "it was asked alone"
        gate.opens.set()
        assert all(isinstance(future.result(10), Caller) for future in others)
    assert gate.sent == [CONSUME, CONSUME]
    assert [rows.meter(one).total for one in (first, created)] == [2, 3]


def test_call_that_waits_too_long_sends_its_own_statement(rows: CommittedRows, monkeypatch: pytest.MonkeyPatch) -> None:
    created = warm(rows, 3)
    gate = Gate(monkeypatch)
    with ThreadPoolExecutor(3) as pool:
        (first,) = gate.behind(pool, created[0])
        assert all(isinstance(verdict, Caller) for verdict in pool.map(decide, created[1:]))
        assert not first.done()
        gate.opens.set()
        assert isinstance(first.result(10), Caller)
    assert gate.sent == [CONSUME]
    assert [rows.meter(one).total for one in created] == [2, 2, 2]
    assert isinstance(authorize(created[0].token, CHATS), Caller), "the queue is empty"


def test_concurrent_calls_of_one_key_are_counted_exactly(rows: CommittedRows) -> None:
    (created,) = warm(rows, 1, limit=4)
    with ThreadPoolExecutor(5) as pool:
        verdicts = list(pool.map(decide, [created] * 5))
    left = [verdict.quota.remaining for verdict in verdicts if isinstance(verdict, Caller) and verdict.quota]
    assert sorted(left) == [0, 1, 2]
    assert [verdict.reason for verdict in verdicts if isinstance(verdict, Denial)] == [DenialReason.LIMITED] * 2
    assert rows.meter(created).used == 4


def test_locked_row_delays_its_batch_for_a_moment_only(rows: CommittedRows, monkeypatch: pytest.MonkeyPatch) -> None:
    first, held, *others = warm(rows, 5)
    monkeypatch.setattr(batching, "BYPASS_SECONDS", 60)
    gate = Gate(monkeypatch)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM meter WHERE key_id = %s FOR UPDATE", [held.key.id])
        verdicts = gate.calls(first, held, *others)
        assert verdicts[1] == AWAY
        assert all(isinstance(verdict, Caller) for verdict in (verdicts[0], *verdicts[2:]))
        sent = len(gate.sent)
        assert isinstance(authorize(others[0].token, CHATS), Caller)
        assert len(gate.sent) == sent, "who waited in vain asks alone for a while"
    monkeypatch.setattr(batching, "monotonic", lambda: time.monotonic() + 60)
    assert isinstance(authorize(held.token, CHATS), Caller)
    assert len(gate.sent) == sent + 1
    assert [rows.meter(one).total for one in (first, held, *others)] == [2, 2, 3, 2, 2]


def test_batch_without_answer_is_unavailable_and_the_next_call_reconnects(
    rows: CommittedRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = warm(rows, 4)
    gate = Gate(monkeypatch)

    def end() -> None:
        batcher_connection = state.limits.batcher.slot.connection
        assert batcher_connection is not None
        execute_as_owner("SELECT pg_terminate_backend(%s, 5000)", [batcher_connection.info.backend_pid])
        monkeypatch.setattr(DeadlineConnection, "is_reusable", lambda self: True)

    gate.before[CONSUME_MANY] = end
    verdicts = gate.calls(*created)
    assert isinstance(verdicts[0], Caller)
    assert verdicts[1:] == [AWAY] * 3
    time.sleep(OPEN_SECONDS)
    assert isinstance(authorize(created[0].token, CHATS), Caller)
    assert [rows.meter(one).total for one in created] == [3, 1, 1, 1]


def test_call_does_not_queue_while_the_circuit_breaker_is_open(
    rows: CommittedRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = warm(rows, 2)
    monkeypatch.setattr(batching, "MAX_QUEUE_WAIT_SECONDS", 30)
    gate = Gate(monkeypatch)
    with ThreadPoolExecutor(2) as pool:
        (future,) = gate.behind(pool, first)
        state.circuit_breaker.record_failure()
        assert pool.submit(decide, second).result(10) == AWAY
        state.circuit_breaker.record_success()
        gate.opens.set()
        assert isinstance(future.result(10), Caller)


def test_interrupted_leader_promotes_the_next_call(rows: CommittedRows, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(BaseException):
        pass

    def interrupted(pending: Any) -> bool:
        gate.opens.set()
        while not pending.is_leader:
            time.sleep(0.001)
        raise Interrupted

    first, second = warm(rows, 2)
    gate = Gate(monkeypatch)
    with ThreadPoolExecutor(2) as pool:
        (future,) = gate.behind(pool, first)
        with monkeypatch.context() as patch:
            patch.setattr(state.limits.batcher, "_wait_until_ready", interrupted)
            with pytest.raises(Interrupted):
                decide(second)
        assert isinstance(future.result(10), Caller)
    assert isinstance(authorize(second.token, CHATS), Caller)
    assert gate.sent == [CONSUME, CONSUME]


def test_forked_child_opens_its_own_connections(rows: CommittedRows) -> None:
    """The parent keeps its own."""
    created = warm(rows, 1)[0]
    script = f"""
import os, django
from psycopg.rows import scalar_row
django.setup()
from keyadmin.callpath.authorize import authorize
from keyadmin.callpath.rules import Call
from keyadmin.callpath.state import state
from keyadmin.core import tokens
def backends():
    verdict = authorize(tokens.parse({created.token.value!r}), Call("GET", "/api/chats", None))
    assert verdict.key
    state.database.fetch("SELECT 1", {{}}, scalar_row)
    slots = (state.limits.batcher.slot, state.database._thread.slot)
    return {{slot.connection.info.backend_pid for slot in slots}}
mine = backends()
if (child := os.fork()) == 0:
    os._exit(len(backends() & mine))
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert backends() == mine
"""
    environ = os.environ | database_environ(owner_url()) | {"DJANGO_SETTINGS_MODULE": "tests.example.settings"}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], cwd=ROOT, env=environ, check=False)
    assert done.returncode == 0
    assert rows.meter(created).total == 4
