"""Regenerate a key's secret, with and without a grace period for the old one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from keyadmin.core import tokens
from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError
from keyadmin.models import Key, Organisation, Person, Secret
from keyadmin.operations import keys
from tests.factories import OPERATOR, KeyFactory, KeyWithToken, as_actor
from tests.operations.helpers import latest_event, meter_version

HOUR = timedelta(hours=1)


def digests(key: Key, *, in_grace: bool) -> list[bytes]:
    return [bytes(secret.digest) for secret in key.secrets.filter(not_after__isnull=not in_grace)]


def digest(token: str) -> bytes:
    return tokens.digest(token, bytes.fromhex("22" * 32))


@pytest.fixture
def key(northwind: Organisation) -> KeyWithToken:
    key: KeyWithToken = KeyFactory.create(organisation=northwind)
    return key


def test_old_secret_stops_at_once_without_grace(key: KeyWithToken, jonas: Person) -> None:
    issued = keys.regenerate(actor=as_actor(jonas), key=key.id)
    assert issued.token.value != key.token
    assert digests(key, in_grace=False) == [digest(issued.token.value)]
    assert digests(key, in_grace=True) == []


def test_old_secret_works_until_its_grace_ends(key: KeyWithToken) -> None:
    issued = keys.regenerate(actor=OPERATOR, key=key.id, grace=HOUR)
    old = key.secrets.get(not_after__isnull=False)
    assert bytes(old.digest) == digest(key.token)
    assert old.not_after
    assert abs(old.not_after - timezone.now() - HOUR) < timedelta(minutes=1)
    assert digests(key, in_grace=False) == [digest(issued.token.value)]


def test_regenerated_key_keeps_its_id_and_values(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, networks=["10.0.0.0/8"], expiring=True)
    Organisation.objects.update(key_prefix="new", key_format="compact")
    row = keys.regenerate(actor=OPERATOR, key=key.id).key
    assert (row.id, row.key_id, row.recognition) == (key.id, key.key_id, key.recognition)
    assert (row.prefix, row.format, row.revision) == (key.prefix, key.format, 2)
    assert (row.expires_at, row.allow_list.count(), row.scopes.count()) == (key.expires_at, 1, 1)


def test_compact_key_is_recognised_by_its_new_secret(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, compact=True)
    issued = keys.regenerate(actor=OPERATOR, key=key.id)
    assert (issued.token.format, issued.token.key_id) == (tokens.KeyFormat.COMPACT, None)
    assert Key.objects.get().recognition == issued.token.secret[:8]


def test_displayed_key_id_belongs_to_the_new_secret(key: Key) -> None:
    issued = keys.regenerate(actor=OPERATOR, key=key.id)
    row = Key.objects.get()
    assert (row.key_id, row.recognition) == (issued.token.key_id, issued.token.recognition)


def test_key_never_has_more_than_two_secrets(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, in_grace=True)
    keys.regenerate(actor=OPERATOR, key=key.id, grace=HOUR)
    assert digests(key, in_grace=True) == [digest(key.token)]
    assert Secret.objects.count() == 2
    keys.regenerate(actor=OPERATOR, key=key.id)
    assert Secret.objects.count() == 1


def test_grace_ends_when_the_key_expires(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, expires_at=timezone.now() + timedelta(minutes=5))
    keys.regenerate(actor=OPERATOR, key=key.id, grace=HOUR)
    assert key.secrets.get(not_after__isnull=False).not_after == key.expires_at


def test_regeneration_is_recorded_and_bumps_the_version(key: Key) -> None:
    keys.regenerate(actor=OPERATOR, key=key.id, grace=HOUR)
    event = latest_event()
    assert (event.type, event.target_id) == ("key.regenerated", str(key.id))
    until = key.secrets.get(not_after__isnull=False).not_after
    assert until
    assert event.changes["old_secret_until"] == [None, until.isoformat().replace("+00:00", "Z")]
    assert meter_version(key) == 2


@pytest.mark.parametrize("state", ["revoked", "expired"])
def test_revoked_or_expired_key_is_not_regenerated(northwind: Organisation, state: str) -> None:
    key = KeyFactory.create(organisation=northwind, **{state: True})
    with pytest.raises(ConflictError, match="Reactivate it first"):
        keys.regenerate(actor=OPERATOR, key=key.id)


@pytest.mark.parametrize("grace", [timedelta(seconds=-1), timedelta(days=7, seconds=1), timedelta.max])
def test_invalid_grace_is_rejected(key: Key, grace: timedelta) -> None:
    with pytest.raises(InvalidInputError) as raised:
        keys.regenerate(actor=OPERATOR, key=key.id, grace=grace)
    assert list(raised.value.errors) == ["grace"]


def test_key_beyond_the_actors_ceiling_is_not_regenerated(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, scopes=["chats:read", "chats:export"])
    maker = as_actor(KeyFactory.create(organisation=northwind, scopes=["keys:write", "chats:read"]))
    with pytest.raises(ForbiddenError, match="chats:export"):
        keys.regenerate(actor=maker, key=key.id)


def test_inheriting_key_beyond_the_actors_ceiling_is_not_regenerated(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory.create(organisation=northwind, inherits=True, creator=jonas)
    maker = as_actor(KeyFactory.create(organisation=northwind, scopes=["keys:write", "chats:read"]))
    with pytest.raises(ForbiddenError):
        keys.regenerate(actor=maker, key=key.id)


def test_grace_of_the_old_secret_can_be_ended_early(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, in_grace=True)
    keys.end_grace(actor=OPERATOR, key=key.id)
    assert digests(key, in_grace=True) == []
    assert digests(key, in_grace=False) == [digest(key.token)]
    assert latest_event().type == "key.grace_ended"
    assert meter_version(key) == 2


def test_ended_grace_cannot_be_ended_again(key: Key) -> None:
    with pytest.raises(ConflictError, match="already stopped working"):
        keys.end_grace(actor=OPERATOR, key=key.id)
