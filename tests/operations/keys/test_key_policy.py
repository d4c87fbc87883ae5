"""The organisation's rules on key life: the maximum lifetime, and whether keys may never expire.

They apply to every kind of key, whenever a key is created, gets another expiry, is regenerated or reactivated.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from keyadmin.core.errors import InvalidInputError
from keyadmin.models import Finding, Key, KeyKind, Organisation, review
from keyadmin.operations import keys
from tests.factories import OPERATOR, BotFactory, KeyFactory
from tests.operations.helpers import issue, latest_event

DAY = timedelta(days=1)


@pytest.fixture
def strict(northwind: Organisation) -> Organisation:
    """Northwind, whose keys must expire within 30 days."""
    Organisation.objects.filter(id=northwind.id).update(max_expiry_days=30, may_never_expire=False)
    northwind.refresh_from_db()
    return northwind


def key_of(organisation: Organisation, kind: KeyKind, **fields: Any) -> Key:
    bot = BotFactory.create(organisation=organisation) if kind == KeyKind.BOT else None
    key: Key = KeyFactory.create(organisation=organisation, bot=bot, kind=kind, **fields)
    return key


ACTS: dict[str, Callable[..., Any]] = {
    "regenerate": lambda key, **values: keys.regenerate(actor=OPERATOR, key=key.id, **values),
    "reactivate": lambda key, **values: keys.reactivate(actor=OPERATOR, key=key.id, **values),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("kind", KeyKind)
@pytest.mark.parametrize(("expiry", "message"), [(None, "must have one"), (31 * DAY, "at most 30 days")])
def test_key_that_breaks_the_rules_needs_a_new_expiry(
    strict: Organisation, kind: KeyKind, act: str, expiry: timedelta | None, message: str
) -> None:
    expires_at = timezone.now() + expiry if expiry else None
    key = key_of(strict, kind, expires_at=expires_at, revoked=act == "reactivate")
    for values in ({}, {"expires_at": None}, {"expires_at": timezone.now() + 31 * DAY}):
        with pytest.raises(InvalidInputError) as raised:
            ACTS[act](key, **values)
        assert list(raised.value.errors) == ["expires_at"]
    with pytest.raises(InvalidInputError, match=message):
        ACTS[act](key)
    new = timezone.now() + 29 * DAY
    ACTS[act](key, expires_at=new)
    assert Key.objects.get(id=key.id).expires_at == new
    assert "expires_at" in latest_event().changes


@pytest.mark.parametrize("act", ACTS)
def test_key_within_the_rules_keeps_its_expiry(strict: Organisation, act: str) -> None:
    expires_at = timezone.now() + 29 * DAY
    key = KeyFactory.create(organisation=strict, expires_at=expires_at, revoked=act == "reactivate")
    ACTS[act](key)
    assert Key.objects.get(id=key.id).expires_at == expires_at
    assert "expires_at" not in latest_event().changes


def test_grace_may_last_until_the_new_expiry(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, expires_at=timezone.now() + timedelta(minutes=5))
    keys.regenerate(actor=OPERATOR, key=key.id, grace=2 * DAY, expires_at=timezone.now() + DAY)
    old = key.secrets.get(not_after__isnull=False)
    assert old.not_after == Key.objects.get(id=key.id).expires_at


def test_public_key_expires_only_if_the_rules_demand_it(strict: Organisation, contoso: Organisation) -> None:
    with pytest.raises(InvalidInputError, match="must have one"):
        issue(None, strict, kind=KeyKind.PUBLIC)
    with pytest.raises(InvalidInputError, match="valid until you delete it"):
        issue(None, contoso, kind=KeyKind.PUBLIC, expires_at=timezone.now() + DAY)
    key = issue(None, strict, kind=KeyKind.PUBLIC, expires_at=timezone.now() + DAY).key
    Organisation.objects.update(may_never_expire=True)
    keys.regenerate(actor=OPERATOR, key=key.id)
    keys.regenerate(actor=OPERATOR, key=key.id, expires_at=None)
    assert Key.objects.get(id=key.id).expires_at is None


@pytest.mark.parametrize(
    ("rules", "kind", "days"),
    [
        ({}, KeyKind.STANDARD, 90),
        ({}, KeyKind.BOT, None),
        ({}, KeyKind.PUBLIC, None),
        ({"may_never_expire": False}, KeyKind.BOT, 90),
        ({"may_never_expire": False, "default_expiry_days": 20}, KeyKind.PUBLIC, 20),
        ({"may_never_expire": False, "default_expiry_days": None, "max_expiry_days": 7}, KeyKind.PUBLIC, 7),
        ({"default_expiry_days": None}, KeyKind.MASTER, None),
    ],
)
def test_default_expiry_follows_rules_and_kind(
    northwind: Organisation, rules: dict[str, Any], kind: KeyKind, days: int | None
) -> None:
    for name, value in ({"default_expiry_days": 90} | rules).items():
        setattr(northwind, name, value)
    assert keys.default_days(northwind, kind) == days


@pytest.mark.parametrize(
    ("rules", "expiry", "is_found"),
    [
        ({}, None, False),
        ({"may_never_expire": False}, None, True),
        ({"max_expiry_days": 30}, None, False),
        ({"max_expiry_days": 30}, 31 * DAY, True),
        ({"max_expiry_days": 30}, 29 * DAY, False),
        ({"max_expiry_days": 30, "may_never_expire": False}, 29 * DAY, False),
    ],
)
def test_review_lists_keys_that_break_the_present_rules(
    northwind: Organisation, rules: dict[str, Any], expiry: timedelta | None, *, is_found: bool
) -> None:
    key = KeyFactory.create(organisation=northwind, expires_at=timezone.now() + expiry if expiry else None)
    Organisation.objects.filter(id=northwind.id).update(**rules)
    [row] = review.review_keys(Key.objects.filter(id=key.id))
    assert (Finding.OUTSIDE_POLICY in row.findings) == is_found
