"""The usage writer: bounds, addresses, failed transactions, and commits without an answer."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection
from psycopg import Transaction

from keyadmin.callpath import connection as callpath_connection
from keyadmin.callpath.authorize import authorize
from keyadmin.callpath.connection import DeadlineConnection
from keyadmin.callpath.rules import Call
from keyadmin.callpath.state import state
from keyadmin.callpath.usage import counters, writer
from keyadmin.callpath.usage.counters import UsageCounters
from keyadmin.callpath.usage.writer import UsageWriter
from keyadmin.core.cidr import address_of
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.models import CallOutcome
from keyadmin.models.usage import MAX_ADDRESSES_PER_DAY, USAGE_WRITE_LOCK_ID
from keyadmin.operations import keys
from tests.callpath.usage.recorded import addresses, hours, refused, scopes, uses
from tests.factories import OPERATOR
from tests.fixtures.committed_rows import CommittedRows, CreatedKey

#: Reasons of calls without an identified key.
WITHOUT_IDENTIFIED_KEY = {
    "ambiguous_credentials",
    "ambiguous_request",
    "https_required",
    "method",
    "no_credential",
    "invalid_credential",
    "unavailable",
}


type Writers = Callable[[], UsageWriter]


@pytest.fixture
def new(rows: CommittedRows) -> Iterator[Writers]:
    """A function that makes writers. Their connections are closed after the test."""
    created: list[UsageWriter] = []

    def make() -> UsageWriter:
        created.append(UsageWriter(state.database))
        return created[-1]

    yield make
    for one in created:
        one.close()


def allowed(
    created: CreatedKey, calls: int = 1, address: str | None = "203.0.113.9", scope: str = "chats:read"
) -> UsageCounters:
    one = UsageCounters()
    one.add_allowed(created.key.id, created.key.secrets.get().id, [scope], address, calls, monotonic())
    return one


def denied(created: CreatedKey, *reasons: DenialReason, address: str | None = "203.0.113.9") -> UsageCounters:
    one = UsageCounters()
    for reason in reasons:
        one.add_denial(created.key.id, reason.label, address, monotonic())
    return one


def test_usage_knows_every_reason_of_an_identified_key() -> None:
    assert set(CallOutcome.values) == {"ok"} | {reason.label for reason in DenialReason} - WITHOUT_IDENTIFIED_KEY
    assert set(CallOutcome.values) == {"ok"} | {reason.label for reason in DenialReason.counted_per_key()}
    assert all(outcome.phrase for outcome in CallOutcome if outcome != CallOutcome.OK)
    assert {outcome.group for outcome in CallOutcome} == {"ok", "permission", "address", "limited", "expired"}


def test_written_counts_are_added(rows: CommittedRows, new: Writers) -> None:
    created = rows.key()
    own = new()
    for _ in range(3):
        own.write(allowed(created, 2))
        own.write(denied(created, DenialReason.SCOPE, DenialReason.SCOPE, DenialReason.LIMITED, address=None))
    assert scopes(created) == {"chats:read": 6}
    assert addresses(created) == {"203.0.113.9": 6}
    assert hours(created) == {"scope": 6, "limited": 3}
    assert refused(created) == {"scope": None, "limited": None}
    assert uses(created) == 1
    assert own.dropped == 0


def test_later_denial_stays_when_written_first(rows: CommittedRows, new: Writers) -> None:
    created = rows.key()
    early = denied(created, DenialReason.ADDRESS, address="198.51.100.1")
    early.last_denials = {row: last._replace(moment=last.moment - 1) for row, last in early.last_denials.items()}
    late = denied(created, DenialReason.ADDRESS, address="198.51.100.2")
    new().write(late)
    new().write(early)
    assert refused(created) == {"address": "198.51.100.2"}
    assert hours(created) == {"address": 2}


def deadlocks() -> int:
    """The number of deadlocks that PostgreSQL has resolved in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def written(own: UsageWriter) -> bool:
    """Whether everything is written, after some attempts: on a busy machine a transaction may time out."""
    for _ in range(20):
        if not own._kept and own._in_doubt is None:
            return True
        sleep(0.25)
        own.write(UsageCounters())
    return False


