"""Forms that create something in an organisation preselect none, unless there is one only or the page is filtered."""

import re
from typing import Any

import pytest

from keyadmin.models import Bot, Channel, Key, Organisation, Person
from tests.factories import BotFactory, ChannelFactory, KeyFactory
from tests.fixtures.clients import SignedIn


def selected(html: str, name: str) -> list[str]:
    """The selected values of the select `name`."""
    [select] = re.findall(rf'<select name="{name}".*?</select>', html, re.DOTALL)
    return re.findall(r'<option value="([^"]*)" selected>', select)


@pytest.mark.parametrize("path", ["/keys/create/", "/keys/create/?kind=master"])
def test_new_key_has_no_owner_until_one_is_chosen(
    maya: Person, northwind: Organisation, contoso: Organisation, htmx: SignedIn, path: str
) -> None:
    ChannelFactory.create(organisation=northwind, name="Telegram")
    client = htmx(maya)
    html = client.get(path).content.decode()
    assert selected(html, "owner") == [""]
    assert "Telegram" not in html
    assert 'name="tier"' not in html
    form = {"name": "CI", "scopes": ["chats:read"], "expires": "90", "idempotency_key": "n", "owner": ""}
    refused = client.post("/keys/create/", form)
    assert refused.status_code == 422
    assert "Choose the owner of the key." in refused.content.decode()
    assert not Key.objects.exists()
    answer = client.post("/keys/create/limits/", form | {"owner": f"standard:{northwind.id}"}).content.decode()
    assert "Telegram" in answer
    assert 'name="tier"' in answer
    created = client.post("/keys/create/", form | {"owner": f"standard:{contoso.id}"})
    assert created.status_code == 200
    assert Key.objects.get().organisation == contoso


@pytest.mark.parametrize(("query", "kind"), [("", "standard"), ("&kind=master", "master")])
def test_new_key_belongs_to_the_organisation_of_the_page(
    maya: Person, northwind: Organisation, contoso: Organisation, htmx: SignedIn, query: str, kind: str
) -> None:
    html = htmx(maya).get(f"/keys/create/?organisation=northwind{query}").content.decode()
    assert selected(html, "owner") == [f"{kind}:{northwind.id}"]


def test_owner_of_one_organisation_has_nothing_to_choose(
    jonas: Person, northwind: Organisation, htmx: SignedIn
) -> None:
    html = htmx(jonas).get("/keys/create/").content.decode()
    assert selected(html, "owner") == [f"standard:{northwind.id}"]
    assert "Choose an organisation" not in htmx(jonas).get("/bots/create/").content.decode()


@pytest.mark.parametrize(
    ("path", "fields", "model"),
    [("/bots/create/", {"name": "Concierge"}, Bot), ("/channels/create/", {"name": "Telegram"}, Channel)],
)
def test_bot_and_channel_have_no_organisation_until_one_is_chosen(
    maya: Person,
    northwind: Organisation,
    contoso: Organisation,
    htmx: SignedIn,
    path: str,
    fields: dict[str, str],
    model: Any,
) -> None:
    client = htmx(maya)
    assert selected(client.get(path).content.decode(), "organisation") in ([], [""])
    assert "Choose an organisation" in client.get(path).content.decode()
    assert client.post(path, fields | {"organisation": ""}).status_code == 422
    assert not model.objects.exists()
    assert len(selected(client.get(f"{path}?organisation=contoso").content.decode(), "organisation")) == 1


def test_rows_of_a_bots_key_name_its_organisation(maya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    key = KeyFactory.create(bot=BotFactory.create(organisation=northwind, name="Concierge"))
    client = signed_in(maya)
    for path in ("/keys/", "/review/", f"/keys/revoke/?key={key.id}"):
        assert "Concierge · Northwind" in client.get(path).content.decode(), path
    assert "<span>Northwind</span>" in client.get(f"/keys/{key.id}/").content.decode()
