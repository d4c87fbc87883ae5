"""A change applies to every call that starts after its commit, in every worker, although workers cache snapshots."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction

from keyadmin.callpath.authorize import authorize
from keyadmin.callpath.rules import Call
from keyadmin.callpath.state import state
from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.core.callers import Caller as Authenticated
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.core.routes import Route
from keyadmin.models import Organisation, Person
from keyadmin.operations import keys, organisations, people
from keyadmin.operations.catalogue import channels, scopes, tiers
from keyadmin.operations.organisations import allow_lists, bots
from tests.fixtures.committed_rows import CommittedRows, CreatedKey, Pairs
from tests.live.client import Connection
from tests.live.servers import Server

OPERATOR = Actor(kind=ActorKind.COMMAND, id=None, label="command line", interface=Interface.COMMAND)
REVOCATIONS = 50


class Caller(Thread):
    """Calls without pause on its connection, and records when each call started and its status."""

    def __init__(self, worker: Connection, headers: Pairs) -> None:
        super().__init__(daemon=True)
        self.worker, self.headers = worker, headers
        self.seen: list[tuple[float, int]] = []
        self.warm, self.enough = Event(), Event()

    def run(self) -> None:
        while not self.enough.is_set():
            started = time.monotonic()
            self.seen.append((started, self.worker.request("/api/chats", self.headers).status))
            if len(self.seen) == 2:
                self.warm.set()

    def started_after(self, moment: float) -> list[int]:
        return [status for started, status in self.seen if started > moment]


def test_no_call_after_a_revocation_is_allowed_under_load(server: Server, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    control = rows.key(organisation, limit=1_000_000)
    with server.connections_by_worker(control.headers) as workers:
        for _ in range(REVOCATIONS):
            created = rows.key(organisation)
            callers = [Caller(worker, created.headers) for worker in workers.values()]
            for caller in callers:
                caller.start()
            for caller in callers:
                assert caller.warm.wait(10)
            keys.revoke(actor=OPERATOR, key=created.key.id)
            committed_at = time.monotonic()
            for caller in callers:
                while len(caller.started_after(committed_at)) < 3:
                    assert caller.is_alive()
                    time.sleep(0.001)
                caller.enough.set()
                caller.join()
            for caller in callers:
                assert {status for _, status in caller.seen[:2]} == {200}
                assert set(caller.started_after(committed_at)) == {401}
            for pid, worker in workers.items():
                assert worker.request("/api/chats", control.headers).json["pid"] == pid


def revoke(rows: CommittedRows, created: CreatedKey) -> None:
    keys.revoke(actor=OPERATOR, key=created.key.id)


def delete(rows: CommittedRows, created: CreatedKey) -> None:
    keys.delete(actor=OPERATOR, key=created.key.id)


def regenerate(rows: CommittedRows, created: CreatedKey) -> None:
    keys.regenerate(actor=OPERATOR, key=created.key.id)


def disable_bot(rows: CommittedRows, created: CreatedKey) -> None:
    assert created.key.bot is not None
    bots.disable(actor=OPERATOR, bot=created.key.bot.id)


def disable_organisation(rows: CommittedRows, created: CreatedKey) -> None:
    organisations.disable(actor=OPERATOR, organisation=created.key.organisation_id)


def restrict_key(rows: CommittedRows, created: CreatedKey) -> None:
    allow_lists.add(actor=OPERATOR, network="192.0.2.0/24", key=created.key.id)


def restrict_bot(rows: CommittedRows, created: CreatedKey) -> None:
    assert created.key.bot is not None
    allow_lists.add(actor=OPERATOR, network="192.0.2.0/24", bot=created.key.bot.id)


def take_scope(rows: CommittedRows, created: CreatedKey) -> None:
    keys.edit(actor=OPERATOR, key=created.key.id, revision=None, scopes={"contacts:manage"})


def restrict_channel(rows: CommittedRows, created: CreatedKey) -> None:
    channel = rows.channel(created.key.organisation, "sms")
    keys.edit(actor=OPERATOR, key=created.key.id, revision=None, channels={channel.id})


def lower_limit(rows: CommittedRows, created: CreatedKey) -> None:
    tiers.edit(actor=OPERATOR, tier=created.key.tier_id, hourly_limit=1)


def expire(rows: CommittedRows, created: CreatedKey) -> None:
    """Expires the key at once."""
    rows.execute("UPDATE key SET expires_at = clock_timestamp() WHERE id = %s", created.key.id)
    rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", created.key.id)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (revoke, 401),
        (delete, 401),
        (regenerate, 401),
        (expire, 401),
        (disable_bot, 401),
        (disable_organisation, 401),
        (restrict_key, 403),
        (restrict_bot, 403),
        (take_scope, 403),
        (restrict_channel, 403),
        (lower_limit, 429),
    ],
)
def test_change_applies_to_the_next_call_of_every_worker(
    server: Server, rows: CommittedRows, change: Callable[[CommittedRows, CreatedKey], None], status: int
) -> None:
    organisation = rows.organisation()
    created = rows.key(organisation, bot=rows.bot(organisation), limit=10_000)
    assert changed(server, created, lambda: change(rows, created)) == {status}


def changed(server: Server, created: CreatedKey, change: Callable[[], None]) -> set[int]:
    """The statuses of one call to each worker after the change. Every worker had the key cached."""
    with server.connections_by_worker(created.headers) as workers:
        for worker in workers.values():
            assert worker.request("/api/chats", created.headers).status == 200
        change()
        return {worker.request("/api/chats", created.headers).status for worker in workers.values()}


def remove_role(creator: Person, organisation: Organisation) -> None:
    people.remove_role(actor=OPERATOR, person=creator.id, organisation=organisation.id)


def demote(creator: Person, organisation: Organisation) -> None:
    people.set_role(actor=OPERATOR, person=creator.id, organisation=organisation.id, role="member")


def deactivate(creator: Person, organisation: Organisation) -> None:
    people.deactivate(actor=OPERATOR, person=creator.id)


def take_system_role(creator: Person, organisation: Organisation) -> None:
    people.set_system_role(actor=OPERATOR, person=creator.id, system_role="")


@pytest.mark.parametrize(
    ("role", "system_role", "lose"),
    [
        ("owner", "", remove_role),
        ("owner", "", demote),
        ("owner", "", deactivate),
        ("member", "administrator", take_system_role),
        ("member", "administrator", deactivate),
    ],
)
def test_inheriting_key_loses_what_its_creator_loses(
    server: Server, rows: CommittedRows, role: str, system_role: str, lose: Callable[[Person, Organisation], None]
) -> None:
    rows.person(system_role="administrator")  # the last one could not be removed
    organisation = rows.organisation()
    creator = rows.person(organisation, role, system_role=system_role)
    created = rows.key(organisation, inherits=True, creator=creator, scopes=())
    assert changed(server, created, lambda: lose(creator, organisation)) == {403}


def test_route_of_a_new_scope_opens_and_of_a_removed_scope_closes(server: Server, rows: CommittedRows) -> None:
    creator = rows.person(system_role="administrator")
    created = rows.key(inherits=True, creator=creator, scopes=())
    with server.connections_by_worker(created.headers) as workers:
        assert {worker.request("/api/orders", created.headers).status for worker in workers.values()} == {403}
        scopes.create(
            actor=OPERATOR,
            name="orders:read",
            resource="Orders",
            label="Read orders",
            ability="read orders",
            explanation="Orders.",
            routes=[Route("GET", "/api/orders", "orders:read")],
        )
        assert {worker.request("/api/orders", created.headers).status for worker in workers.values()} == {200}
        scopes.remove(actor=OPERATOR, scope="orders:read")
        assert {worker.request("/api/orders", created.headers).status for worker in workers.values()} == {403}


def test_changed_channel_slug_applies_at_once(server: Server, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    sms = rows.channel(organisation, "sms")
    created = rows.key(organisation, channels=(sms,), scopes=("chats:read", "contacts:manage"))
    with server.connect() as worker:
        named = [*created.headers, ("X-Channel", "sms")]
        assert worker.request("/api/chats", named).status == 200
        slug = channels.rename(actor=OPERATOR, channel=sms.id, name="Short messages").slug
        assert worker.request("/api/chats", [*created.headers, ("X-Channel", slug)]).status == 200
        assert worker.request("/api/chats", named).status == (200 if slug == "sms" else 403)


def test_call_that_waits_for_a_revocation_is_denied(rows: CommittedRows, settings: Any) -> None:
    """The call started before the commit, and waited for the meter's row."""
    settings.KEYADMIN_CALL_DEADLINE_SECONDS = 60  # it must not give up before this test has seen it wait
    created = rows.key()
    call = Call("GET", "/api/chats", None)
    assert isinstance(authorize(created.token, call), Authenticated)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            rows.execute("UPDATE key SET revoked_at = clock_timestamp() WHERE id = %s", created.key.id)
            rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", created.key.id)
            waiting = pool.submit(authorize, created.token, call)
            while not somebody_waits_for_us():
                assert not waiting.done()
        verdict = waiting.result()
        pool.submit(state.database.discard).result()
    assert isinstance(verdict, Denial)
    assert verdict.reason is DenialReason.REVOKED
    assert rows.meter(created).total == 1


def somebody_waits_for_us() -> bool:
    """Reads pg_locks: pg_stat_activity shows the same sessions until the end of a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("""SELECT EXISTS (SELECT FROM pg_locks
            WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))""")
        return bool(cursor.fetchone()[0])
