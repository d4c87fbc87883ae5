"""Security: the keys of bots with their ranges, and all allow-lists by owner or by address."""

from typing import Any

import pytest

from keyadmin.models import AllowListEntry, Bot, Key, Organisation, Person
from keyadmin.web.common import capped_count
from tests.factories import BotFactory, KeyFactory
from tests.fixtures.clients import SignedIn
from tests.web.pages import key_names

PUBLIC, LISTS = "/security/public-keys/", "/security/allow-lists/"


def test_public_keys_show_the_ranges_of_their_bot(
    jonas: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    bot = BotFactory.create(organisation=northwind, name="Concierge", networks=["192.0.2.0/24", "2001:db8::/32"])
    KeyFactory.create(bot=bot, name="CRM")
    KeyFactory.create(bot=BotFactory.create(organisation=northwind, name="Helpdesk"), name="Desk")
    KeyFactory.create(organisation=northwind, name="No bot")
    KeyFactory.create(bot=BotFactory.create(organisation=contoso), name="Theirs")
    html = signed_in(jonas).get(PUBLIC).content.decode()
    assert key_names(html) == ["Desk", "CRM"]
    for words in ("Whitelist", "192.0.2.0/24", "2001:db8::/32", f"/bots/{bot.id}/advanced/", "Any IP"):
        assert words in html
    assert key_names(signed_in(jonas).get(f"{PUBLIC}?q=concier").content.decode()) == ["CRM"]
    assert "No key matches" in signed_in(jonas).get(f"{PUBLIC}?q=nothing").content.decode()


def test_public_keys_show_their_own_ranges(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    bot = BotFactory.create(organisation=northwind, networks=["192.0.2.0/24"])
    for owner, own in ((bot, ["192.0.2.64/26"]), (BotFactory.create(organisation=northwind), ["10.0.0.0/8"])):
        KeyFactory.create(bot=owner, networks=own)
    html = signed_in(jonas).get(PUBLIC).content.decode()
    for words in ("192.0.2.0/24", "192.0.2.64/26", "A request must match a range in both lists.", "The key’s own"):
        assert words in html
    assert "Any IP" not in html


def owners(response: Any) -> list[tuple[str, list[str]]]:
    return [(str(o["owner"]), list(map(str, o["entries"]))) for o in response.context["owners"]]


def test_allow_lists_are_grouped_by_owner(
    maya: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    bot = BotFactory.create(organisation=northwind, name="Concierge", networks=["192.0.2.0/24"])
    KeyFactory.create(bot=bot, name="Own list", networks=["10.0.0.0/8"])
    KeyFactory.create(organisation=contoso, name="Theirs", networks=["2001:db8::/32"])
    AllowListEntry.objects.create(bot=bot, network="198.51.100.0/24")
    client = signed_in(maya)
    found = [(owner, sorted(networks)) for owner, networks in owners(client.get(LISTS))]
    assert found == [
        ("Theirs", ["2001:db8::/32"]),
        ("Concierge", ["192.0.2.0/24", "198.51.100.0/24"]),
        ("Own list", ["10.0.0.0/8"]),
    ]
    assert owners(client.get(f"{LISTS}?organisation=contoso")) == [("Theirs", ["2001:db8::/32"])]


def test_allow_lists_show_only_readable_organisations(
    lena: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    KeyFactory.create(organisation=northwind, networks=["10.0.0.0/8"])
    response = signed_in(lena).get(LISTS)
    assert owners(response) == []
    assert "No ranges yet" in response.content.decode()
    assert key_names(signed_in(lena).get(f"{LISTS}?address=10.0.0.1").content.decode()) == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.1.9.4", ["Both", "By bot", "Own"]),
        ("10.1.2.3", ["By bot", "Own"]),
        ("10.2.0.1", ["Own"]),
        ("::ffff:10.2.0.1", ["Own"]),
        ("2001:db8::7", ["Six"]),
        ("8.8.8.8", []),
    ],
)
def test_address_query_lists_the_keys_that_work_from_it(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, address: str, expected: list[str]
) -> None:
    bot = BotFactory.create(organisation=northwind, networks=["10.1.0.0/16"])
    KeyFactory.create(organisation=northwind, name="Six", networks=["2001:db8::/32"])
    KeyFactory.create(organisation=northwind, name="Open")
    KeyFactory.create(organisation=northwind, name="Stopped", networks=["10.0.0.0/8"], revoked=True)
    KeyFactory.create(organisation=northwind, name="Own", networks=["10.0.0.0/8"])
    KeyFactory.create(bot=bot, name="By bot")
    KeyFactory.create(bot=bot, name="Both", networks=["10.1.9.0/24"])
    html = signed_in(jonas).get(LISTS, {"address": address}).content.decode()
    assert key_names(html) == expected
    assert "1 key without an allow-list works from any IP address, including this one." in html
    if not expected:
        assert f"No allow-list includes {address}." in html


def test_address_query_names_the_ranges_that_allow_it(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    bot = BotFactory.create(organisation=northwind, networks=["10.1.0.0/16", "192.0.2.0/24"])
    KeyFactory.create(bot=bot, networks=["10.1.9.0/24", "10.7.0.0/16"])
    response = htmx(jonas).get(LISTS, {"address": "10.1.9.4"})
    assert "<html" not in response.content.decode()
    assert sorted(str(network) for network in response.context["rows"][0].allowed_by) == ["10.1.0.0/16", "10.1.9.0/24"]


@pytest.mark.parametrize("typed", ["10.0.0", "10.0.0.0/8", "::1%eth0", "<script>"])
def test_invalid_address_shows_an_error(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, typed: str
) -> None:
    response = signed_in(jonas).get(LISTS, {"address": typed})
    assert response.status_code == 200
    assert "Enter one IP address, such as 203.0.113.24." in response.content.decode()


@pytest.mark.parametrize("is_by_name", [True, False])
@pytest.mark.parametrize("reader", ["jonas", "maya"])
def test_allow_list_pages_reach_every_range(
    northwind: Organisation,
    signed_in: SignedIn,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    reader: str,
    is_by_name: bool,
) -> None:
    """There and back, also of more ranges than are put in order by name."""
    if not is_by_name:
        monkeypatch.setattr(capped_count, "COUNT_LIMIT", 100)
    for number in range(65):
        networks = [f"10.0.{number}.0/24", f"10.1.{number}.0/24"]
        KeyFactory.create(organisation=northwind, name=f"{'🐘' * 40} {number}", networks=networks)
    client, url = signed_in(request.getfixturevalue(reader)), LISTS
    seen: list[Any] = []
    pages: list[Any] = []
    while url and len(pages) < 5:
        response = client.get(url)
        pages.append(response)
        seen += [network for _, networks in owners(response) for network in networks]
        url = response.context["page"].next_url
    assert len(seen) == len(set(seen)) == 130
    assert len({owner for page in pages for owner, _ in owners(page)}) == 65
    back = client.get(pages[-1].context["page"].previous_url)
    assert owners(back) == owners(pages[-2])
    assert ("not sorted by name" in pages[0].content.decode()) is not is_by_name


def test_cursor_of_another_order_is_refused(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        KeyFactory.create(organisation=northwind, networks=[f"10.0.{number}.0/24"])
    client = signed_in(jonas)
    url = client.get(LISTS).context["page"].next_url
    monkeypatch.setattr(capped_count, "COUNT_LIMIT", 50)
    response = client.get(url)
    assert response.status_code == 422
    assert "Start at the first page." in response.content.decode()


@pytest.mark.parametrize("url", [PUBLIC, LISTS, f"{LISTS}?address=10.0.0.1", f"{PUBLIC}?q=Key&organisation=northwind"])
def test_security_pages_cost_the_same_number_of_statements_for_many_rows(
    maya: Person, northwind: Organisation, signed_in: SignedIn, url: str, django_assert_max_num_queries: Any
) -> None:
    client, counts = signed_in(maya), []
    for wanted in (4, 40):
        while Key.objects.count() < wanted:
            bot: Bot = BotFactory.create(organisation=northwind, networks=["10.0.0.0/16"])
            KeyFactory.create(bot=bot, networks=["10.0.0.0/8"])
        with django_assert_max_num_queries(12) as captured:
            assert client.get(url).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_public_keys_has_a_section_for_each_kind(
    maya: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    KeyFactory.create(organisation=northwind, public=True, name="Northwind key", networks=["203.0.113.0/24"])
    KeyFactory.create(organisation=contoso, public=True, name="Contoso key")
    KeyFactory.create(bot=BotFactory.create(organisation=northwind), name="Key of a bot")
    KeyFactory.create(organisation=northwind, name="Standard key")
    html = signed_in(maya).get("/security/public-keys/").content.decode()
    public, bots = html.split("Organisation-wide</caption>")[1].split("Bots’ keys</caption>")
    assert "Northwind key" in public
    assert "Contoso key" in public
    assert "203.0.113.0/24" in public
    assert "Key of a bot" in bots
    assert "Northwind key" not in bots
    assert "Standard key" not in html
    html = signed_in(maya).get("/security/public-keys/?organisation=contoso").content.decode()
    assert "Northwind key" not in html
