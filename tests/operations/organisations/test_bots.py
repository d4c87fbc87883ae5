"""Bots."""

from typing import Any
from uuid import uuid4

import pytest

from keyadmin.core.errors import ConflictError, InvalidInputError, NotFoundError
from keyadmin.models import Bot, Organisation, Person
from keyadmin.operations.organisations import bots
from tests.factories import OPERATOR, BotFactory, KeyFactory, as_actor
from tests.operations.helpers import latest_event, meter_version, version


def test_bot_is_created_with_clean_values(northwind: Organisation, jonas: Person) -> None:
    bot = bots.create(
        actor=as_actor(jonas),
        organisation=northwind.id,
        name=" Release bot ",
        description="Tags",
        is_conversational=False,
    )
    row = Bot.objects.get(id=bot.id)
    assert (row.name, row.description, row.is_conversational, row.is_active) == ("Release bot", "Tags", False, True)
    assert latest_event().changes == {
        "name": [None, "Release bot"],
        "description": [None, "Tags"],
        "is_conversational": [None, False],
    }
    assert version(northwind) == 1  # nothing cached is stale


def test_edited_bot_records_the_changed_fields(northwind: Organisation) -> None:
    bot = BotFactory.create(organisation=northwind, name="Concierge")
    bots.edit(actor=OPERATOR, bot=bot.id, name="Helpdesk", is_conversational=False)
    assert latest_event().changes == {"name": ["Concierge", "Helpdesk"], "is_conversational": [True, False]}
    assert version(northwind) == 2
    with pytest.raises(InvalidInputError, match="No changes"):
        bots.edit(actor=OPERATOR, bot=bot.id, name="Helpdesk")


def test_reason_is_recorded_in_history(northwind: Organisation) -> None:
    bot = BotFactory.create(organisation=northwind)
    bots.disable(actor=OPERATOR, bot=bot.id, reason=" Moving to a new provider ")
    assert latest_event().reason == "Moving to a new provider"
    with pytest.raises(InvalidInputError) as raised:
        bots.enable(actor=OPERATOR, bot=bot.id, reason="x" * 301)
    assert list(raised.value.errors) == ["reason"]


def test_disabling_a_bot_pauses_its_keys_without_changing_them(northwind: Organisation) -> None:
    bot = BotFactory.create(organisation=northwind)
    key = KeyFactory.create(bot=bot)
    bots.disable(actor=OPERATOR, bot=bot.id)
    assert not Bot.objects.get().is_active
    assert (version(northwind), meter_version(key)) == (2, 1)
    assert (latest_event().type, latest_event().changes) == ("bot.disabled", {"is_active": [True, False]})
    with pytest.raises(ConflictError, match="already disabled"):
        bots.disable(actor=OPERATOR, bot=bot.id)
    bots.enable(actor=OPERATOR, bot=bot.id)
    assert version(northwind) == 3
    with pytest.raises(ConflictError, match="already enabled"):
        bots.enable(actor=OPERATOR, bot=bot.id)


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("name", "x" * 121), ("name", "Taken"), ("description", "x" * 501)]
)
def test_invalid_bot_is_rejected(northwind: Organisation, field: str, value: str) -> None:
    change: dict[str, Any] = {field: value}
    BotFactory.create(organisation=northwind, name="Taken")
    with pytest.raises(InvalidInputError) as raised:
        bots.create(actor=OPERATOR, organisation=northwind.id, **{"name": "New"} | change)
    assert list(raised.value.errors) == [field]
    with pytest.raises(InvalidInputError):
        bots.edit(actor=OPERATOR, bot=BotFactory.create(organisation=northwind).id, **change)


def test_bot_name_may_repeat_in_another_organisation(northwind: Organisation) -> None:
    BotFactory.create(name="Concierge")
    bots.create(actor=OPERATOR, organisation=northwind.id, name="Concierge")


def test_disabled_organisation_accepts_no_bot(northwind: Organisation) -> None:
    Organisation.objects.update(is_active=False)
    with pytest.raises(ConflictError, match="Northwind is disabled"):
        bots.create(actor=OPERATOR, organisation=northwind.id, name="Concierge")


def test_bot_that_the_actor_cannot_see_is_not_found(northwind: Organisation, lena: Person) -> None:
    for bot in (BotFactory.create(organisation=northwind).id, uuid4()):
        with pytest.raises(NotFoundError):
            bots.disable(actor=as_actor(lena), bot=bot)
