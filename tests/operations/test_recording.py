"""Every operation records one event, and events form a chain."""

import inspect
import json
from hashlib import sha256
from itertools import pairwise
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import ProtectedError

from keyadmin.core.errors import ConflictError
from keyadmin.models import ChainHead, Event, EventType, Key, Organisation, Person
from keyadmin.operations import audit, keys, organisations, people, review
from keyadmin.operations.audit import export
from keyadmin.operations.catalogue import channels, scopes, tiers
from keyadmin.operations.keys import bulk_revocation, expiry_notices, exports
from keyadmin.operations.organisations import allow_lists, bots
from keyadmin.operations.people import attempts, invitations, passwords, sessions, token_sessions
from keyadmin.operations.usage import pruning
from tests.factories import OPERATOR, KeyFactory, OrganisationFactory, as_actor
from tests.operations import cases
from tests.operations.helpers import dump, latest_event
from tests.owner import events_rejected

MODULES = (
    bots,
    bulk_revocation,
    channels,
    attempts,
    export,
    exports,
    keys,
    allow_lists,
    expiry_notices,
    invitations,
    passwords,
    pruning,
    organisations,
    people,
    review,
    scopes,
    sessions,
    tiers,
    token_sessions,
)


def public_operations(module: ModuleType) -> list[str]:
    """The public functions of a module that take `actor` by keyword: the operations."""
    found = inspect.getmembers(module, inspect.isfunction)
    return [
        name
        for name, function in found
        if not name.startswith("_")
        and function.__module__.startswith("keyadmin.operations.")
        and (parameter := inspect.signature(function).parameters.get("actor")) is not None
        and parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]


def test_every_operation_has_a_case() -> None:
    noun = {module: module.__name__.rpartition(".")[2] for module in MODULES}
    known = {f"{noun[module]}.{name}" for module in MODULES for name in public_operations(module)}
    assert known == {name.split(" ")[0] for name in cases.ALL_CASES | cases.SESSION_CASES | cases.EXPORT_CASES}


@pytest.mark.parametrize("name", cases.ALL_CASES)
def test_operation_records_one_event(world: cases.World, name: str) -> None:
    before = ChainHead.objects.get().number
    cases.ALL_CASES[name](world, OPERATOR)
    event = latest_event()
    assert event.number == before + 1 == ChainHead.objects.get().number
    assert event.type in EventType.values
    assert event.changes
    assert all(len(pair) == 2 and pair[0] != pair[1] for pair in event.changes.values())
    assert (event.actor_kind, event.actor_label, event.interface) == ("command", "command line", "command")


