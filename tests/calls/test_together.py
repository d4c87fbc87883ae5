"""Calls of several threads in one statement: each decided as if alone, and none kept waiting by another's row."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from keyadmin.authn.authenticate import Call, authenticate
from keyadmin.authn.meter import MANY, ONE, TOGETHER
from keyadmin.foundation import breaker
from keyadmin.foundation.callers import Caller, Verdict
from keyadmin.foundation.refusals import Reason, Refusal
from keyadmin.models import connections, together
from keyadmin.models.connections import Line, Row, Statement
from tests.calls.rows import Given, Made
from tests.owner import ask_as_owner

CHATS = Call("GET", "/api/chats", None)


class Gate:
    """Holds up the first statement of those asked together until so many calls wait behind it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[Statement] = []
        self.opens = threading.Event()
        self.before: Any = lambda: None
        execute = together.execute

        def held(statement: Statement, values: Sequence[bytes | None], line: Line) -> list[Row]:
            self.sent.append(statement)
            if len(self.sent) == 1:
                assert self.opens.wait(10)
                self.before()
            return execute(statement, values, line)

        monkeypatch.setattr(together, "execute", held)

    def calls(self, *made: Made) -> list[Verdict]:
        """The first one's goes alone, the others' wait for it in this order, and go together."""
        with ThreadPoolExecutor(len(made)) as pool:
            futures: list[Future[Verdict]] = []
            for number, one in enumerate(made):
                futures.append(pool.submit(decide, one))
                while len(self.sent) + len(TOGETHER._waiting) < number + 1:
                    time.sleep(0.001)
            self.opens.set()
            return [future.result(10) for future in futures]


def decide(made: Made) -> Verdict:
    """In a thread, which may have opened a connection of its own."""
    try:
        return authenticate(made.token, CHATS)
    finally:
        connections.discard()


def warm(given: Given, count: int, **options: Any) -> list[Made]:
    made = [given.key(**options) for _ in range(count)]
    for one in made:
        assert isinstance(authenticate(one.token, CHATS), Caller)
    return made


def test_those_who_come_while_one_is_under_way_go_together(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    made = warm(given, 5)
    gate = Gate(monkeypatch)
    verdicts = gate.calls(*made)
    assert gate.sent == [ONE, MANY]
    for one, verdict in zip(made, verdicts, strict=True):
        assert isinstance(verdict, Caller)
        assert verdict.key.id == one.key.id
        assert given.meter(one).total == 2


def test_each_has_its_own_answer(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one statement a drawn one, a full one, and one that has been revoked since."""
    first, full, revoked, well = warm(given, 1) + warm(given, 1, limit=1) + warm(given, 2)
    given.execute("UPDATE key SET revoked_at = now() WHERE id = %s", revoked.key.id)
    given.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", revoked.key.id)
    gate = Gate(monkeypatch)
    verdicts = gate.calls(first, full, revoked, well)
    assert gate.sent[:2] == [ONE, MANY]
    assert [verdict.reason if isinstance(verdict, Refusal) else None for verdict in verdicts] == [
        None, Reason.LIMITED, Reason.REVOKED, None,
    ]  # fmt: skip
    assert [given.meter(one).total for one in (first, full, revoked, well)] == [2, 1, 1, 2]


def test_calls_of_one_key_are_counted_one_by_one(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    (made,) = warm(given, 1, limit=4)
    gate = Gate(monkeypatch)
    verdicts = gate.calls(*[made] * 5)
    assert gate.sent == [ONE] * 5
    assert sorted(verdict.quota.remaining for verdict in verdicts if isinstance(verdict, Caller) and verdict.quota) == [
        0,
        1,
        2,
    ]
    assert [verdict.reason for verdict in verdicts if isinstance(verdict, Refusal)] == [Reason.LIMITED] * 2
    assert given.meter(made).used == 4


def test_a_held_row_holds_up_the_others_for_a_moment_only(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    first, held, *others = warm(given, 5)
    gate = Gate(monkeypatch)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM meter WHERE key_id = %s FOR UPDATE", [held.key.id])
        verdicts = gate.calls(first, held, *others)
        assert verdicts[1] == Refusal(Reason.UNAVAILABLE, retry_after=1)
        assert all(isinstance(verdict, Caller) for verdict in (verdicts[0], *verdicts[2:]))
        sent = len(gate.sent)
        assert isinstance(authenticate(others[0].token, CHATS), Caller)
        assert len(gate.sent) == sent, "who waited in vain asks alone for a while"
    time.sleep(together.APART)
    assert isinstance(authenticate(held.token, CHATS), Caller)
    assert len(gate.sent) == sent + 1
    assert [given.meter(one).total for one in (first, held, *others)] == [2, 2, 3, 2, 2]


def test_where_the_answer_is_lost_each_is_told_and_the_next_finds_a_new_connection(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = warm(given, 4)
    gate = Gate(monkeypatch)
    line = TOGETHER._line.connection
    assert line is not None
    gate.before = lambda: ask_as_owner("SELECT pg_terminate_backend(%s, 5000)", [line.info.backend_pid])
    monkeypatch.setattr(connections.DeadlineConnection, "is_quiet", lambda self: True)
    assert gate.calls(*made) == [Refusal(Reason.UNAVAILABLE, retry_after=1)] * 4
    time.sleep(breaker.BREAK)
    assert isinstance(authenticate(made[0].token, CHATS), Caller)
    assert [given.meter(one).total for one in made] == [2, 1, 1, 1]
