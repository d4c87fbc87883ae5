"""Draws that share a statement: a real event loop, the real database, several connections."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg
import pytest

from keyadmin.callpath import batching, connection, metrics
from keyadmin.callpath.authorize import AuthorizedCall, Call, authenticate, glance, settle
from keyadmin.callpath.limits import ConsumeOutcome, ConsumeResult
from keyadmin.core import cidr
from keyadmin.core.callers import Caller
from keyadmin.integrations.gateway.batcher import Batch
from tests.callpath.conftest import committed_rows, given
from tests.callpath.rows import Given, Made

__all__ = ["committed_rows", "given"]

CHATS = Call("GET", "/api/chats", cidr.address_of("192.0.2.1"))


def warm(made: Made) -> AuthorizedCall:
    """The key is remembered, and its meter has begun the minute."""
    assert isinstance(authenticate(made.token, CHATS), Caller)
    admitted = glance(made.token, CHATS)
    assert admitted is not None
    return admitted


def run(story: Callable[[Batch], Awaitable[None]]) -> None:
    async def whole() -> None:
        batch = Batch(asyncio.get_running_loop())
        try:
            await opened(batch)
            await asyncio.wait_for(story(batch), 30)
        finally:
            batch.close()

    asyncio.run(whole())
    connection.discard()


async def opened(batch: Batch) -> None:
    """A connection is opened for those who come later."""
    batch._open()
    while batch._connection is None:
        await asyncio.sleep(0.01)


def outcomes(draws: list[ConsumeResult | None]) -> list[str | None]:
    return [draw and draw.outcome.value for draw in draws]


def test_many_keys_share_statements(given: Given) -> None:
    made = [given.key() for _ in range(40)]
    admitted = [warm(one) for one in made]

    async def story(batch: Batch) -> None:
        before = metrics.read().statements
        draws = await asyncio.gather(*[batch.draw(one) for one in admitted * 3])
        assert set(outcomes(draws)) == {"drawn"}
        assert metrics.read().statements - before == 1
        verdicts = [settle(one, draw) for one, draw in zip(admitted, draws[:40], strict=True) if draw]
        assert all(isinstance(verdict, Caller) for verdict in verdicts)

    run(story)
    assert [given.meter(one).total for one in made] == [4] * 40
    assert given.meter(made[0]).last_used_ip == "192.0.2.1"


def test_calls_of_one_key_are_told_apart(given: Given) -> None:
    made = given.key(limit=100)
    admitted = warm(made)

    async def story(batch: Batch) -> None:
        draws = await asyncio.gather(*[batch.draw(admitted) for _ in range(30)])
        assert [draw and draw.used for draw in draws] == list(range(2, 32))

    run(story)
    assert given.meter(made).total == 31


def test_where_not_all_fit_each_asks_for_itself(given: Given) -> None:
    """By the desk, which draws one by one; alone, a full hour is final."""
    made = given.key(limit=5)
    admitted = warm(made)

    async def story(batch: Batch) -> None:
        assert outcomes(await asyncio.gather(*[batch.draw(admitted) for _ in range(8)])) == [None] * 8
        assert given_total(made) == 1
        assert outcomes(await asyncio.gather(*[batch.draw(admitted) for _ in range(4)])) == ["drawn"] * 4
        full = await batch.draw(admitted)
        assert full is not None
        assert (full.outcome, full.used) == (ConsumeOutcome.FULL, 5)
        assert full.wait is not None
        assert 0 < full.wait <= 61 * 60

    def given_total(made: Made) -> int:
        with psycopg.connect(connection._conninfo()) as own:
            found = own.execute("SELECT total FROM meter WHERE key_id = %s", [made.key.id]).fetchone()
        assert found is not None
        return int(found[0])

    run(story)
    assert given.meter(made).total == 5


@pytest.mark.parametrize("subject", ["key", "organisation", "catalogue"])
def test_what_has_changed_is_noticed_beside_what_has_not(given: Given, subject: str) -> None:
    changed, other = given.key(), given.key()
    admitted = [warm(changed), warm(other)]
    if subject == "key":
        given.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", changed.key.id)
    else:
        subject_id = changed.key.organisation_id if subject == "organisation" else UUID(int=0)
        given.execute("UPDATE version SET number = number + 1 WHERE subject = %s", subject_id)

    async def story(batch: Batch) -> None:
        draws = await asyncio.gather(*[batch.draw(one) for one in admitted])
        assert outcomes(draws) == ["stale", "stale" if subject == "catalogue" else "drawn"]

    run(story)


def test_snapshots_of_one_key_are_not_mixed(given: Given) -> None:
    """A stale and a true one meet in one moment: the second asks the desk."""
    made = given.key()
    old = warm(made)
    given.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", made.key.id)
    new = warm(made)

    async def story(batch: Batch) -> None:
        assert outcomes(await asyncio.gather(batch.draw(old), batch.draw(new))) == ["stale", None]
        assert outcomes([await batch.draw(new)]) == ["drawn"]

    run(story)


def test_a_held_row_holds_up_its_batch_for_a_moment(given: Given) -> None:
    """Then its keys go by the desk for a while; the others go on together."""
    held, beside, other = (warm(given.key()) for _ in range(3))

    async def story(batch: Batch) -> None:
        with psycopg.connect(connection._conninfo()) as holder:
            holder.execute("SELECT FROM meter WHERE key_id = %s FOR UPDATE", [held.snapshot.key.id])
            assert outcomes(await asyncio.gather(batch.draw(held), batch.draw(beside))) == [None, None]
            assert not batch.takes(held.snapshot)
            assert batch.takes(other.snapshot)
            assert outcomes([await batch.draw(other)]) == ["drawn"]
        await asyncio.sleep(batching.APART)
        assert batch.takes(held.snapshot)
        assert outcomes(await asyncio.gather(batch.draw(held), batch.draw(beside))) == ["drawn", "drawn"]

    run(story)


def test_a_connection_that_the_server_ended_is_opened_anew(given: Given) -> None:
    admitted = warm(given.key())

    async def story(batch: Batch) -> None:
        assert batch._connection is not None
        with psycopg.connect(connection._conninfo(), autocommit=True) as own:
            own.execute("SELECT pg_terminate_backend(%s, 5000)", [batch._connection.info.backend_pid])
        await asyncio.sleep(0.05)
        assert not batch.takes(admitted.snapshot)
        await opened(batch)
        assert outcomes([await batch.draw(admitted)]) == ["drawn"]

    run(story)
