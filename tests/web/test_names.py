"""Names that look alike are the same name when they are saved, searched for and typed to confirm."""

from typing import Any

import pytest
from django.test import Client

from keyadmin.models import Bot, Key, Organisation, Person
from tests.factories import BotFactory, KeyFactory
from tests.fixtures.clients import SignedIn

COMPOSED, DECOMPOSED = "Z\u00fcrich desk", "Zu\u0308rich  desk "
SPELLINGS = [COMPOSED, DECOMPOSED, "Z\u00fcrich\u00a0desk", "\tZu\u0308rich\u3000desk"]


@pytest.fixture
def client_of_jonas(jonas: Person, signed_in: SignedIn) -> Client:
    return signed_in(jonas)


@pytest.mark.parametrize("typed", SPELLINGS)
def test_name_is_saved_in_its_normal_form(client_of_jonas: Client, northwind: Organisation, typed: str) -> None:
    client_of_jonas.post("/bots/create/", {"name": typed, "organisation": "northwind", "description": "Cafe\u0301"})
    bot = Bot.objects.get(organisation=northwind)
    assert (bot.name, bot.description) == (COMPOSED, "Caf\u00e9")


@pytest.mark.parametrize("typed", SPELLINGS)
def test_name_that_looks_like_another_is_taken(client_of_jonas: Client, northwind: Organisation, typed: str) -> None:
    BotFactory.create(organisation=northwind, name=COMPOSED)
    response = client_of_jonas.post("/bots/create/", {"name": typed, "organisation": "northwind"})
    assert response.status_code == 422
    assert Bot.objects.filter(organisation=northwind).count() == 1


@pytest.mark.parametrize("typed", SPELLINGS)
def test_name_confirms_a_deletion_in_every_spelling(
    client_of_jonas: Client, northwind: Organisation, typed: str
) -> None:
    key = KeyFactory.create(organisation=northwind, name=COMPOSED)
    assert client_of_jonas.post(f"/keys/{key.id}/delete/", {"name": typed}).status_code == 302
    assert not Key.objects.filter(id=key.id).exists()


def test_other_name_does_not_confirm_a_deletion(client_of_jonas: Client, northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, name=COMPOSED)
    assert client_of_jonas.post(f"/keys/{key.id}/delete/", {"name": "Zurich desk"}).status_code == 422
    assert Key.objects.filter(id=key.id).exists()


@pytest.mark.parametrize("typed", SPELLINGS)
@pytest.mark.parametrize("path", ["/keys/", "/bots/", "/security/public-keys/"])
def test_search_finds_a_name_in_every_spelling(
    client_of_jonas: Client, northwind: Organisation, path: str, typed: str
) -> None:
    bot: Any = BotFactory.create(organisation=northwind, name=COMPOSED)
    KeyFactory.create(bot=bot, name=f"Key of {COMPOSED}")
    assert COMPOSED in client_of_jonas.get(path, {"q": typed}, headers={"HX-Request": "true"}).content.decode()
