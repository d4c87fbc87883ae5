"""Batches on the event loop, with a real database and several connections."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

import psycopg
import pytest

from keyadmin.callpath.authorize import AuthorizedCall, authorize, authorize_from_cache, verdict_of
from keyadmin.callpath.batching import BYPASS_SECONDS
from keyadmin.callpath.connection import conninfo
from keyadmin.callpath.limits import ConsumeOutcome, ConsumeResult
from keyadmin.callpath.rules import Call
from keyadmin.callpath.state import state
from keyadmin.core import cidr
from keyadmin.core.callers import Caller
from keyadmin.integrations.gateway.batcher import AsyncConsumeBatcher
from tests.fixtures.committed_rows import CommittedRows, CreatedKey

CHATS = Call("GET", "/api/chats", cidr.address_of("192.0.2.1"))


def warm(created: CreatedKey) -> AuthorizedCall:
    """The call from the cached snapshot, after a first call in this minute."""
    assert isinstance(authorize(created.token, CHATS), Caller)
    authorized = authorize_from_cache(created.token, CHATS)
    assert authorized is not None
    return authorized


def run(story: Callable[[AsyncConsumeBatcher], Awaitable[None]]) -> None:
    async def whole() -> None:
        batcher = AsyncConsumeBatcher(asyncio.get_running_loop())
        try:
            await opened(batcher)
            await asyncio.wait_for(story(batcher), 30)
        finally:
            batcher.close()

    asyncio.run(whole())
    state.database.discard()


async def opened(batcher: AsyncConsumeBatcher) -> None:
    """Waits until the batcher has a connection."""
    batcher._open()
    while batcher._connection is None:
        await asyncio.sleep(0.01)


def outcomes(results: Iterable[ConsumeResult | None]) -> list[str | None]:
    return [result and result.outcome.value for result in results]


def test_calls_of_many_keys_share_a_statement(rows: CommittedRows) -> None:
    created = [rows.key() for _ in range(40)]
    authorized = [warm(one) for one in created]

    async def story(batcher: AsyncConsumeBatcher) -> None:
        before = state.metrics.read().statements
        results = await asyncio.gather(*[batcher.consume(one) for one in authorized * 3])
        assert set(outcomes(results)) == {"consumed"}
        assert state.metrics.read().statements - before == 1
        verdicts = [verdict_of(one, result) for one, result in zip(authorized, results[:40], strict=True) if result]
        assert all(isinstance(verdict, Caller) for verdict in verdicts)

    run(story)
    assert [rows.meter(one).total for one in created] == [4] * 40
    assert rows.meter(created[0]).last_used_ip == "192.0.2.1"


def test_each_call_of_one_key_gets_its_own_count(rows: CommittedRows) -> None:
    created = rows.key(limit=100)
    authorized = warm(created)

    async def story(batcher: AsyncConsumeBatcher) -> None:
        results = await asyncio.gather(*[batcher.consume(authorized) for _ in range(30)])
        assert [result and result.used for result in results] == list(range(2, 32))

    run(story)
    assert rows.meter(created).total == 31


def test_calls_that_do_not_all_fit_are_left_to_the_executor(rows: CommittedRows) -> None:
    """The executor decides such calls one by one. For a single call a full hour is final."""
    created = rows.key(limit=5)
    authorized = warm(created)

    async def story(batcher: AsyncConsumeBatcher) -> None:
        assert outcomes(await asyncio.gather(*[batcher.consume(authorized) for _ in range(8)])) == [None] * 8
        assert given_total(created) == 1
        assert outcomes(await asyncio.gather(*[batcher.consume(authorized) for _ in range(4)])) == ["consumed"] * 4
        full = await batcher.consume(authorized)
        assert full is not None
        assert (full.outcome, full.used) == (ConsumeOutcome.FULL, 5)
        assert full.wait is not None
        assert 0 < full.wait <= 61 * 60

    def given_total(created: CreatedKey) -> int:
        with psycopg.connect(conninfo()) as own:
            found = own.execute("SELECT total FROM meter WHERE key_id = %s", [created.key.id]).fetchone()
        assert found is not None
        return int(found[0])

    run(story)
    assert rows.meter(created).total == 5


@pytest.mark.parametrize("subject", ["key", "organisation", "catalogue"])
def test_stale_snapshot_is_noticed_beside_current_ones(rows: CommittedRows, subject: str) -> None:
    changed, other = rows.key(), rows.key()
    authorized = [warm(changed), warm(other)]
    if subject == "key":
        rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", changed.key.id)
    else:
        subject_id = changed.key.organisation_id if subject == "organisation" else UUID(int=0)
        rows.execute("UPDATE version SET number = number + 1 WHERE subject = %s", subject_id)

    async def story(batcher: AsyncConsumeBatcher) -> None:
        results = await asyncio.gather(*[batcher.consume(one) for one in authorized])
        assert outcomes(results) == ["stale", "stale" if subject == "catalogue" else "consumed"]

    run(story)


def test_two_snapshots_of_one_key_are_not_mixed(rows: CommittedRows) -> None:
    """A stale and a current snapshot arrive together: the second call is left to the executor."""
    created = rows.key()
    old = warm(created)
    rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", created.key.id)
    new = warm(created)

    async def story(batcher: AsyncConsumeBatcher) -> None:
        assert outcomes(await asyncio.gather(batcher.consume(old), batcher.consume(new))) == ["stale", None]
        assert outcomes([await batcher.consume(new)]) == ["consumed"]

    run(story)


def test_locked_row_delays_its_batch_for_a_moment(rows: CommittedRows) -> None:
    """The keys of that batch bypass the batcher for a while; others are batched."""
    held, beside, other = (warm(rows.key()) for _ in range(3))

    async def story(batcher: AsyncConsumeBatcher) -> None:
        with psycopg.connect(conninfo()) as holder:
            holder.execute("SELECT FROM meter WHERE key_id = %s FOR UPDATE", [held.snapshot.key.id])
            assert outcomes(await asyncio.gather(batcher.consume(held), batcher.consume(beside))) == [None, None]
            assert not batcher.can_accept(held.snapshot)
            assert batcher.can_accept(other.snapshot)
            assert outcomes([await batcher.consume(other)]) == ["consumed"]
        await asyncio.sleep(BYPASS_SECONDS)
        assert batcher.can_accept(held.snapshot)
        assert outcomes(await asyncio.gather(batcher.consume(held), batcher.consume(beside))) == [
            "consumed",
            "consumed",
        ]

    run(story)


def test_connection_ended_by_the_server_is_reopened(rows: CommittedRows) -> None:
    authorized = warm(rows.key())

    async def story(batcher: AsyncConsumeBatcher) -> None:
        assert batcher._connection is not None
        with psycopg.connect(conninfo(), autocommit=True) as own:
            own.execute("SELECT pg_terminate_backend(%s, 5000)", [batcher._connection.info.backend_pid])
        await asyncio.sleep(0.05)
        assert not batcher.can_accept(authorized.snapshot)
        await opened(batcher)
        assert outcomes([await batcher.consume(authorized)]) == ["consumed"]

    run(story)
