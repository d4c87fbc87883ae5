"""Allow-lists of bots and keys."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from keyadmin.core import cidr
from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.models import AllowListEntry, Bot, Key, Organisation, Person
from keyadmin.operations import keys
from keyadmin.operations.allow_list_rules import effect_of_emptying
from keyadmin.operations.organisations import allow_lists
from tests.factories import OPERATOR, BotFactory, KeyFactory, as_actor
from tests.operations.helpers import latest_event, meter_version, version


@pytest.fixture
def bot(northwind: Organisation) -> Bot:
    bot: Bot = BotFactory.create(organisation=northwind)
    return bot


def listed(owner: Bot | Key) -> list[str]:
    return [str(entry.network) for entry in owner.allow_list.all()]


def words(raised: pytest.ExceptionInfo[InvalidInputError]) -> list[str]:
    assert list(raised.value.errors) == ["network"]
    return raised.value.errors["network"]


def test_network_is_added_to_a_bots_list(bot: Bot, jonas: Person) -> None:
    allow_lists.add(actor=as_actor(jonas), bot=bot.id, network=" 192.0.2.64/26 ")
    allow_lists.add(actor=as_actor(jonas), bot=bot.id, network="203.0.113.24")
    assert listed(bot) == ["192.0.2.64/26", "203.0.113.24/32"]
    event = latest_event()
    assert (event.type, event.target_kind, event.target_id) == ("allow_list.added", "bot", str(bot.id))
    assert event.changes == {"networks": [["192.0.2.64/26"], ["192.0.2.64/26", "203.0.113.24/32"]]}
    assert version(bot.organisation) == 3


def test_network_is_added_to_a_keys_list(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory.create(organisation=northwind)
    allow_lists.add(actor=as_actor(jonas), key=key.id, network="10.0.0.0/8")
    assert listed(key) == ["10.0.0.0/8"]
    assert (latest_event().target_kind, latest_event().target_id) == ("key", str(key.id))
    assert (meter_version(key), version(northwind)) == (2, 1)
    with pytest.raises(ConflictError):
        keys.edit(actor=OPERATOR, key=key.id, revision=1, networks=[])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.0/8", "/8 is too wide. Use a suffix from /16 to /32."),
        (
            "203.0.113.24/24",
            (
                "203.0.113.24/24 is an address inside a range. "
                "Use 203.0.113.0/24 for the range, or 203.0.113.24 for the address."
            ),
        ),
        ("192.0.2.64/26", "192.0.2.64/26 is already on the list."),
        ("192.0.2.65", "192.0.2.65/32 is already covered by 192.0.2.64/26."),
    ],
)
def test_network_that_a_bot_rejects_is_explained(bot: Bot, text: str, said: str) -> None:
    allow_lists.add(actor=OPERATOR, bot=bot.id, network="192.0.2.64/26")
    with pytest.raises(InvalidInputError) as raised:
        allow_lists.add(actor=OPERATOR, bot=bot.id, network=text)
    assert words(raised) == [said]
    assert listed(bot) == ["192.0.2.64/26"]


@pytest.mark.parametrize(
    "text", ["", "x", "0.0.0.0/0", "::/0", "10.0.0.1/8", "10.0.0.0/255.0.0.0", "010.0.0.1", "::1%lo"]
)
def test_network_that_a_key_rejects_is_explained(northwind: Organisation, text: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        allow_lists.add(actor=OPERATOR, key=KeyFactory.create(organisation=northwind).id, network=text)
    assert words(raised)


@pytest.mark.parametrize("owner", ["bot", "key"])
def test_list_holds_at_most_a_hundred_entries(bot: Bot, northwind: Organisation, owner: str) -> None:
    of = bot if owner == "bot" else KeyFactory.create(organisation=northwind)
    AllowListEntry.objects.bulk_create(
        AllowListEntry(**{owner: of}, network=cidr.parse(f"192.0.2.{number}")) for number in range(99)
    )
    ids: dict[str, Any] = {owner: of.id}
    add = partial(allow_lists.add, actor=OPERATOR, **ids)
    add(network="203.0.113.24")
    with pytest.raises(InvalidInputError) as raised:
        add(network="203.0.113.25")
    assert words(raised) == ["An IP allow-list has at most 100 IP ranges. Use fewer, wider ranges."]
    allow_lists.change(actor=OPERATOR, entry=of.allow_list.all()[0].id, network="198.51.100.0/24")


def test_new_key_has_at_most_a_hundred_networks(northwind: Organisation) -> None:
    many = [cidr.parse(f"192.0.2.{number}") for number in range(101)]
    expires = timezone.now() + timedelta(days=1)
    issue = partial(
        keys.issue, actor=OPERATOR, organisation=northwind.id, name="CRM", scopes={"chats:read"}, expires_at=expires
    )
    assert issue(networks=many[:100]).key.allow_list.count() == 100
    with pytest.raises(InvalidInputError) as raised:
        issue(networks=many)
    assert raised.value.errors == {"networks": ["An IP allow-list has at most 100 IP ranges. Use fewer, wider ranges."]}


def test_wider_network_may_be_added(bot: Bot) -> None:
    allow_lists.add(actor=OPERATOR, bot=bot.id, network="192.0.2.64/26")
    allow_lists.add(actor=OPERATOR, bot=bot.id, network="192.0.2.0/24")


def test_entry_is_changed(bot: Bot) -> None:
    entry = allow_lists.add(actor=OPERATOR, bot=bot.id, network="192.0.2.64/26")
    allow_lists.add(actor=OPERATOR, bot=bot.id, network="203.0.113.0/24")
    allow_lists.change(actor=OPERATOR, entry=entry.id, network="192.0.2.0/24")
    assert set(listed(bot)) == {"192.0.2.0/24", "203.0.113.0/24"}
    assert latest_event().type == "allow_list.changed"
    assert version(bot.organisation) == 4
    with pytest.raises(InvalidInputError, match="No changes"):
        allow_lists.change(actor=OPERATOR, entry=entry.id, network="192.0.2.0/24")
    with pytest.raises(InvalidInputError, match="already covered"):
        allow_lists.change(actor=OPERATOR, entry=entry.id, network="203.0.113.9")


def test_entry_is_removed(bot: Bot) -> None:
    first = allow_lists.add(actor=OPERATOR, bot=bot.id, network="192.0.2.0/24")
    allow_lists.add(actor=OPERATOR, bot=bot.id, network="203.0.113.0/24")
    allow_lists.remove(actor=OPERATOR, entry=first.id)
    assert listed(bot) == ["203.0.113.0/24"]
    assert latest_event().changes == {"networks": [["192.0.2.0/24", "203.0.113.0/24"], ["203.0.113.0/24"]]}
    assert version(bot.organisation) == 4


def test_removing_the_last_entry_needs_confirmation(bot: Bot) -> None:
    entry = allow_lists.add(actor=OPERATOR, bot=bot.id, network="192.0.2.0/24")
    with pytest.raises(InvalidInputError) as raised:
        allow_lists.remove(actor=OPERATOR, entry=entry.id)
    assert raised.value.errors == {"allow_any": ["This is the last range. Removing it allows any IP address."]}
    allow_lists.remove(actor=OPERATOR, entry=entry.id, allow_any=True)
    assert listed(bot) == []


OWN = ["192.0.2.0/24"]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([], "This is the last range. Removing it allows any IP address."),
        ([[], []], "This is the last range. Removing it allows any IP address."),
        (
            [OWN, [], []],
            "This is the last range. Removing it allows any IP address for 2 keys; the others keep lists of their own.",
        ),
        ([OWN, OWN], "This is the last range. Removing it allows only the addresses on each key’s own list."),
    ],
)
def test_effect_of_emptying_a_bots_list_is_described(bot: Bot, keys: list[list[str]], words: str) -> None:
    for own in keys:
        KeyFactory.create(bot=bot, networks=own)
    assert effect_of_emptying(bot) == words


def test_effect_of_emptying_a_keys_list_is_described(bot: Bot) -> None:
    key = KeyFactory.create(bot=bot, networks=["10.0.0.0/8"])
    assert effect_of_emptying(key) == "This is the last range. Removing it allows any IP address."
    for network in ("203.0.113.0/24", "192.0.2.0/24"):
        allow_lists.add(actor=OPERATOR, bot=bot.id, network=network)
    words = "This is the last range. Removing it allows only its bot’s addresses: 203.0.113.0/24, 192.0.2.0/24."
    with pytest.raises(InvalidInputError) as raised:
        allow_lists.remove(actor=OPERATOR, entry=key.allow_list.get().id)
    assert raised.value.errors == {"allow_any": [words]}


def test_restored_entry_keeps_its_position(bot: Bot) -> None:
    first = allow_lists.add(actor=OPERATOR, bot=bot.id, network="192.0.2.0/24")
    allow_lists.add(actor=OPERATOR, bot=bot.id, network="203.0.113.0/24")
    allow_lists.remove(actor=OPERATOR, entry=first.id)
    allow_lists.add(actor=OPERATOR, bot=bot.id, network="192.0.2.0/24", created_at=first.created_at)
    assert listed(bot) == ["192.0.2.0/24", "203.0.113.0/24"]


def test_entry_that_the_actor_cannot_see_is_not_found(bot: Bot, lena: Person) -> None:
    entry = allow_lists.add(actor=OPERATOR, bot=bot.id, network="192.0.2.0/24")
    for unknown in (entry.id, uuid4()):
        with pytest.raises(NotFoundError):
            allow_lists.change(actor=as_actor(lena), entry=unknown, network="10.0.0.0/16")
        with pytest.raises(NotFoundError):
            allow_lists.remove(actor=as_actor(lena), entry=unknown, allow_any=True)
    add = partial(allow_lists.add, actor=as_actor(lena), network="10.0.0.0/16")
    for add_to_unseen in (partial(add, bot=bot.id), partial(add, bot=uuid4()), partial(add, key=uuid4())):
        with pytest.raises(NotFoundError):
            add_to_unseen()


def test_list_belongs_to_a_bot_or_a_key(bot: Bot) -> None:
    with pytest.raises(ValueError, match="either a bot or a key"):
        allow_lists.add(actor=OPERATOR, network="10.0.0.0/16")


def test_key_opens_no_stronger_key_to_more_addresses(northwind: Organisation) -> None:
    strong = KeyFactory.create(organisation=northwind, scopes=["chats:export"], networks=["10.0.0.0/8"])
    writer = as_actor(KeyFactory.create(organisation=northwind, scopes=["keys:write", "chats:read"]))
    entry = AllowListEntry.objects.get()
    with pytest.raises(ForbiddenError):
        allow_lists.add(actor=writer, key=strong.id, network="11.0.0.0/8")
    with pytest.raises(ForbiddenError):
        allow_lists.change(actor=writer, entry=entry.id, network="11.0.0.0/8")
    with pytest.raises(ForbiddenError):
        allow_lists.remove(actor=writer, entry=entry.id, allow_any=True)
    allow_lists.change(actor=writer, entry=entry.id, network="10.1.0.0/16")
