"""Bots."""

from uuid import uuid4

import pytest

from keyadmin.core.errors import ConflictError, InvalidInputError, NotFoundError
from keyadmin.models import Bot, Organisation, Person
from keyadmin.operations.organisations import bots
from tests.factories import OPERATOR, BotFactory, KeyFactory, as_actor
from tests.operations.looking import latest, meter_version, version


def test_a_bot_is_created(northwind: Organisation, jonas: Person) -> None:
    bot = bots.create(
        actor=as_actor(jonas),
        organisation=northwind.id,
        name=" Release bot ",
        description="Tags",
        is_conversational=False,
    )
    row = Bot.objects.get(id=bot.id)
    assert (row.name, row.description, row.is_conversational, row.is_active) == ("Release bot", "Tags", False, True)
    assert latest().changes == {
        "name": [None, "Release bot"],
        "description": [None, "Tags"],
        "is_conversational": [None, False],
    }
    assert version(northwind) == 1  # nothing cached is stale


def test_a_bot_is_edited(northwind: Organisation) -> None:
    bot = BotFactory(organisation=northwind, name="Concierge")
    bots.edit(actor=OPERATOR, bot=bot.id, name="Helpdesk", is_conversational=False)
    assert latest().changes == {"name": ["Concierge", "Helpdesk"], "is_conversational": [True, False]}
    assert version(northwind) == 2
    with pytest.raises(InvalidInputError, match="No changes"):
        bots.edit(actor=OPERATOR, bot=bot.id, name="Helpdesk")


def test_the_reason_goes_into_the_history(northwind: Organisation) -> None:
    bot = BotFactory(organisation=northwind)
    bots.disable(actor=OPERATOR, bot=bot.id, reason=" Moving to a new provider ")
    assert latest().reason == "Moving to a new provider"
    with pytest.raises(InvalidInputError) as refused:
        bots.enable(actor=OPERATOR, bot=bot.id, reason="x" * 301)
    assert list(refused.value.errors) == ["reason"]


def test_disabling_pauses_its_keys_without_touching_them(northwind: Organisation) -> None:
    bot = BotFactory(organisation=northwind)
    key = KeyFactory(bot=bot)
    bots.disable(actor=OPERATOR, bot=bot.id)
    assert not Bot.objects.get().is_active
    assert (version(northwind), meter_version(key)) == (2, 1)
    assert (latest().type, latest().changes) == ("bot.disabled", {"is_active": [True, False]})
    with pytest.raises(ConflictError, match="already disabled"):
        bots.disable(actor=OPERATOR, bot=bot.id)
    bots.enable(actor=OPERATOR, bot=bot.id)
    assert version(northwind) == 3
    with pytest.raises(ConflictError, match="already enabled"):
        bots.enable(actor=OPERATOR, bot=bot.id)


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("name", "x" * 121), ("name", "Taken"), ("description", "x" * 501)]
)
def test_bots_that_are_none(northwind: Organisation, field: str, value: str) -> None:
    BotFactory(organisation=northwind, name="Taken")
    with pytest.raises(InvalidInputError) as refused:
        bots.create(actor=OPERATOR, organisation=northwind.id, **{"name": "New"} | {field: value})
    assert list(refused.value.errors) == [field]
    with pytest.raises(InvalidInputError):
        bots.edit(actor=OPERATOR, bot=BotFactory(organisation=northwind).id, **{field: value})


def test_the_same_name_elsewhere(northwind: Organisation) -> None:
    BotFactory(name="Concierge")
    bots.create(actor=OPERATOR, organisation=northwind.id, name="Concierge")


def test_a_disabled_organisation_gets_no_bot(northwind: Organisation) -> None:
    Organisation.objects.update(is_active=False)
    with pytest.raises(ConflictError, match="Northwind is disabled"):
        bots.create(actor=OPERATOR, organisation=northwind.id, name="Concierge")


def test_anothers_bot_and_a_random_one(northwind: Organisation, lena: Person) -> None:
    for bot in (BotFactory(organisation=northwind).id, uuid4()):
        with pytest.raises(NotFoundError):
            bots.disable(actor=as_actor(lena), bot=bot)
