"""Compares the meter with a model that remembers every call. The tests move the clock by changing the row's minute."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any
from uuid import UUID

import hypothesis
import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import keyadmin.callpath
from keyadmin.models import Key
from tests.callpath.clock import database_minute, within_one_minute
from tests.fixtures.committed_rows import CommittedRows

CATALOGUE = UUID(int=0)
#: The parameters of a draw and their types, in their order.
TYPES = {
    "key": "uuid",
    "version": "bigint",
    "organisation": "uuid",
    "organisation_version": "bigint",
    "catalogue_version": "bigint",
    "expiry": "timestamptz",
    "limit": "bigint",
    "cost": "integer",
    "address": "inet",
}
SINGLE = tuple(f"%({name})s::{kind}" for name, kind in TYPES.items())
ARRAYS = tuple(f"ARRAY[{one}]" for one in SINGLE)


def statement(file: str, values: Sequence[str]) -> str:
    """The call path's SQL with placeholders for Django's cursor."""
    sql = Path(keyadmin.callpath.__file__).with_name(file).read_text()
    return re.sub(r"\$([1-9])(::\w+)?", lambda found: values[int(found[1]) - 1], sql)


ONE, MANY = statement("consume.sql", SINGLE), statement("consume_many.sql", ARRAYS)
SETTLE = ONE.replace("meter_consume", "meter_consume_slow")


@dataclass
class Model:
    """Remembers each call of the window with its minute, and the count of each finished hour."""

    limit: int
    newest: int | None = None
    calls: list[int] = field(default_factory=list)
    ledger: Counter[int] = field(default_factory=Counter)
    total: int = 0

    def draw(self, now: int, cost: int) -> tuple[str, int]:
        """Outcome and the window's count after it. The newest minute's calls are finished when it is over."""
        if self.newest is None or now > self.newest:
            self._finish(now)
        elif self.newest > now:
            self.calls = [minute - (self.newest - now) for minute in self.calls]
        self.newest = now
        self.calls = [minute for minute in self.calls if now - minute <= 60]
        if len(self.calls) + cost > self.limit:
            return "full", len(self.calls)
        self.calls += [now] * cost
        self.total += cost
        return "consumed", len(self.calls)

    def _finish(self, now: int) -> None:
        if self.newest is not None and (finished := self.calls.count(self.newest)):
            self.ledger[self.newest // 60] += finished
        self.newest = now

    def room_at(self, cost: int) -> int:
        """The first minute in which that many calls fit."""
        minute = self.newest or 0
        while len([call for call in self.calls if minute - call <= 60]) + cost > self.limit:
            minute += 1
        return minute

    def step(self, minutes: int) -> None:
        """Time goes on by so many minutes, or back: then everything lies that much further ahead."""
        self.newest = None if self.newest is None else self.newest - minutes
        self.calls = [minute - minutes for minute in self.calls]


class Database:
    """The meter, with the interface of the model, by the statements of the call path."""

    def __init__(self, rows: CommittedRows, limit: int) -> None:
        created = rows.key(limit=limit)
        self.key: Key = created.key
        self.id, self.limit = created.key.id, limit
        self.ledger: Counter[int] = Counter()
        self._ways = cycle((ONE, MANY))

    def ask(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters | {"key": self.id})
            return list(cursor.fetchall()) if cursor.description else []

    def parameters(self) -> dict[str, Any]:
        """Of a draw by a snapshot that is true."""
        catalogue_version = self.ask("SELECT number FROM version WHERE subject = %(it)s", it=CATALOGUE)[0][0]
        return {
            "version": 1,
            "organisation": self.key.organisation_id,
            "organisation_version": 1,
            "expiry": None,
            "catalogue_version": catalogue_version,
            "limit": self.limit,
            "cost": 1,
            "address": None,
        }

    def draw(self, **parameters: Any) -> tuple[str, int, int | None]:
        """By turns alone and as one of many."""
        rows = self.ask(next(self._ways), **self.parameters() | parameters)
        assert len(rows) == 1
        outcome, used, wait = rows[0][-3:]
        return outcome, used, wait

    def step(self, minutes: int) -> None:
        self.ask("UPDATE meter SET minute = minute - %(minutes)s WHERE key_id = %(key)s", minutes=minutes)

    def take_ledger(self) -> Counter[int]:
        """What has been handed over since the last time, by hour."""
        statement = "DELETE FROM usage_hour WHERE key_id = %(key)s RETURNING extract(epoch FROM hour) / 3600, count"
        return Counter({int(hour): count for hour, count in self.ask(statement)})

    def row(self) -> tuple[int, list[int], int, int]:
        found = self.ask("SELECT minute, cells, used, total FROM meter WHERE key_id = %(key)s")
        minute, cells, used, total = found[0]
        return minute, cells, used, total


steps = st.sampled_from([0, 0, 0, 1, 1, 2, 5, 30, 58, 59, 60, 61, 62, 500, -1, -2, -3, -10, -61, -500])
traffic = st.lists(st.tuples(steps, st.integers(1, 4)), min_size=1, max_size=25)


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@hypothesis.given(traffic=traffic, limit=st.integers(3, 9))
def test_meter_agrees_with_a_model_that_remembers_every_call(
    rows: CommittedRows, traffic: list[tuple[int, int]], limit: int
) -> None:
    within_one_minute(lambda: play(rows, traffic, limit))


def play(rows: CommittedRows, traffic: list[tuple[int, int]], limit: int) -> None:
    database, model, now = Database(rows, limit), Model(limit), database_minute()
    handed_over = 0
    for minutes, cost in traffic:
        database.step(minutes)
        model.step(minutes)
        before = model.newest
        outcome, used, wait = database.draw(cost=cost)
        assert (outcome, used) == model.draw(now, cost)
        if outcome == "full" and cost <= limit:
            check_wait(model.room_at(cost), wait)
        ledger = database.take_ledger()
        assert ledger == model.ledger, before
        handed_over += ledger.total()
        model.ledger.clear()
        minute, cells, running, total = database.row()
        assert (minute, running, sum(cells), total) == (model.newest, len(model.calls), running, model.total)
        assert running <= limit
        assert handed_over + cells[0] == total
    database.ask("SELECT meter_close(%(key)s)")
    assert handed_over + database.take_ledger().total() == model.total
    assert database.ask("SELECT FROM meter WHERE key_id = %(key)s") == []


def check_wait(room_at: int, wait: int | None) -> None:
    """Exact to the second, and at most the window and the current minute."""
    assert wait is not None
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        left = room_at * 60 - float(cursor.fetchone()[0])
    assert max(1, left) <= wait <= left + 6
    assert wait <= 61 * 60


@settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@hypothesis.given(
    traffic=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), min_size=10, max_size=40),
    limit=st.integers(3, 9),
)
def test_no_rolling_hour_exceeds_the_limit(rows: CommittedRows, traffic: list[tuple[int, int]], limit: int) -> None:
    """Calls in minutes 60 apart may be within one hour; calls in minutes 61 apart never are."""

    def run() -> None:
        database, time, passed = Database(rows, limit), 0, []
        for minutes, calls in traffic:
            database.step(minutes)
            time += minutes
            passed += [time for _ in range(calls) if database.draw()[0] == "consumed"]
        for end in passed:
            assert sum(end - 60 <= moment <= end for moment in passed) <= limit
        free = [time - moment for moment in passed if time - moment <= 60]
        assert (database.draw()[0] == "consumed") == (len(free) < limit)

    within_one_minute(run)


@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@hypothesis.given(traffic=traffic, limit=st.integers(3, 9), back=st.sampled_from([0, 1, 2, 3, 59, 60, 61, 5000]))
def test_denied_call_has_room_within_one_window(
    rows: CommittedRows, traffic: list[tuple[int, int]], limit: int, back: int
) -> None:
    """Also after changes of the clock. Denied calls in between consume nothing."""

    def run() -> None:
        database = Database(rows, limit)
        for minutes, cost in traffic:
            database.step(minutes)
            database.draw(cost=cost)
        while database.draw()[0] == "consumed":
            pass
        database.step(-back)
        assert database.draw()[0] == "full"
        for _ in range(61):
            database.step(1)
            database.draw(cost=limit + 1)
        assert database.draw(cost=limit)[:2] == ("consumed", limit)

    within_one_minute(run)


@pytest.mark.parametrize("back", [1, 2, 3, 30, 100, 5000])
def test_clock_set_back_denies_for_one_window_at_most(rows: CommittedRows, back: int) -> None:
    def run() -> None:
        database = Database(rows, 3)
        assert [database.draw()[0] for _ in range(4)] == ["consumed", "consumed", "consumed", "full"]
        database.step(-back)
        outcome, used, wait = database.draw()
        assert (outcome, used) == ("full", 3)
        assert wait is not None
        assert wait <= 61 * 60
        database.step(61)
        assert database.draw()[:2] == ("consumed", 1)

    within_one_minute(run)


def test_clock_set_forward_frees_the_skipped_minutes(rows: CommittedRows) -> None:
    def run() -> None:
        database = Database(rows, 3)
        assert [database.draw()[0] for _ in range(4)] == ["consumed", "consumed", "consumed", "full"]
        database.step(61)
        assert database.draw()[:2] == ("consumed", 1)
        database.step(-61)  # and put right again: the calls keep their age
        assert [database.draw()[0] for _ in range(3)] == ["consumed", "consumed", "full"]

    within_one_minute(run)


def test_cost_above_the_limit_is_never_allowed(rows: CommittedRows) -> None:
    outcome, used, wait = Database(rows, 3).draw(cost=4)
    assert (outcome, used, wait) == ("full", 0, None)


def test_stale_or_expired_snapshot_consumes_nothing(rows: CommittedRows) -> None:
    database = Database(rows, 3)
    database.draw()
    for minutes in (0, 5, -5):
        database.step(minutes)
        before = database.row()
        assert database.draw(version=2)[0] == "stale"
        assert database.draw(expiry="2001-01-01T00:00:00Z")[0] == "stale"
        assert database.row() == before
    assert database.draw(expiry="2999-01-01T00:00:00Z")[0] == "consumed"
    database.ask("DELETE FROM meter WHERE key_id = %(key)s")
    assert database.draw()[0] == "stale"


@pytest.mark.parametrize("version", ["version", "organisation_version", "catalogue_version"])
def test_slow_path_compares_every_version_again(rows: CommittedRows, version: str) -> None:
    """A statement that waited for the commit of a change reaches the slow path with the old versions."""
    database = Database(rows, 3)
    parameters = database.parameters()
    assert database.ask(SETTLE, **parameters)[0][0] == "consumed"
    before = database.row()
    for minutes in (0, 5):
        database.step(minutes)
        assert database.ask(SETTLE, **parameters | {version: parameters[version] + 1})[0][0] == "stale"
        database.step(-minutes)
    assert database.row() == before
