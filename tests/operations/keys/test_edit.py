"""Edit a key: the set fields change, nothing else does, and no editor exceeds their own privileges."""

from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.utils import timezone

from keyadmin.core.cidr import parse
from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.models import AllowListEntry, Key, Organisation, Person, Role, Tier
from keyadmin.operations import keys
from keyadmin.operations.organisations import allow_lists
from tests.factories import OPERATOR, BotFactory, ChannelFactory, KeyFactory, PersonFactory, as_actor, member_of
from tests.operations.helpers import dump, latest_event, meter_version, version


@pytest.fixture
def key(northwind: Organisation) -> Key:
    key: Key = KeyFactory.create(organisation=northwind, name="CI", scopes=["chats:read"], networks=["10.0.0.0/8"])
    return key


def edit(who: Person | Key | None, key: Key, revision: int | None = 1, **kwargs: Any) -> Key:
    return keys.edit(actor=as_actor(who) if who else OPERATOR, key=key.id, revision=revision, **kwargs)


def test_edit_changes_the_set_fields_only(key: Key, jonas: Person) -> None:
    kept = AllowListEntry.objects.get()
    channel = ChannelFactory.create(organisation=key.organisation, name="Telegram")
    ends = timezone.now() + timedelta(days=1)
    edit(
        jonas,
        key,
        name="CD",
        scopes=["chats:write"],
        channels=[channel.id],
        expires_at=ends,
        networks=[parse("10.0.0.0/8"), parse("192.0.2.0/24")],
    )
    row = Key.objects.get()
    assert (row.name, row.description, row.expires_at, row.revision) == ("CD", "", ends, 2)
    assert [scope.name for scope in row.scopes.all()] == ["chats:write"]
    assert list(row.channels.all()) == [channel]
    assert {str(entry.network) for entry in row.allow_list.all()} == {"10.0.0.0/8", "192.0.2.0/24"}
    assert AllowListEntry.objects.filter(id=kept.id).exists()
    assert latest_event().type == "key.edited"
    assert latest_event().changes == {
        "name": ["CI", "CD"],
        "scopes": [["chats:read"], ["chats:write"]],
        "channels": [[], ["Telegram"]],
        "networks": [["10.0.0.0/8"], ["10.0.0.0/8", "192.0.2.0/24"]],
        "expires_at": [None, ends.isoformat().replace("+00:00", "Z")],
    }


def test_edit_bumps_the_version_of_the_key_only(key: Key) -> None:
    edit(None, key, scopes=["chats:write"])
    assert meter_version(key) == 2
    assert (version(key.organisation), version()) == (1, 1)


def test_edit_keeps_the_secret(key: Key) -> None:
    before = list(key.secrets.values())
    edit(None, key, name="CD")
    assert list(key.secrets.values()) == before


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"name": " CI "},
        {"scopes": ["chats:read"]},
        {"networks": [parse("10.0.0.0/8")]},
        {"expires_at": None},
        {"channels": []},
        {"inherits": False},
    ],
)
def test_edit_without_changes_is_rejected(key: Key, same: dict[str, Any]) -> None:
    before = dump()
    with pytest.raises(InvalidInputError) as raised:
        edit(None, key, **same)
    assert raised.value.errors == {"__all__": ["No changes to save."]}
    assert dump() == before


def test_order_of_networks_is_not_a_change(key: Key) -> None:
    AllowListEntry.objects.create(key=key, network=parse("192.0.2.0/24"))
    with pytest.raises(InvalidInputError, match="No changes"):
        edit(None, key, networks=[parse("192.0.2.0/24"), parse("10.0.0.0/8")])


def test_second_of_two_edits_gets_a_conflict_with_the_first(key: Key, jonas: Person) -> None:
    edit(jonas, key, name="Theirs")
    with pytest.raises(
        ConflictError, match=r"Someone else changed this key [1-9][0-9]? seconds? ago\. Review their change\."
    ) as raised:
        edit(None, key, name="Mine")
    assert raised.value.event == latest_event()
    assert Key.objects.get().name == "Theirs"
    edit(None, key, revision=2, name="Mine")
    edit(None, key, revision=None, name="Whatever was there")


