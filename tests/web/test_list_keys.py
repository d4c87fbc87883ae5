"""The list of keys: columns, filters, search, counts, and the number of statements."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from keyadmin.models import CallOutcome, Key, KeyKind, Meter, Organisation, Person, UsageHour
from keyadmin.web.common import capped_count
from tests.factories import BotFactory, KeyFactory
from tests.fixtures.clients import SignedIn
from tests.web.pages import key_names


def test_keys_are_listed_newest_first_with_their_status(
    jonas: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    bot = BotFactory.create(organisation=northwind, name="Concierge", networks=["192.0.2.0/24"])
    KeyFactory.create(organisation=northwind, name="First", scopes=["chats:read"])
    KeyFactory.create(bot=bot, name="Second", scopes=["chats:export"], networks=["10.0.0.0/8"])
    html = signed_in(jonas).get("/keys/").content.decode()
    assert key_names(html) == ["Second", "First"]
    assert "2 ranges" in html
    assert "Concierge" in html
    assert "1–2 of 2" in html


def test_any_ip_is_a_warning_only_for_keys_that_can_write(
    jonas: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    KeyFactory.create(organisation=northwind, scopes=["chats:read"])
    assert 'class="any-ip"' not in signed_in(jonas).get("/keys/").content.decode()
    KeyFactory.create(organisation=northwind, scopes=["chats:export"])
    assert 'class="any-ip"' in signed_in(jonas).get("/keys/").content.decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=revoked", ["Revoked"]),
        ("status=expired", ["Expired"]),
        ("status=expiring", ["Expiring"]),
        ("status=active", ["Robot", "Narrow", "Active"]),
        ("q=robo", ["Robot"]),
        ("q=concier", ["Robot"]),
        ("q=ctiv&sort=name", ["Active"]),
        ("open=any", ["Expiring", "Active"]),
        ("kind=bot", ["Robot"]),
        ("sort=oldest", ["Active", "Expired", "Expiring", "Narrow", "Revoked", "Robot"]),
        ("sort=name", ["Active", "Expired", "Expiring", "Narrow", "Revoked", "Robot"]),
    ],
)
def test_filters_select_matching_keys(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, query: str, expected: list[str]
) -> None:
    KeyFactory.create(organisation=northwind, name="Active")
    KeyFactory.create(organisation=northwind, name="Expired", expired=True)
    KeyFactory.create(organisation=northwind, name="Expiring", expiring=True)
    KeyFactory.create(organisation=northwind, name="Narrow", networks=["10.0.0.0/8"])
    KeyFactory.create(organisation=northwind, name="Revoked", revoked=True)
    KeyFactory.create(
        bot=BotFactory.create(organisation=northwind, name="Concierge", networks=["10.0.0.0/8"]), name="Robot"
    )
    assert key_names(signed_in(jonas).get(f"/keys/?{query}").content.decode()) == expected


def test_search_finds_a_key_by_its_prefix(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind)
    KeyFactory.create(organisation=northwind)
    html = signed_in(jonas).get("/keys/", {"q": key.recognition}).content.decode()
    assert key_names(html) == [key.name]


def test_organisation_filter_rejects_an_unreadable_organisation(
    maya: Person, jonas: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    KeyFactory.create(organisation=northwind, name="Ours")
    KeyFactory.create(organisation=contoso, name="Theirs")
    assert key_names(signed_in(maya).get("/keys/").content.decode()) == ["Theirs", "Ours"]
    assert key_names(signed_in(maya).get("/keys/?organisation=contoso").content.decode()) == ["Theirs"]
    assert key_names(signed_in(jonas).get("/keys/").content.decode()) == ["Ours"]
    assert signed_in(jonas).get("/keys/?organisation=contoso").status_code == 404
    assert signed_in(jonas).get("/keys/?organisation=unheard-of").status_code == 404


def test_pages_lead_forward_and_back(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    began = timezone.now()
    for number in range(45):
        KeyFactory.create(
            organisation=northwind, name=f"K{number:02}", created_at=began + timedelta(seconds=number // 2)
        )
    client = signed_in(jonas)
    seen, url, pages = [], "/keys/?sort=newest", []
    while url:
        html = client.get(url).content.decode()
        pages.append(key_names(html))
        seen += pages[-1]
        found = re.search(r'href="([^"]*)" rel="next"', html)
        url = found[1].replace("&amp;", "&") if found else ""
    assert [len(page) for page in pages] == [20, 20, 5]
    assert seen == list(Key.objects.order_by("-created_at", "-id").values_list("name", flat=True))
    back = re.search(r'href="([^"]*)" rel="prev"', html)
    assert back
    assert key_names(client.get(back[1].replace("&amp;", "&")).content.decode()) == pages[1]


def test_htmx_gets_rows_with_tabs_and_tiles(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    KeyFactory.create(organisation=northwind)
    html = htmx(jonas).get("/keys/?q=key").content.decode()
    assert html.lstrip().startswith('<div id="key-rows"')
    assert 'id="status-tabs"' in html
    assert "<!doctype" not in html


def test_search_reports_its_count_and_keeps_filters(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    for _ in range(2):
        KeyFactory.create(organisation=northwind)
    client = htmx(jonas)
    typing = {"HX-Trigger": "search", "HX-Trigger-Name": "q"}
    for query, said in {"key": "2 keys", "nothing": "No keys match."}.items():
        html = client.get(f"/keys/?q={query}", headers=typing).content.decode()
        assert f'<p id="found" hx-swap-oob="innerHTML">{said}</p>' in html
        form = html[html.index('<form class="menu filter-form"') :]
        assert f'<input type="hidden" name="q" value="{query}">' in form
    assert 'id="found"' not in client.get("/keys/?q=key").content.decode()


def test_empty_results_differ_from_an_empty_list(jonas: Person, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    assert "No API keys yet" in client.get("/keys/").content.decode()
    assert "No key matches “x”." in client.get("/keys/?q=x").content.decode()


@pytest.mark.parametrize("url", ["/keys/", "/keys/?q=key&status=active&organisation=northwind&open=any"])
def test_key_list_costs_the_same_number_of_statements_for_many_keys(
    maya: Person, northwind: Organisation, signed_in: SignedIn, url: str, django_assert_max_num_queries: Any
) -> None:
    bot = BotFactory.create(organisation=northwind)
    client = signed_in(maya)
    counts = []
    for wanted in (3, 60):
        while Key.objects.count() < wanted:
            key = KeyFactory.create(organisation=northwind) if Key.objects.count() % 2 else KeyFactory.create(bot=bot)
            UsageHour.objects.create(key_id=key.id, hour=timezone.now(), outcome=CallOutcome.OK, count=3)
        with django_assert_max_num_queries(12) as captured:
            assert client.get(url).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_tile_sums_requests_of_fourteen_days(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind)
    now = timezone.now()
    for days, outcome, count in ((0, CallOutcome.OK, 30), (3, CallOutcome.ADDRESS, 10), (20, CallOutcome.OK, 500)):
        UsageHour.objects.create(key_id=key.id, hour=now - timedelta(days=days), outcome=outcome, count=count)
    Meter.objects.filter(key_id=key.id).update(total=530, last_used_at=now)
    response = signed_in(jonas).get("/keys/")
    tile = response.context["tiles"][-1]
    assert (tile.value, tile.note) == ("40", "25.0% denied")
    assert response.context["keys"][0].usage[-1] == (30, 0)
    assert response.context["keys"][0].usage[-4] == (0, 10)
    assert '<span class="number">40</span>' in response.content.decode()
    assert "just now" in response.content.decode()


@pytest.mark.parametrize(
    ("scopes", "networks", "chips"),
    [
        (["chats:read"], [], ["Read chats"]),
        (["chats:write", "contacts:manage"], [], ["Write chats", "+1"]),
        (["chats:read", "chats:export"], [], ["Export data", "Read chats"]),
        (["chats:read", "chats:write", "messages:send"], ["10.0.0.0/8"], ["Read chats", "Write chats", "+1"]),
    ],
)
def test_permission_chips_fit_their_column(
    jonas: Person,
    northwind: Organisation,
    signed_in: SignedIn,
    scopes: list[str],
    networks: list[str],
    chips: list[str],
) -> None:
    KeyFactory.create(organisation=northwind, scopes=scopes, networks=networks)
    html = signed_in(jonas).get("/keys/").content.decode()
    assert [chip.strip() for chip in re.findall(r'class="chip[ "][^>]*>([^<]+)<', html)] == chips


def test_counts_stop_at_the_limit(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capped_count, "COUNT_LIMIT", 2)
    for _ in range(4):
        KeyFactory.create(organisation=northwind)
    response = signed_in(jonas).get("/keys/")
    assert response.context["tabs"][0]["count"] == "1,000+"
    assert response.context["tiles"][-1].label == "Used today"


def test_names_of_keys_are_escaped(maya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    evil = "<img src=x onerror=alert(1)>"
    key = KeyFactory.create(organisation=northwind, name=evil, description=evil, master=True)
    client = signed_in(maya)
    pages = ("/keys/", f"/keys/?q={evil}", f"/keys/{key.id}/", f"/keys/{key.id}/revoke/", f"/keys/{key.id}/delete/")
    for page in pages:
        html = client.get(page).content.decode()
        assert "<img src=x" not in html, page
        assert "&lt;img" in html, page


def test_master_keys_page_lists_only_master_keys(
    maya: Person, jonas: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    KeyFactory.create(organisation=northwind, name="Plain")
    KeyFactory.create(organisation=northwind, name="Master", kind=KeyKind.MASTER)
    html = signed_in(maya).get("/keys/?kind=master").content.decode()
    assert key_names(html) == ["Master"]
    assert re.search(r'href="/keys/\?kind=master" aria-current="page"', html)
    assert "Master User API keys" not in signed_in(jonas).get("/keys/").content.decode()


def test_popover_offers_bots_and_permissions(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    now = timezone.now()
    bot = BotFactory.create(organisation=northwind, name="Concierge", networks=["10.0.0.0/8"])
    KeyFactory.create(bot=bot, name="Bots")
    KeyFactory.create(organisation=northwind, name="Idle", scopes=["chats:export"], networks=["10.0.0.0/8"])
    KeyFactory.create(organisation=northwind, name="Busy", inherits=True, creator=jonas)
    for name, days in (("Idle", 91), ("Busy", 1)):
        key = Key.objects.get(name=name)
        Meter.objects.filter(key_id=key.id).update(last_used_at=now - timedelta(days=days))
    client = signed_in(jonas)
    for query, expected in {
        f"bot={bot.id}": ["Bots"],
        "bot=none": ["Busy", "Idle"],
        "scope=chats:export": ["Busy", "Idle"],
        "open=any": ["Busy"],
        "open=limited": ["Idle", "Bots"],
        "used=never": ["Bots"],
        "used=90": ["Idle"],
        "used=90&open=limited&scope=chats:export&bot=none&kind=standard": ["Idle"],
    }.items():
        html = client.get(f"/keys/?{query}").content.decode()
        assert key_names(html) == expected, query
    assert html.count('class="filter-chip"') == 5
    assert "Clear filters" in html
    assert 'href="/keys/"' in html


def test_master_keys_page_has_its_own_title(maya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    client = signed_in(maya)
    html = client.get("/keys/?kind=master&organisation=northwind").content.decode()
    assert "<h1>Master User API keys</h1>" in html
    link = "/keys/create/?organisation=northwind&amp;kind=master"
    assert link in html
    form = client.get(link.replace("&amp;", "&")).content.decode()
    assert re.search(rf'value="master:{northwind.id}" selected', form)


@pytest.mark.parametrize(("scopes", "words"), [("chats:export", "At least 1 can write or export"), ("chats:read", "")])
def test_count_of_risky_keys_is_a_lower_bound_above_the_limit(
    maya: Person, northwind: Organisation, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch, scopes: str, words: str
) -> None:
    for scope in ("chats:read", "chats:read", scopes):
        KeyFactory.create(organisation=northwind, scopes=[scope])
    client = signed_in(maya)
    exact = "1 can write or export" if words else "0 can write or export"
    assert exact in client.get("/keys/").content.decode()
    monkeypatch.setattr("keyadmin.web.common.capped_count.COUNT_LIMIT", 2)
    html = client.get("/keys/").content.decode()
    assert words in html
    assert ("can write or export" in html) == bool(words)
