"""Changes of a key's state apply to its calls in every process."""

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.models import Event, Key, KeyStatus
from keyadmin.operations import keys, organisations
from keyadmin.operations.organisations import bots
from tests.fixtures.committed_rows import CommittedRows, Pairs
from tests.live.servers import Server

OPERATOR = Actor(kind=ActorKind.COMMAND, id=None, label="command line", interface=Interface.COMMAND)


def everywhere(server: Server, rows: CommittedRows, headers: Pairs) -> set[int]:
    """The statuses of one call to each worker."""
    with server.connections_by_worker(rows.key().headers) as workers:
        return {worker.request("/api/chats", headers).status for worker in workers.values()}


def test_answers_and_whoami_say_when_the_key_expires(server: Server, rows: CommittedRows) -> None:
    expires = datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)
    created, lasting = rows.key(expires_at=expires), rows.key()
    for path, status in (("/api/chats", 200), ("/api/whoami", 200), ("/api/contacts", 403)):
        answer = server.request(path, created.headers)
        assert (answer.status, answer.headers["Keyadmin-Key-Expires"]) == (status, "2031-01-02T03:04:05Z")
        assert server.request(path, lasting.headers).headers["Keyadmin-Key-Expires"] is None
    assert server.request("/api/whoami", created.headers).json["expires_at"] == "2031-01-02T03:04:05Z"
    assert server.request("/api/whoami", lasting.headers).json["expires_at"] is None
    # A secret that has been replaced ends with its grace period.
    rows.execute("UPDATE secret SET not_after = '2030-06-01T00:00:00Z' WHERE key_id = %s", created.key.id)
    rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", created.key.id)
    assert server.request("/api/chats", created.headers).headers["Keyadmin-Key-Expires"] == "2030-06-01T00:00:00Z"
    rows.execute("UPDATE key SET expires_at = now() WHERE id = %s", created.key.id)
    rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", created.key.id)
    expired = server.request("/api/chats", created.headers)
    assert (expired.status, expired.headers["Keyadmin-Key-Expires"]) == (401, None)


def test_revoked_key_is_denied_and_reactivated_key_allowed_by_every_worker(server: Server, rows: CommittedRows) -> None:
    created = rows.key()
    assert everywhere(server, rows, created.headers) == {200}
    keys.revoke(actor=OPERATOR, key=created.key.id, reason="leaked")
    assert everywhere(server, rows, created.headers) == {401}
    keys.reactivate(actor=OPERATOR, key=created.key.id)
    assert everywhere(server, rows, created.headers) == {200}


def test_only_the_new_secret_is_allowed_after_regeneration(server: Server, rows: CommittedRows) -> None:
    """History records the regeneration once."""
    created = rows.key()
    assert everywhere(server, rows, created.headers) == {200}
    new = keys.regenerate(actor=OPERATOR, key=created.key.id).token.value
    assert everywhere(server, rows, created.headers) == {401}
    assert everywhere(server, rows, [("X-API-Key", new)]) == {200}
    assert list(Event.objects.of_target(str(created.key.id)).values_list("type", flat=True)) == ["key.regenerated"]


def test_both_secrets_are_allowed_during_the_grace_period(server: Server, rows: CommittedRows) -> None:
    """The grace period ends by time or by request."""
    created = rows.key()
    new = keys.regenerate(actor=OPERATOR, key=created.key.id, grace=timedelta(hours=1)).token.value
    assert everywhere(server, rows, created.headers) == {200}
    assert everywhere(server, rows, [("X-API-Key", new)]) == {200}
    rows.execute(
        "UPDATE secret SET not_after = clock_timestamp() WHERE key_id = %s AND not_after > now()", created.key.id
    )
    rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", created.key.id)
    assert everywhere(server, rows, created.headers) == {401}
    assert everywhere(server, rows, [("X-API-Key", new)]) == {200}

    newer = keys.regenerate(actor=OPERATOR, key=created.key.id, grace=timedelta(hours=1)).token.value
    assert everywhere(server, rows, [("X-API-Key", new)]) == {200}
    keys.end_grace(actor=OPERATOR, key=created.key.id)
    assert everywhere(server, rows, [("X-API-Key", new)]) == {401}
    assert everywhere(server, rows, [("X-API-Key", newer)]) == {200}


