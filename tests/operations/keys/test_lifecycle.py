"""Revoke, reactivate and delete a key."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.models import AllowListEntry, Event, Key, Meter, Organisation, Person, Secret, UsageHour
from keyadmin.operations import keys
from tests.factories import OPERATOR, ChannelFactory, KeyFactory, as_actor
from tests.operations.helpers import latest_event, meter_version

# Revoke


def test_revoked_key_records_time_and_reason(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory.create(organisation=northwind)
    keys.revoke(actor=as_actor(jonas), key=key.id, reason=" Seen in a log ")
    row = Key.objects.get()
    assert row.revoked_at is not None
    assert abs(row.revoked_at - timezone.now()) < timedelta(minutes=1)
    assert row.revoked_reason == "Seen in a log"
    event = latest_event()
    assert (event.type, event.reason, list(event.changes)) == ("key.revoked", "Seen in a log", ["revoked_at"])
    assert meter_version(key) == 2


def test_expired_key_can_be_revoked(northwind: Organisation) -> None:
    keys.revoke(actor=OPERATOR, key=KeyFactory.create(organisation=northwind, expired=True).id)


def test_revoked_key_cannot_be_revoked_again(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, revoked=True)
    with pytest.raises(ConflictError, match="already revoked"):
        keys.revoke(actor=OPERATOR, key=key.id)


@pytest.mark.parametrize("reason", ["x" * 301, "a\x00b"])
def test_invalid_reason_is_rejected(northwind: Organisation, reason: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        keys.revoke(actor=OPERATOR, key=KeyFactory.create(organisation=northwind).id, reason=reason)
    assert list(raised.value.errors) == ["reason"]


def test_unknown_key_and_unseen_key_get_the_same_error(northwind: Organisation, lena: Person) -> None:
    seen = []
    for key in (uuid4(), KeyFactory.create(organisation=northwind).id):
        with pytest.raises(NotFoundError) as raised:
            keys.revoke(actor=as_actor(lena), key=key)
        seen.append(raised.value.message)
    assert seen[0] == seen[1]


# Reactivate


def test_revoked_key_is_reactivated(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory.create(organisation=northwind, revoked=True)
    keys.reactivate(actor=as_actor(jonas), key=key.id, reason="A false alarm")
    row = Key.objects.get()
    assert (row.revoked_at, row.revoked_reason, row.revision) == (None, "", 2)
    event = latest_event()
    assert (event.type, event.reason) == ("key.reactivated", "A false alarm")
    assert set(event.changes) == {"revoked_at", "revoked_reason"}
    assert meter_version(key) == 2


@pytest.mark.parametrize("revoked", [True, False])
def test_expired_key_needs_a_new_expiry_to_be_reactivated(northwind: Organisation, revoked: bool) -> None:
    key = KeyFactory.create(organisation=northwind, revoked=revoked, expired=True)
    with pytest.raises(InvalidInputError) as raised:
        keys.reactivate(actor=OPERATOR, key=key.id)
    assert raised.value.errors == {"expires_at": ["Set a new expiry first."]}
    later = timezone.now() + timedelta(days=1)
    assert keys.reactivate(actor=OPERATOR, key=key.id, expires_at=later).expires_at == later
    assert "expires_at" in latest_event().changes


def test_reactivation_follows_the_organisations_expiry_rules(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, expired=True)
    Organisation.objects.update(max_expiry_days=2, may_never_expire=False)
    for expiry in (None, timezone.now(), timezone.now() + timedelta(days=3)):
        with pytest.raises(InvalidInputError) as raised:
            keys.reactivate(actor=OPERATOR, key=key.id, expires_at=expiry)
        assert list(raised.value.errors) == ["expires_at"]


def test_working_key_cannot_be_reactivated(northwind: Organisation) -> None:
    with pytest.raises(ConflictError, match="neither revoked nor expired"):
        keys.reactivate(actor=OPERATOR, key=KeyFactory.create(organisation=northwind).id)


def test_key_beyond_the_actors_ceiling_is_not_reactivated(northwind: Organisation, jonas: Person) -> None:
    maker = as_actor(KeyFactory.create(organisation=northwind, scopes=["keys:write", "chats:read"]))
    for key in (
        KeyFactory.create(organisation=northwind, revoked=True, scopes=["chats:export"]),
        KeyFactory.create(organisation=northwind, revoked=True, inherits=True, creator=jonas),
    ):
        with pytest.raises(ForbiddenError):
            keys.reactivate(actor=maker, key=key.id)
        assert keys.reactivate(actor=as_actor(jonas), key=key.id)


# Delete


def test_deleted_key_takes_its_rows_with_it(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory.create(
        organisation=northwind,
        in_grace=True,
        networks=["10.0.0.0/8"],
        channels=[ChannelFactory.create(organisation=northwind)],
    )
    keys.delete(actor=as_actor(jonas), key=key.id)
    for rows in (Key, Secret, AllowListEntry, Meter, Key.scopes.through, Key.channels.through):
        assert not rows.objects.exists()


def test_history_of_a_deleted_key_keeps_its_last_state(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory.create(organisation=northwind, name="CRM", revoked=True, networks=["10.0.0.0/8"])
    used = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    Meter.objects.update(last_used_at=used)
    earlier = Event.objects.count()
    keys.delete(actor=as_actor(jonas), key=key.id)
    event = latest_event()
    assert Event.objects.count() == earlier + 1
    assert (event.type, event.target_id, event.target_label) == ("key.deleted", str(key.id), "CRM")
    gone = {field: before for field, (before, after) in event.changes.items() if after is None}
    assert gone["name"] == "CRM"
    assert gone["masked"] == key.masked
    assert gone["created_at"] == key.created_at.isoformat().replace("+00:00", "Z")
    assert gone["last_used_at"] == "2026-05-04T03:02:01Z"
    assert gone["revoked_reason"] == "Lost"
    assert (gone["scopes"], gone["networks"]) == (["chats:read"], ["10.0.0.0/8"])


def test_last_calls_of_a_deleted_key_are_in_the_ledger(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE meter SET minute = meter_minute(), cells[1] = 7, used = 7")
    keys.delete(actor=OPERATOR, key=key.id)
    assert UsageHour.objects.filter(key_id=key.id, outcome="ok").values_list("count", flat=True).get() == 7


def test_deleted_key_cannot_be_deleted_again(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind)
    keys.delete(actor=OPERATOR, key=key.id)
    with pytest.raises(NotFoundError):
        keys.delete(actor=OPERATOR, key=key.id)