def test_concurrent_writers_lose_nothing_and_do_not_deadlock(rows: CommittedRows, new: Writers) -> None:
    """Six writers write the same rows in different orders."""
    created = [rows.key() for _ in range(12)]
    writers = [new() for _ in range(6)]
    failures: list[int] = []

    def write(own: UsageWriter, seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311 - no secret
        for _ in range(15):
            for one in dice.sample(created, len(created)):
                for place in dice.sample(range(60), 12):
                    count = allowed_by_id(one, f"10.0.0.{place}")
                    count.merge(denied(one, DenialReason.SCOPE))
                    own._kept.merge(count)
            own.write(UsageCounters())
        failures.append(not written(own))

    secrets = {one.key.id: one.key.secrets.get().id for one in created}

    def allowed_by_id(one: CreatedKey, address: str) -> UsageCounters:
        count = UsageCounters()
        count.add_allowed(one.key.id, secrets[one.key.id], ["chats:read"], address, 1, monotonic())
        return count

    before = deadlocks()
    threads = [threading.Thread(target=write, args=(own, seed)) for seed, own in enumerate(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == [False] * 6
    sleep(1.5)  # a server process reports within a second
    assert deadlocks() == before
    for one in created:
        assert (scopes(one), hours(one)) == ({"chats:read": 6 * 15 * 12}, {"scope": 6 * 15 * 12})
    writers[0].write(UsageCounters())
    one_more = allowed_by_id(created[0], "10.0.0.1")
    writers[0].write(one_more)
    assert len(addresses(created[0])) <= 2 * MAX_ADDRESSES_PER_DAY


def test_counts_are_kept_while_the_database_is_unavailable(
    rows: CommittedRows, new: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = rows.key()
    own = new()
    with monkeypatch.context() as patch:
        patch.setattr(callpath_connection, "conninfo", lambda options: "host=/nowhere dbname=none")
        for _ in range(3):
            own.write(allowed(created))
    assert scopes(created) == {}
    own.write(denied(created, DenialReason.SCOPE))
    assert (scopes(created), hours(created)) == ({"chats:read": 3}, {"scope": 1})


class _Lost(DeadlineConnection):
    """A connection whose commit gets no answer. `takes_effect`: whether the transaction is committed."""

    takes_effect = True

    @contextmanager
    def transaction(self, savepoint_name: str | None = None, force_rollback: bool = False) -> Iterator[Transaction]:
        with super().transaction(savepoint_name, force_rollback or not self.takes_effect) as transaction:
            yield transaction
        raise psycopg.OperationalError("the answer is lost")


@pytest.mark.parametrize("takes_effect", [True, False])
def test_transaction_with_an_unanswered_commit_counts_once(
    rows: CommittedRows, new: Writers, monkeypatch: pytest.MonkeyPatch, takes_effect: bool
) -> None:
    created = rows.key()
    own = new()
    with monkeypatch.context() as patch:
        patch.setattr(callpath_connection, "DeadlineConnection", _Lost)
        patch.setattr(_Lost, "takes_effect", takes_effect)
        own.write(allowed(created, 5))
        own.write(UsageCounters())  # which is told, and then has nothing to write or loses its end as well
    own.write(allowed(created, 2))
    assert scopes(created) == {"chats:read": 7}
    own.write(allowed(created))
    assert scopes(created) == {"chats:read": 8}


def test_locked_row_delays_the_writer_until_its_timeout_only(rows: CommittedRows, new: Writers) -> None:
    created = rows.key()
    own = new()
    own.write(allowed(created))
    with psycopg.connect(_url()) as other:
        other.execute("SELECT FROM scope_day WHERE key_id = %s FOR UPDATE", [created.key.id])
        began = monotonic()
        own.write(allowed(created))
        assert monotonic() - began < writer.WRITE_TIMEOUT_SECONDS + 1
    own.write(UsageCounters())
    assert scopes(created) == {"chats:read": 2}


def test_frozen_writer_delays_no_operation(rows: CommittedRows) -> None:
    created = rows.key()
    with psycopg.connect(_url()) as frozen:
        frozen.execute(writer._BEGIN, [USAGE_WRITE_LOCK_ID])
        keys.delete(actor=OPERATOR, key=created.key.id)
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            frozen.execute("SELECT 1")


def _url() -> str:
    return str(callpath_connection.conninfo())


def test_rejected_counts_are_dropped_and_later_ones_written(rows: CommittedRows, new: Writers) -> None:
    created = rows.key()
    own = new()
    own.write(allowed(created, scope="s" * 100))
    assert own.dropped == 3
    own.write(allowed(created))
    assert scopes(created) == {"chats:read": 1}


def test_busiest_addresses_of_a_day_are_kept(rows: CommittedRows, new: Writers) -> None:
    """Twenty busy addresses stay through a flood of new ones, and a late address that calls often is kept."""
    created = rows.key()
    own = new()
    for place in range(MAX_ADDRESSES_PER_DAY):
        own.write(allowed(created, 1000 + place, f"192.0.2.{place}"))
    for place in range(200):
        own.write(allowed(created, 7, f"2001:db8::{place:x}"))
    morning = {f"192.0.2.{place}": 1000 + place for place in range(MAX_ADDRESSES_PER_DAY)}
    found = addresses(created)
    assert found.items() >= morning.items()
    assert len(found) == 2 * MAX_ADDRESSES_PER_DAY
    for place in range(300):
        own.write(allowed(created, 5, "198.51.100.7"))
        own.write(allowed(created, 7, f"2001:db8:1::{place:x}"))
    assert max(addresses(created).items(), key=lambda item: item[1]) == ("198.51.100.7", 1500)
    assert addresses(created).items() >= morning.items()
    assert len(addresses(created)) == 2 * MAX_ADDRESSES_PER_DAY


def test_counts_without_room_are_dropped_and_the_drops_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "MAX_ROWS", 50)
    monkeypatch.setattr(counters, "MAX_ADDRESSES_PER_KEY", 10)
    one, other = UsageCounters(), UsageCounters()
    for number in range(60):
        for each in (one, other):
            each.add_allowed(UUID(int=number), UUID(int=number), ["chats:read"], "203.0.113.9", 2, 1.0)
            each.add_denial(UUID(int=number), "scope", None, 1.0)
            each.add_allowed(UUID(int=0), UUID(int=0), ["chats:read"], f"10.0.0.{number}", 1, 1.0)
    assert one.dropped > 0
    dropped = one.dropped
    one.merge(other)
    assert len(one.scopes) == len(one.secrets) == len(one.denials) == len(one.last_denials) == 50
    assert len(one.addresses[UUID(int=0)]) == 10
    assert sum(map(len, one.addresses.values())) == 50
    assert one.scopes[UUID(int=7), "chats:read"] == 4
    assert one.dropped == 2 * dropped


def test_record_never_raises() -> None:
    before = state.usage.dropped
    not_a_verdict: Any = object()
    state.usage.record(not_a_verdict, None, 1)
    assert state.usage.dropped == before + 1


def test_every_decision_is_counted(rows: CommittedRows) -> None:
    created = rows.key()
    before = Counter(state.usage.decisions)
    address = address_of("203.0.113.9")
    for path in ("/api/chats", "/api/chats", "/api/export/all"):
        authorize(created.token, Call("GET", path, address))
    state.usage.record(Denial(DenialReason.INVALID_CREDENTIAL), address, 1)
    assert Counter(state.usage.decisions) - before == {"ok": 2, "scope": 1, "invalid_credential": 1}
    assert set(state.usage.decisions) == {"ok"} | {reason.label for reason in DenialReason}
    state.usage.flush()
    assert (scopes(created), hours(created)) == ({"chats:read": 2}, {"scope": 1})


def test_counts_of_a_deleted_key_are_not_written(rows: CommittedRows, new: Writers) -> None:
    created = rows.key()
    stranger = uuid4()
    count = UsageCounters()
    count.add_allowed(stranger, uuid4(), ["chats:read"], "203.0.113.9", 1, monotonic())
    count.merge(allowed(created))
    new().write(count)
    assert scopes(created) == {"chats:read": 1}
    for table in ("scope_day", "address_day", "last_denial"):
        with psycopg.connect(_url()) as connection:
            assert connection.execute(f"SELECT FROM {table} WHERE key_id = %s", [stranger]).fetchall() == []