def test_replaced_secret_expires_with_its_key(server: Server, rows: CommittedRows) -> None:
    created = rows.key()
    keys.regenerate(actor=OPERATOR, key=created.key.id, grace=timedelta(hours=1))
    keys.revoke(actor=OPERATOR, key=created.key.id)
    assert everywhere(server, rows, created.headers) == {401}


def test_key_expires_by_the_clock_of_the_database(server: Server, rows: CommittedRows) -> None:
    """Every worker has the key cached. Calls are 200 before the expiry by that clock, and 401 from then on."""
    created = rows.key()
    rows.execute("UPDATE key SET expires_at = clock_timestamp() + interval '1.5 seconds' WHERE id = %s", created.key.id)
    seen: set[tuple[int, int]] = set()
    with server.connections_by_worker(created.headers) as workers:
        while {(pid, 401) for pid in workers} - seen:
            for pid, worker in workers.items():
                left = seconds_left(created.key)
                status = worker.request("/api/chats", created.headers).status
                if left <= 0:
                    assert status == 401
                elif seconds_left(created.key) > 0:
                    assert status == 200
                seen.add((pid, status))
    assert {status for _, status in seen} == {200, 401}
    assert len(seen) == 6


def seconds_left(key: Key) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM expires_at - clock_timestamp()) FROM key WHERE id = %s", [key.id])
        return float(cursor.fetchone()[0])


def test_keys_of_a_disabled_bot_are_denied(server: Server, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    bot = rows.bot(organisation)
    created, beside = rows.key(organisation, bot=bot), rows.key(organisation)
    assert everywhere(server, rows, created.headers) == {200}
    bots.disable(actor=OPERATOR, bot=bot.id)
    assert everywhere(server, rows, created.headers) == {401}
    assert everywhere(server, rows, beside.headers) == {200}
    bots.enable(actor=OPERATOR, bot=bot.id)
    assert everywhere(server, rows, created.headers) == {200}


def test_keys_of_a_disabled_organisation_are_denied(server: Server, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    created, elsewhere = rows.key(organisation), rows.key()
    assert everywhere(server, rows, created.headers) == {200}
    organisations.disable(actor=OPERATOR, organisation=organisation.id)
    assert everywhere(server, rows, created.headers) == {401}
    assert everywhere(server, rows, elsewhere.headers) == {200}
    organisations.enable(actor=OPERATOR, organisation=organisation.id)
    assert everywhere(server, rows, created.headers) == {200}


def test_deleted_key_is_denied(server: Server, rows: CommittedRows) -> None:
    created = rows.key()
    assert everywhere(server, rows, created.headers) == {200}
    keys.delete(actor=OPERATOR, key=created.key.id)
    assert everywhere(server, rows, created.headers) == {401}


def test_status_changes_seven_days_before_expiry(rows: CommittedRows) -> None:
    """Python and the database agree."""
    for offset, expected in ((-1, KeyStatus.EXPIRING), (60, KeyStatus.ACTIVE)):
        created = rows.key(expires_at=timezone.now() + timedelta(days=7, seconds=offset))
        assert created.key.status == expected
        assert Key.objects.with_status().get(id=created.key.id).status == expected
    key = rows.key(expires_at=timezone.now()).key
    assert key.expires_at is not None
    week, second = timedelta(days=7), timedelta(seconds=1)
    assert key.status_at(key.expires_at - week + second) == KeyStatus.EXPIRING
    assert key.status_at(key.expires_at - week) == KeyStatus.EXPIRING
    assert key.status_at(key.expires_at - week - second) == KeyStatus.ACTIVE
    assert key.status_at(key.expires_at - second) == KeyStatus.EXPIRING
    assert key.status_at(key.expires_at) == KeyStatus.EXPIRED
