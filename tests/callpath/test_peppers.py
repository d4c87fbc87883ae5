"""The ring of peppers, and the bound of the snapshot cache."""

from typing import Any

import pytest

from keyadmin.callpath.authorize import authorize
from keyadmin.callpath.rules import Call
from keyadmin.callpath.state import state
from keyadmin.core.callers import Caller
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.core.tokens import digest
from keyadmin.models import Secret
from tests.fixtures.committed_rows import CommittedRows
from tests.live.servers import Server

CHATS = Call("GET", "/api/chats", None)
OLD, NEW = bytes.fromhex("11" * 32), bytes.fromhex("22" * 32)


def test_secret_under_an_old_pepper_is_found_and_redigested(server: Server, rows: CommittedRows) -> None:
    created = rows.key(pepper=1)
    assert server.request("/api/chats", created.headers).status == 200
    secret = Secret.objects.get(key=created.key)
    assert (secret.pepper_id, bytes(secret.digest)) == (2, digest(created.token.value, NEW))
    with server.connections_by_worker(created.headers) as connections:
        assert {connection.request("/api/chats", created.headers).status for connection in connections.values()} == {
            200
        }


def test_each_secret_of_a_key_is_redigested_at_its_own_use(server: Server, rows: CommittedRows) -> None:
    created, other = rows.key(pepper=1), rows.key(pepper=1)
    rows.execute(
        "UPDATE secret SET not_after = now() + interval '1 hour', key_id = %s WHERE key_id = %s",
        created.key.id,
        other.key.id,
    )
    assert server.request("/api/chats", other.headers).json["key"] == str(created.key.id)
    assert sorted(Secret.objects.filter(key=created.key).values_list("pepper_id", flat=True)) == [1, 2]
    assert server.request("/api/chats", created.headers).status == 200
    assert set(Secret.objects.filter(key=created.key).values_list("pepper_id", flat=True)) == {2}


def test_secret_of_a_denied_key_is_redigested(server: Server, rows: CommittedRows) -> None:
    created = rows.key(pepper=1, scopes=())
    assert server.request("/api/chats", created.headers).status == 403
    assert Secret.objects.get(key=created.key).pepper_id == 2


def test_secret_without_its_pepper_is_an_invalid_credential(
    rows: CommittedRows, statements: list[str], settings: Any
) -> None:
    created = rows.key(pepper=1)
    settings.KEYADMIN_PEPPERS, settings.KEYADMIN_CURRENT_PEPPER = {2: NEW}, 2
    assert authorize(created.token, CHATS) == Denial(DenialReason.INVALID_CREDENTIAL)
    settings.KEYADMIN_PEPPERS = {1: OLD, 2: NEW}
    assert isinstance(authorize(created.token, CHATS), Caller)


def test_current_pepper_may_be_an_older_one(rows: CommittedRows, statements: list[str], settings: Any) -> None:
    """So that every host can get a new pepper before one of them uses it."""
    settings.KEYADMIN_CURRENT_PEPPER = 1
    created = rows.key(pepper=1)
    assert isinstance(authorize(created.token, CHATS), Caller)
    assert Secret.objects.get(key=created.key).pepper_id == 1
    settings.KEYADMIN_CURRENT_PEPPER = 2
    assert isinstance(authorize(created.token, CHATS), Caller)
    assert Secret.objects.get(key=created.key).pepper_id == 2


@pytest.mark.parametrize("room", [1, 3])
def test_small_snapshot_cache_serves_all_keys(
    rows: CommittedRows, statements: list[str], settings: Any, room: int
) -> None:
    settings.KEYADMIN_MAX_CACHED_SNAPSHOTS = room
    organisation = rows.organisation()
    created = [rows.key(organisation) for _ in range(5)]
    for one in (*created, *created, *reversed(created)):
        verdict = authorize(one.token, CHATS)
        assert isinstance(verdict, Caller)
        assert verdict.key.id == one.key.id
        assert len(state.snapshots._snapshots) <= room
    for one in created:
        assert rows.meter(one).total == 3


def test_least_recently_used_snapshot_is_removed_first(
    rows: CommittedRows, statements: list[str], settings: Any
) -> None:
    settings.KEYADMIN_MAX_CACHED_SNAPSHOTS = 2
    first, second, third = (rows.key() for _ in range(3))
    for created in (first, second, first, third):
        authorize(created.token, CHATS)
    cached = {snapshot.key.id for snapshot in state.snapshots._snapshots.values()}
    assert cached == {first.key.id, third.key.id}
