"""Privilege ceilings with allow-lists: a key's own list and its bot's list both limit what the key may grant."""

from collections.abc import Callable
from typing import Any

import pytest

from keyadmin.core.actors import Actor
from keyadmin.core.cidr import parse
from keyadmin.core.errors import ForbiddenError
from keyadmin.models import Bot, Key, Organisation
from keyadmin.operations import keys
from keyadmin.operations.organisations import allow_lists
from tests.factories import OPERATOR, BotFactory, KeyFactory, as_actor

WRITER = ("keys:write", "chats:read")


@pytest.fixture
def bot(northwind: Organisation) -> Bot:
    made: Bot = BotFactory.create(organisation=northwind, networks=["10.0.0.0/8"])
    return made


@pytest.fixture
def maker(bot: Bot) -> Actor:
    """A key that only its bot's list binds."""
    return as_actor(KeyFactory.create(bot=bot, scopes=WRITER))


def issue(actor: Actor, home: Bot, /, *wanted: str, **kwargs: Any) -> keys.IssuedKey:
    return keys.issue(
        actor=actor,
        organisation=home.organisation_id,
        name="CI",
        scopes=["chats:read"],
        networks=[parse(text) for text in wanted],
        **kwargs,
    )


def test_bots_key_issues_no_key_for_other_addresses(bot: Bot, maker: Actor) -> None:
    for wanted in ((), ("11.0.0.0/8",), ("10.0.0.0/7",), ("10.1.0.0/16", "11.0.0.0/8")):
        with pytest.raises(ForbiddenError, match="more addresses"):
            issue(maker, bot, *wanted)
    issue(maker, bot, "10.1.0.0/16")


def test_bots_key_issues_no_key_for_a_bot_with_a_wider_list(bot: Bot, maker: Actor) -> None:
    for lists in ([], ["11.0.0.0/16"], ["10.0.0.0/16", "11.0.0.0/16"]):
        with pytest.raises(ForbiddenError, match="more addresses"):
            issue(maker, bot, bot=BotFactory.create(organisation=bot.organisation, networks=lists).id)
    issue(maker, bot, bot=BotFactory.create(organisation=bot.organisation, networks=["10.2.0.0/16"]).id)
    issue(maker, bot, bot=bot.id)


def test_both_lists_of_a_bots_key_limit_it(bot: Bot) -> None:
    maker = as_actor(KeyFactory.create(bot=bot, scopes=WRITER, networks=["10.1.0.0/16", "192.0.2.0/24"]))
    for wanted in ("10.2.0.0/16", "192.0.2.0/24", "10.0.0.0/8"):
        with pytest.raises(ForbiddenError, match="more addresses"):
            issue(maker, bot, wanted)
    with pytest.raises(ForbiddenError, match="more addresses"):
        issue(maker, bot, bot=bot.id)
    issue(maker, bot, "10.1.2.0/24")


WIDENING: dict[str, tuple[dict[str, Any], Callable[[Actor, Key], Any]]] = {
    "edit to any": (
        {"networks": ["10.1.0.0/16"]},
        lambda a, k: keys.edit(actor=a, key=k.id, revision=1, networks=[], allow_any=True),
    ),
    "edit to others": (
        {"networks": ["10.1.0.0/16"]},
        lambda a, k: keys.edit(actor=a, key=k.id, revision=1, networks=[parse("11.0.0.0/8")]),
    ),
    "more permissions": (
        {"scopes": ["chats:read"]},
        lambda a, k: keys.edit(actor=a, key=k.id, revision=1, scopes=WRITER),
    ),
    "add": ({"networks": ["10.1.0.0/16"]}, lambda a, k: allow_lists.add(actor=a, key=k.id, network="11.0.0.0/8")),
    "change": (
        {"networks": ["10.1.0.0/16"]},
        lambda a, k: allow_lists.change(actor=a, entry=k.allow_list.get().id, network="11.0.0.0/8"),
    ),
    "remove": (
        {"networks": ["10.1.0.0/16"]},
        lambda a, k: allow_lists.remove(actor=a, entry=k.allow_list.get().id, allow_any=True),
    ),
    "regenerate": ({}, lambda a, k: keys.regenerate(actor=a, key=k.id)),
    "reactivate": ({"revoked": True}, lambda a, k: keys.reactivate(actor=a, key=k.id)),
}


@pytest.mark.parametrize("act", WIDENING)
def test_operation_that_widens_a_key_beyond_the_bots_list_is_denied(bot: Bot, maker: Actor, act: str) -> None:
    traits, do = WIDENING[act]
    with pytest.raises(ForbiddenError, match="more addresses"):
        do(maker, KeyFactory.create(organisation=bot.organisation, **traits))
    do(OPERATOR, KeyFactory.create(organisation=bot.organisation, **traits))


@pytest.mark.parametrize("act", [name for name in WIDENING if "other" not in name and name not in ("add", "change")])
def test_key_of_the_same_bot_stays_within_its_list(bot: Bot, maker: Actor, act: str) -> None:
    traits, do = WIDENING[act]
    do(maker, KeyFactory.create(bot=bot, **traits))


def test_key_may_always_be_narrowed(bot: Bot, maker: Actor) -> None:
    """Although what is left of it is still more than its editor reaches."""
    key = KeyFactory.create(organisation=bot.organisation, scopes=WRITER)
    keys.edit(actor=maker, key=key.id, revision=1, scopes=["chats:read"])
    allow_lists.add(actor=maker, key=key.id, network="11.0.0.0/8")
