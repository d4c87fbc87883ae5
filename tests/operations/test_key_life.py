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
from tests.operations.looking import latest, meter_version

# Revoke


def test_a_key_is_revoked(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory(organisation=northwind)
    keys.revoke(actor=as_actor(jonas), key=key.id, reason=" Seen in a log ")
    row = Key.objects.get()
    assert row.revoked_at is not None
    assert abs(row.revoked_at - timezone.now()) < timedelta(minutes=1)
    assert row.revoked_reason == "Seen in a log"
    event = latest()
    assert (event.type, event.reason, list(event.changes)) == ("key.revoked", "Seen in a log", ["revoked_at"])
    assert meter_version(key) == 2


def test_an_expired_one_too(northwind: Organisation) -> None:
    keys.revoke(actor=OPERATOR, key=KeyFactory(organisation=northwind, expired=True).id)


def test_once(northwind: Organisation) -> None:
    key = KeyFactory(organisation=northwind, revoked=True)
    with pytest.raises(ConflictError, match="already revoked"):
        keys.revoke(actor=OPERATOR, key=key.id)


@pytest.mark.parametrize("reason", ["x" * 301, "a\x00b"])
def test_reasons_that_are_none(northwind: Organisation, reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        keys.revoke(actor=OPERATOR, key=KeyFactory(organisation=northwind).id, reason=reason)
    assert list(refused.value.errors) == ["reason"]


def test_a_random_id_and_anothers_key_look_alike(northwind: Organisation, lena: Person) -> None:
    seen = []
    for key in (uuid4(), KeyFactory(organisation=northwind).id):
        with pytest.raises(NotFoundError) as refused:
            keys.revoke(actor=as_actor(lena), key=key)
        seen.append(refused.value.message)
    assert seen[0] == seen[1]


# Reactivate


def test_a_key_is_reactivated(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory(organisation=northwind, revoked=True)
    keys.reactivate(actor=as_actor(jonas), key=key.id, reason="A false alarm")
    row = Key.objects.get()
    assert (row.revoked_at, row.revoked_reason, row.revision) == (None, "", 2)
    event = latest()
    assert (event.type, event.reason, list(event.changes)) == ("key.reactivated", "A false alarm", ["revoked_at"])
    assert meter_version(key) == 2


@pytest.mark.parametrize("revoked", [True, False])
def test_an_expired_key_needs_a_new_expiry(northwind: Organisation, revoked: bool) -> None:
    key = KeyFactory(organisation=northwind, revoked=revoked, expired=True)
    with pytest.raises(InvalidInputError) as refused:
        keys.reactivate(actor=OPERATOR, key=key.id)
    assert refused.value.errors == {"expires_at": ["Set a new expiry first."]}
    later = timezone.now() + timedelta(days=1)
    assert keys.reactivate(actor=OPERATOR, key=key.id, expires_at=later).expires_at == later
    assert "expires_at" in latest().changes


def test_by_the_organisations_rules(northwind: Organisation) -> None:
    key = KeyFactory(organisation=northwind, expired=True)
    Organisation.objects.update(max_expiry_days=2, may_never_expire=False)
    for expiry in (None, timezone.now(), timezone.now() + timedelta(days=3)):
        with pytest.raises(InvalidInputError) as refused:
            keys.reactivate(actor=OPERATOR, key=key.id, expires_at=expiry)
        assert list(refused.value.errors) == ["expires_at"]


def test_a_working_key_is_not_reactivated(northwind: Organisation) -> None:
    with pytest.raises(ConflictError, match="not revoked"):
        keys.reactivate(actor=OPERATOR, key=KeyFactory(organisation=northwind).id)


def test_nobody_reactivates_more_than_they_hold(northwind: Organisation, jonas: Person) -> None:
    maker = as_actor(KeyFactory(organisation=northwind, scopes=["keys:write", "chats:read"]))
    for key in (
        KeyFactory(organisation=northwind, revoked=True, scopes=["chats:export"]),
        KeyFactory(organisation=northwind, revoked=True, inherits=True, creator=jonas),
    ):
        with pytest.raises(ForbiddenError):
            keys.reactivate(actor=maker, key=key.id)
        assert keys.reactivate(actor=as_actor(jonas), key=key.id)


# Delete


def test_a_key_is_deleted_with_all_that_is_its_own(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory(
        organisation=northwind,
        in_grace=True,
        networks=["10.0.0.0/8"],
        channels=[ChannelFactory(organisation=northwind)],
    )
    keys.delete(actor=as_actor(jonas), key=key.id)
    for rows in (Key, Secret, AllowListEntry, Meter, Key.scopes.through, Key.channels.through):
        assert not rows.objects.exists()


def test_history_remembers_who_it_was(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory(organisation=northwind, name="CRM", revoked=True, networks=["10.0.0.0/8"])
    used = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    Meter.objects.update(last_used_at=used)
    earlier = Event.objects.count()
    keys.delete(actor=as_actor(jonas), key=key.id)
    event = latest()
    assert Event.objects.count() == earlier + 1
    assert (event.type, event.target_id, event.target_label) == ("key.deleted", str(key.id), "CRM")
    gone = {field: before for field, (before, after) in event.changes.items() if after is None}
    assert gone["name"] == "CRM"
    assert gone["masked"] == key.masked
    assert gone["created_at"] == key.created_at.isoformat().replace("+00:00", "Z")
    assert gone["last_used_at"] == "2026-05-04T03:02:01Z"
    assert gone["revoked_reason"] == "Lost"
    assert (gone["scopes"], gone["networks"]) == (["chats:read"], ["10.0.0.0/8"])


def test_its_last_calls_are_in_the_ledger(northwind: Organisation) -> None:
    key = KeyFactory(organisation=northwind)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE meter SET minute = meter_minute(), cells[1] = 7, used = 7")
    keys.delete(actor=OPERATOR, key=key.id)
    assert UsageHour.objects.filter(key_id=key.id, outcome="ok").values_list("count", flat=True).get() == 7


def test_it_cannot_be_deleted_twice(northwind: Organisation) -> None:
    key = KeyFactory(organisation=northwind)
    keys.delete(actor=OPERATOR, key=key.id)
    with pytest.raises(NotFoundError):
        keys.delete(actor=OPERATOR, key=key.id)