@pytest.mark.parametrize("name", cases.ALL_CASES | cases.SESSION_CASES)
def test_operation_that_cannot_be_recorded_changes_nothing(
    world: cases.World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(*args: Any, **kwargs: Any) -> None:
        asked.append(args)
        raise RuntimeError("history cannot be written")

    before = dump()
    monkeypatch.setattr(audit, "record", refuse)
    with pytest.raises(RuntimeError, match="history cannot be written"):
        (cases.ALL_CASES | cases.SESSION_CASES)[name](world, OPERATOR)
    assert len(asked) == 1
    assert dump() == before


def test_operation_is_rolled_back_if_the_database_rejects_its_event(world: cases.World) -> None:
    before = dump()
    with events_rejected(), pytest.raises(DatabaseError, match="permission denied for table event"):
        keys.revoke(actor=OPERATOR, key=world.key.id)
    assert dump() == before


@pytest.mark.parametrize("name", cases.ALL_CASES)
def test_no_secret_and_no_digest_enters_history(world: cases.World, name: str) -> None:
    done = cases.ALL_CASES[name](world, OPERATOR)
    told = json.dumps(Event.objects.filter(number=latest_event().number).values().get(), default=str)
    assert world.key.token not in told
    assert world.key.token.rpartition("_")[2] not in told
    if isinstance(done, keys.IssuedKey):
        assert done.token.secret not in told
        assert done.token.secret not in repr(done)


def _put_into_no_tier(key: Key) -> None:
    Key.objects.filter(id=key.id).update(tier=uuid4())
    connection.check_constraints()


def test_only_a_lost_race_is_a_conflict(db: None) -> None:
    with pytest.raises(ConflictError, match="conflicts with yours"), audit.audited_transaction():
        OrganisationFactory.create(slug=OrganisationFactory.create().slug)
    with pytest.raises(ConflictError, match="conflicts with yours"), audit.audited_transaction():
        _put_into_no_tier(KeyFactory.create())
    with pytest.raises(IntegrityError, match="key_kind_known"), audit.audited_transaction():
        KeyFactory.create(kind="other")
    with pytest.raises(ProtectedError), audit.audited_transaction():
        KeyFactory.create().tier.delete()


def test_recording_outside_transaction_raises(committed_organisation: Organisation) -> None:
    number = ChainHead.objects.get().number
    with pytest.raises(RuntimeError, match="transaction"):
        audit.record(
            EventType.BOT_EDITED, actor=OPERATOR, target=committed_organisation, organisation=committed_organisation
        )
    assert ChainHead.objects.get().number == number


def test_event_contains_actor_origin_target_and_reason(world: cases.World, maya: Person) -> None:
    actor = as_actor(maya, ip="2001:db8::1", user_agent="x" * 400, request_id="r-1")
    keys.revoke(actor=actor, key=world.key.id, reason="Seen in a log")
    event = latest_event()
    assert (event.actor_kind, event.actor_id, event.actor_label) == ("person", maya.id, "Maya Okafor")
    assert (event.ip, event.interface, event.request_id) == ("2001:db8::1", "page", "r-1")
    assert event.user_agent == "x" * 300
    assert (event.organisation_id, event.organisation_label) == (world.organisation.id, "Northwind")
    assert (event.target_kind, event.target_id, event.target_label) == ("key", str(world.key.id), world.key.name)
    assert event.reason == "Seen in a log"


def test_hash_depends_on_every_stored_field(world: cases.World, maya: Person) -> None:
    keys.revoke(actor=as_actor(maya, ip="::1.2.3.4", user_agent="nul\x00\ud800"), key=world.key.id, reason="Größe ✓")
    event = Event.objects.get(number=latest_event().number)
    assert bytes(event.hash) == audit.hash_of(event) == bytes(ChainHead.objects.get().hash)
    for field in event._meta.concrete_fields:
        if field.name in ("hash", "previous_hash", "format"):  # see test_canonical for the format
            continue
        changed = Event.objects.get(number=event.number)
        value = getattr(changed, field.name)
        other = {
            "at": value.replace(year=1999) if field.name == "at" else None,
            "number": -1,
            "changes": {"a": [1, 2]},
            "ip": "9.9.9.9",
            "actor_id": world.key.id,
            "organisation_id": world.key.id,
        }
        setattr(changed, field.name, other.get(field.name, f"{value}x"))
        assert audit.hash_of(changed) != bytes(event.hash), field.name


def test_hash_of_an_event_is_computed_as_documented(world: cases.World) -> None:
    keys.revoke(actor=OPERATOR, key=world.key.id, reason="é")
    event = latest_event()
    fields = {
        "format": 1,
        "number": event.number,
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "type": "key.revoked",
        "actor_kind": "command",
        "actor_id": None,
        "actor_label": "command line",
        "interface": "command",
        "ip": None,
        "user_agent": "",
        "request_id": "",
        "organisation_id": str(world.organisation.id),
        "organisation_label": "Northwind",
        "target_kind": "key",
        "target_id": str(world.key.id),
        "target_label": world.key.name,
        "changes": event.changes,
        "reason": "é",
    }
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert bytes(event.hash) == sha256(bytes(event.previous_hash) + text.encode()).digest()


def test_invalidation_without_version_raises(northwind: Organisation) -> None:
    for invalidation in (audit.Invalidation(keys=[northwind.id]), audit.Invalidation(organisations=[Key().id])):
        with pytest.raises(RuntimeError, match="no version"), transaction.atomic():
            audit.record(EventType.BOT_EDITED, actor=OPERATOR, target=northwind, invalidate=invalidation)


def test_target_without_row_is_recorded(db: None) -> None:
    target = audit.Target("person", "", "unknown@example.com")
    with transaction.atomic():
        event = audit.record(EventType.SIGN_IN_FAILED, actor=OPERATOR, target=target)
    assert (event.target_id, event.target_label, event.organisation_id) == ("", "unknown@example.com", None)


def test_events_form_a_chain(db: None) -> None:
    organisation = OrganisationFactory.create()
    for number in range(3):
        bots.create(actor=OPERATOR, organisation=organisation.id, name=f"Bot {number}")
    events = list(Event.objects.order_by("-number")[:3])[::-1]
    for before, after in pairwise(events):
        assert after.number == before.number + 1
        assert bytes(after.previous_hash) == bytes(before.hash)
        assert after.at >= before.at
