"""The findings of the review report, and the keys that it leaves out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from keyadmin.models import Finding, Key, Organisation, Person, Role, Scope, review
from tests.factories import BotFactory, KeyFactory, PersonFactory, member_of, use_key

F = Finding
NOW = timezone.now()
#: The whole catalogue without impersonation, which only master keys may have.
ALL_SCOPES = [
    "chats:read",
    "chats:write",
    "chats:export",
    "contacts:manage",
    "contacts:assign",
    "messages:send",
    "templates:read",
    "templates:send",
    "templates:manage",
    "flows:manage",
    "chatbots:manage",
    "campaigns:manage",
    "analytics:read",
    "keys:read",
    "keys:write",
    "keys:verify",
    "history:read",
]


@pytest.fixture
def quiet(northwind: Organisation) -> Callable[..., Key]:
    """Creates a key without findings, used today with its only permission; arguments override its fields."""

    def make(*, used: int | None = 0, used_scopes: Any = ("chats:read",), **fields: Any) -> Key:
        usual = {"organisation": northwind, "networks": ["10.0.0.0/8"], "expires_at": NOW + timedelta(days=30)}
        key: Key = KeyFactory.create(**usual | fields)
        if used is not None:
            use_key(key, *used_scopes, days=used)
        return key

    return make


def found(key: Key) -> review.KeyReview:
    [row] = review.review_keys(review.reviewable(Key.objects.filter(id=key.id)))
    return row


@pytest.mark.parametrize(
    ("fields", "findings"),
    [
        ({}, set()),
        ({"used": None}, {F.NEVER_USED, F.PERMISSIONS}),
        ({"used": 89}, set()),
        ({"used": 91}, {F.UNUSED, F.PERMISSIONS}),
        ({"expires_at": None}, {F.NO_EXPIRY}),
        ({"expires_at": NOW + timedelta(days=6)}, {F.EXPIRING}),
        ({"expires_at": NOW + timedelta(days=8)}, set()),
        ({"networks": []}, {F.OPEN}),
        ({"scopes": ["chats:read", "chats:write"]}, {F.PERMISSIONS}),
        ({"scopes": ["chats:read", "chats:write"], "used_scopes": ["chats:read", "chats:write"]}, set()),
        ({"scopes": []}, set()),
        ({"scopes": ALL_SCOPES, "used_scopes": ALL_SCOPES}, {F.FULL_ACCESS}),
        ({"scopes": ALL_SCOPES[1:], "used_scopes": ALL_SCOPES}, set()),
        ({"scopes": ALL_SCOPES, "used_scopes": ALL_SCOPES, "master": True}, set()),
    ],
)
def test_key_has_expected_findings(quiet: Callable[..., Key], fields: dict[str, Any], findings: set[Finding]) -> None:
    assert set(ALL_SCOPES) | {"users:impersonate"} == set(Scope.objects.values_list("name", flat=True))
    assert set(found(quiet(**fields)).findings) == findings


@pytest.mark.parametrize(("gone", "is_listed"), [("revoked", False), ("expired", False), ("disabled", True)])
def test_revoked_and_expired_keys_are_not_reviewed(
    quiet: Callable[..., Key], northwind: Organisation, gone: str, *, is_listed: bool
) -> None:
    if gone == "disabled":
        key = quiet(bot=BotFactory.create(organisation=northwind, disabled=True))
    else:
        key = quiet(expires_at=NOW - timedelta(seconds=1)) if gone == "expired" else quiet(revoked=True)
    assert review.reviewable(Key.objects.filter(id=key.id)).exists() == is_listed


def test_allow_list_of_bot_closes_its_keys(quiet: Callable[..., Key], northwind: Organisation) -> None:
    listed = BotFactory.create(organisation=northwind, networks=["10.0.0.0/16"])
    assert found(quiet(bot=listed, networks=[])).findings == ()
    assert found(quiet(bot=BotFactory.create(organisation=northwind), networks=[])).findings == (F.OPEN,)


@pytest.mark.parametrize(
    ("role", "system_role", "kind", "scopes"),
    [
        (Role.OWNER, "", "standard", set(ALL_SCOPES)),
        (Role.AUDITOR, "", "standard", {"keys:read", "history:read"}),
        (Role.MEMBER, "", "standard", set()),
        (None, "administrator", "standard", set(ALL_SCOPES)),
        (None, "administrator", "master", {*ALL_SCOPES, "users:impersonate"}),
        (None, "auditor", "standard", {"keys:read", "history:read"}),
        (None, "", "standard", set()),
    ],
)
def test_inheriting_key_has_scopes_of_its_creator(
    quiet: Callable[..., Key], northwind: Organisation, role: Role | None, system_role: str, kind: str, scopes: set[str]
) -> None:
    person = PersonFactory.create(system_role=system_role)
    if role:
        person.memberships.create(organisation=northwind, role=role)
    key = quiet(inherits=True, creator=person, kind=kind, used_scopes=("keys:read", "chats:read"))
    row = found(key)
    assert row.scopes == scopes
    assert row.unused == scopes - {"keys:read", "chats:read"}
    assert (F.PERMISSIONS in row.findings) == bool(row.unused)
    assert F.FULL_ACCESS in row.findings
    assert (F.OWNER_GONE in row.findings) == (role is None and not system_role)
    Person.objects.filter(id=person.id).update(is_active=False)
    assert found(key).scopes == set()
    assert F.OWNER_GONE in found(key).findings


def test_key_whose_creator_left_is_found(
    quiet: Callable[..., Key], northwind: Organisation, contoso: Organisation
) -> None:
    bot = BotFactory.create(organisation=northwind, networks=["10.0.0.0/16"])
    keys = {
        "there": quiet(creator=member_of(northwind)),
        "left": quiet(creator=member_of(contoso)),
        "deactivated": quiet(creator=member_of(northwind, deactivated=True)),
        "of a bot": quiet(bot=bot, creator=PersonFactory.create()),
        "made by a command": quiet(creator=None),
    }
    gone = {name for name, key in keys.items() if found(key).findings == (F.OWNER_GONE,)}
    assert gone == {"left", "deactivated", "of a bot"}


def test_iteration_returns_all_keys_in_small_pages(quiet: Callable[..., Key]) -> None:
    made = [quiet(networks=[], created_at=NOW - timedelta(hours=hour)) for hour in range(5)]
    quiet(created_at=NOW)
    assert [key.id for key, _row in review.iterate(Key.objects.all(), batch_size=2)] == [key.id for key in made]
    assert list(review.iterate(Key.objects.none())) == []