@pytest.mark.parametrize(
    "act",
    [
        lambda key: keys.revoke(actor=OPERATOR, key=key.id),
        lambda key: keys.regenerate(actor=OPERATOR, key=key.id),
        lambda key: allow_lists.add(actor=OPERATOR, key=key.id, network="192.0.2.0/24"),
    ],
    ids=["revoke", "regenerate", "add a network"],
)
def test_edit_after_another_change_gets_a_conflict_with_it(key: Key, act: Callable[[Key], Any]) -> None:
    act(key)
    first = latest_event()
    with pytest.raises(ConflictError, match="Someone else changed this key") as raised:
        edit(None, key, name="Mine")
    assert raised.value.event == first


def test_conflict_skips_events_that_change_no_value(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, in_grace=True)
    edit(None, key, name="Theirs")
    first = latest_event()
    keys.end_grace(actor=OPERATOR, key=key.id)
    with pytest.raises(ConflictError) as raised:
        edit(None, key, name="Mine")
    assert raised.value.event == first
    edit(None, key, revision=2, name="Mine")


def test_deleted_key_cannot_be_edited(key: Key) -> None:
    keys.delete(actor=OPERATOR, key=key.id)
    with pytest.raises(NotFoundError):
        edit(None, key, name="Mine")


def test_edit_after_a_reactivation_gets_a_conflict(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, revoked=True)
    keys.reactivate(actor=OPERATOR, key=key.id)
    with pytest.raises(ConflictError):
        edit(None, key, name="Mine")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"scopes": []},
        {"scopes": ["chats:fly"]},
        {"networks": [ip_network("0.0.0.0/0")]},
        {"expires_at": datetime(2001, 1, 1).astimezone()},
        {"expires_at": datetime(2999, 1, 1)},
    ],
)
def test_edit_follows_the_rules_for_a_new_key(key: Key, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as raised:
        edit(None, key, **wrong)
    assert list(raised.value.errors) == list(wrong)


def test_edit_does_not_check_unchanged_fields_again(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, expired=True)
    Organisation.objects.update(max_expiry_days=1, may_never_expire=False)
    assert edit(None, key, name="Renamed").name == "Renamed"


def test_key_that_the_actor_cannot_see_is_not_found(key: Key, lena: Person) -> None:
    with pytest.raises(NotFoundError):
        edit(lena, key, name="Mine")
    keys.delete(actor=OPERATOR, key=key.id)
    with pytest.raises(NotFoundError):
        edit(None, key, name="Mine")


def test_earlier_expiry_also_ends_the_old_secret(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, in_grace=True)
    ends = timezone.now() + timedelta(minutes=5)
    edit(None, key, expires_at=ends)
    assert key.secrets.get(not_after__isnull=False).not_after == ends


def test_only_administrators_change_the_tier(key: Key, jonas: Person, maya: Person) -> None:
    admin = Tier.objects.get(name="Admin")
    with pytest.raises(ForbiddenError):
        edit(jonas, key, tier=admin.id)
    edit(maya, key, tier=admin.id)
    assert latest_event().changes == {"tier": ["Standard", "Admin"]}
    with pytest.raises(ForbiddenError):
        edit(jonas, key, revision=2, tier=key.organisation.default_tier_id)
    edit(jonas, key, revision=2, tier=admin.id, name="CD")


def test_key_switches_between_scopes_and_inheritance(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory.create(organisation=northwind, creator=jonas)
    edit(jonas, key, inherits=True)
    assert latest_event().changes == {"inherits": [False, True], "scopes": [["chats:read"], []]}
    with pytest.raises(InvalidInputError, match="Choose at least one"):
        edit(jonas, key, revision=2, inherits=False)
    edit(jonas, key, revision=2, inherits=False, scopes=["chats:read"])


def test_key_without_a_creator_cannot_inherit(key: Key) -> None:
    with pytest.raises(InvalidInputError) as raised:
        edit(None, key, inherits=True)
    assert list(raised.value.errors) == ["inherits"]


# An actor cannot widen a key beyond their own permissions


def test_owner_cannot_add_impersonation(key: Key, jonas: Person) -> None:
    with pytest.raises(ForbiddenError, match="users:impersonate"):
        edit(jonas, key, scopes=["chats:read", "users:impersonate"])


@pytest.mark.parametrize(
    "wider",
    [
        {"scopes": ["chats:read", "chats:write", "chats:export"]},
        {"networks": []},
        {"networks": [parse("11.0.0.0/8")]},
        {"expires_at": None},
        {"channels": []},
        {"inherits": True},
    ],
)
def test_key_cannot_widen_another_key_beyond_itself(
    northwind: Organisation, jonas: Person, wider: dict[str, Any]
) -> None:
    key = KeyFactory.create(
        organisation=northwind,
        scopes=["chats:read", "chats:write"],
        networks=["10.0.0.0/8"],
        expiring=True,
        channels=[ChannelFactory.create(organisation=northwind)],
        creator=jonas,
    )
    editor = KeyFactory.create(organisation=northwind, scopes=["keys:write", "chats:read"])
    with pytest.raises(ForbiddenError):
        edit(editor, key, **wider)
    edit(editor, key, name="Renamed", scopes=["chats:write"], networks=[parse("10.1.0.0/16")])
    assert Key.objects.get(id=key.id).name == "Renamed"


def test_key_may_widen_another_key_up_to_itself(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, networks=["10.0.0.0/8"])
    editor = KeyFactory.create(organisation=northwind, scopes=["keys:write", "chats:read", "chats:write"])
    edit(editor, key, scopes=["chats:read", "chats:write"], networks=[], allow_any=True)


def test_inheritance_from_an_auditor_is_limited_to_reading_scopes(northwind: Organisation, jonas: Person) -> None:
    creator = member_of(northwind, Role.AUDITOR)
    key = KeyFactory.create(organisation=northwind, creator=creator)
    edit(jonas, key, inherits=True)
    limited = KeyFactory.create(organisation=northwind, scopes=["keys:write", "keys:read", "history:read"])
    edit(limited, key, revision=2, networks=[parse("10.0.0.0/8")])
    edit(limited, key, revision=3, networks=[], allow_any=True)
    creator.memberships.update(role=Role.OWNER)
    edit(limited, key, revision=4, networks=[parse("10.0.0.0/8")])
    with pytest.raises(ForbiddenError):
        edit(limited, key, revision=5, networks=[], allow_any=True)


def test_inheritance_from_a_deactivated_person_grants_nothing(northwind: Organisation, jonas: Person) -> None:
    leaver = PersonFactory.create(administrator=True, deactivated=True)
    key = KeyFactory.create(organisation=northwind, creator=leaver, inherits=True)
    edit(jonas, key, expires_at=timezone.now() + timedelta(days=1))


@pytest.fixture
def named_by_description(northwind: Organisation) -> Key:
    bot = BotFactory.create(organisation=northwind)
    description = "Sync with the CRM,\nevery night"
    issued = keys.issue(
        actor=OPERATOR, organisation=northwind.id, bot=bot.id, description=description, scopes=["chats:read"]
    )
    assert (issued.key.name, issued.key.name_follows_description) == ("Sync with the CRM, every night", True)
    return issued.key


def test_name_follows_the_description_until_it_is_edited(named_by_description: Key) -> None:
    key = named_by_description
    row = edit(None, key, description="Sync with HubSpot")
    assert (row.name, row.description) == ("Sync with HubSpot", "Sync with HubSpot")
    assert latest_event().changes == {
        "name": ["Sync with the CRM, every night", "Sync with HubSpot"],
        "description": ["Sync with the CRM,\nevery night", "Sync with HubSpot"],
    }
    row = edit(None, key, 2, name=" Sync  with HubSpot", description="x" * 100)
    assert row.name == f"{'x' * 59}…"
    row = edit(None, key, 3, name="HubSpot", description="Sync with HubSpot")
    assert (row.name, row.name_follows_description) == ("HubSpot", False)
    assert latest_event().changes["name_follows_description"] == [True, None]
    row = edit(None, key, 4, description="Other")
    assert (row.name, row.description) == ("HubSpot", "Other")


def test_name_stays_if_the_description_is_removed(named_by_description: Key) -> None:
    row = edit(None, named_by_description, description="")
    assert (row.name, row.description) == ("Sync with the CRM, every night", "")
    assert edit(None, named_by_description, 2, description="Again").name == "Again"


def test_error_of_a_description_is_not_repeated_for_the_name(named_by_description: Key) -> None:
    for description in ("x" * 501, "a\x07"):
        with pytest.raises(InvalidInputError) as caught:
            edit(None, named_by_description, description=description)
        assert set(caught.value.errors) == {"description"}


def test_name_that_was_typed_does_not_follow_the_description(key: Key) -> None:
    edit(None, key, description="CI")
    row = edit(None, key, 2, description="Builds")
    assert (row.name, row.name_follows_description) == ("CI", False)


def test_key_without_name_and_description_is_invalid(northwind: Organisation) -> None:
    with pytest.raises(InvalidInputError) as caught:
        keys.issue(actor=OPERATOR, organisation=northwind.id, scopes=["chats:read"])
    assert set(caught.value.errors) == {"name"}
