"""The allow-list in the edit dialog of a key: it asks before it blocks a used address or allows any address."""

import re
from datetime import UTC
from typing import Any

import pytest
from django.utils import timezone

from keyadmin.models import AddressDay, Key, Organisation, Person
from tests.factories import BotFactory, KeyFactory
from tests.fixtures.clients import SignedIn
from tests.web.pages import form_values


@pytest.fixture
def used(northwind: Organisation) -> Key:
    """Used from 203.0.113.9, and by its own list from nowhere else."""
    made: Key = KeyFactory.create(organisation=northwind, networks=["203.0.113.0/24"])
    today = timezone.now().astimezone(UTC).date()
    AddressDay.objects.create(key_id=made.id, day=today, address="203.0.113.9", count=840, weight=840)
    return made


def save(client: Any, key: Key, networks: list[str], **more: Any) -> tuple[int, str]:
    url = f"/keys/{key.id}/edit/"
    sent = form_values(client.get(url).content.decode())
    response = client.post(url, sent | {"networks": networks} | more)
    return response.status_code, response.content.decode()


def ranges(key: Key) -> list[str]:
    return [str(entry) for entry in key.allow_list.all()]


def test_list_that_blocks_a_used_address_must_be_confirmed(jonas: Person, used: Key, htmx: SignedIn) -> None:
    new = ["192.0.2.0/24", "198.51.100.0/24"]
    status, html = save(htmx(jonas), used, new)
    assert status == 422
    assert "This would block 203.0.113.9, which made 840 requests today." in html
    assert re.search(r'name="anyway" value="192\.0\.2\.0/24 198\.51\.100\.0/24">\s*Save anyway', html)
    assert save(htmx(jonas), used, ["192.0.2.0/24"], anyway="192.0.2.0/24 198.51.100.0/24")[0] == 422
    assert ranges(used) == ["203.0.113.0/24"]
    assert save(htmx(jonas), used, new, anyway="192.0.2.0/24 198.51.100.0/24")[0] == 204
    assert ranges(used) == new


def test_list_that_blocks_no_used_address_is_saved(jonas: Person, used: Key, htmx: SignedIn) -> None:
    assert save(htmx(jonas), used, ["203.0.113.0/24"], name="Renamed")[0] == 204
    assert save(htmx(jonas), used, ["203.0.113.8/29"])[0] == 204


@pytest.mark.parametrize(
    ("bots", "words"),
    [
        ([], "This is the last range. Removing it allows any IP address."),
        (["203.0.0.0/16"], "Removing it allows only its bot’s addresses: 203.0.0.0/16."),
    ],
)
def test_emptied_list_must_be_confirmed(
    jonas: Person, northwind: Organisation, htmx: SignedIn, bots: list[str], words: str
) -> None:
    key = KeyFactory.create(bot=BotFactory.create(organisation=northwind, networks=bots), networks=["203.0.113.0/24"])
    status, html = save(htmx(jonas), key, [])
    assert (status, words in html) == (422, True)
    assert ranges(key) == ["203.0.113.0/24"]
    assert save(htmx(jonas), key, [], anyway="")[0] == 204
    assert ranges(key) == []
