"""The organisation of the switcher: found by a search, and kept by links that lead to lists."""

import re

import pytest

from keyadmin.models import Organisation, Person
from keyadmin.web.common import current_user
from tests.factories import BotFactory, KeyFactory, OrganisationFactory
from tests.fixtures.clients import SignedIn, SignedInHtmx

SWITCHABLE = r"/(?:keys|history|bots|security/public-keys|security/allow-lists|people|channels|settings|usage|review)?/"


@pytest.mark.parametrize("selected", ["", "northwind", "contoso"])
def test_links_from_a_page_keep_the_organisation(
    maya: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn, selected: str
) -> None:
    """Of every link in the main part to a list: under All organisations it names none."""
    bot = BotFactory.create(organisation=northwind)
    key = KeyFactory.create(bot=bot)
    client = signed_in(maya)
    client.get(f"/keys/?organisation={selected}" if selected else "/keys/")
    for path in (
        f"/keys/{key.id}/",
        f"/keys/{key.id}/networks/",
        f"/bots/{bot.id}/",
        f"/bots/{bot.id}/advanced/",
        f"/explain/?key={key.id}",
        f"/people/{maya.id}/",
        "/keys/create/",
        "/bots/create/",
        "/keys/?q=nothing-matches" + (f"&organisation={selected}" if selected else ""),
        "/bots/?q=nothing-matches" + (f"&organisation={selected}" if selected else ""),
    ):
        html = client.get(path).content.decode()
        main = html[html.index("<main") : html.index("</main>")]
        found = re.findall(rf'(?:href|data-back)="({SWITCHABLE}(?:\?[^"]*)?)"', main)
        assert found, path
        wrong = [url for url in found if (f"organisation={selected}" in url) != bool(selected)]
        assert not wrong, (path, wrong)


def test_plain_request_returns_to_the_list_of_the_organisation(
    maya: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    key = KeyFactory.create(organisation=northwind)
    client = signed_in(maya)
    client.get("/keys/?organisation=northwind")
    assert client.post(f"/keys/{key.id}/revoke/")["Location"] == "/keys/?organisation=northwind"
    client.get("/keys/")
    assert client.post(f"/keys/{key.id}/reactivate/")["Location"] == "/keys/"


def test_switcher_finds_organisations_beyond_those_that_it_lists(
    maya: Person, monkeypatch: pytest.MonkeyPatch, htmx: SignedInHtmx, signed_in: SignedIn
) -> None:
    monkeypatch.setattr(current_user, "MAX_LISTED_ORGANISATIONS", 5)
    for number in range(9):
        OrganisationFactory.create(name=f"Plant {number}", slug=f"plant-{number}")
    html = signed_in(maya).get("/bots/").content.decode()
    assert "plant-8" not in html
    assert 'hx-get="/switcher/"' in html
    client = htmx(maya)
    client.set_current_url("/bots/?q=x")
    found = client.get("/switcher/?find=PLANT%208").content.decode()
    assert re.findall(r'href="([^"]*)"', found) == ["/bots/?organisation=plant-8"]
    everything = client.get("/switcher/").content.decode()
    assert everything.count("<a ") == 6  # with "All organisations"
    none = client.get("/switcher/?find=nothing").content.decode()
    assert "<a " not in none
    assert re.search(r"data-no-link\s*>", none)


def test_switcher_of_few_organisations_searches_in_the_browser(
    maya: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    html = signed_in(maya).get("/keys/").content.decode()
    assert "data-filter-links" in html
    assert "/switcher/" not in html


def test_switcher_finds_only_what_the_person_may_read(jonas: Person, contoso: Organisation, htmx: SignedInHtmx) -> None:
    assert "Contoso" not in htmx(jonas).get("/switcher/?find=con").content.decode()
