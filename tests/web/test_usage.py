"""The usage page: requests by day and outcome, the busiest keys, and the filters."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from keyadmin.models import Bot, CallOutcome, Key, Meter, Organisation, Person, UsageDay, UsageHour, UsageRollUp
from keyadmin.models.meter import CELLS
from keyadmin.operations.usage import roll_up as usage_operations
from keyadmin.web.common import capped_count
from keyadmin.web.templatetags.ui import absolute_time
from keyadmin.web.usage import charts, views
from tests.factories import BotFactory, KeyFactory
from tests.fixtures.clients import SignedIn


def record_usage(key: Key, outcome: CallOutcome, count: int, days: int = 0) -> None:
    UsageHour.objects.create(key_id=key.id, hour=timezone.now() - timedelta(days=days), outcome=outcome, count=count)


def key_names(html: str) -> list[str]:
    return re.findall(r'class="key-name"[^>]*>([^<]*)<', html)


@pytest.fixture
def concierge(northwind: Organisation) -> Bot:
    made: Bot = BotFactory.create(organisation=northwind, name="Concierge")
    return made


@pytest.fixture
def keys(northwind: Organisation, contoso: Organisation, concierge: Bot) -> dict[str, Key]:
    """Three used keys of Northwind, one of them Concierge's; an unused one; and one of Contoso."""
    made: dict[str, Key] = {
        "Robot": KeyFactory.create(bot=concierge, name="Robot"),
        "Plain": KeyFactory.create(organisation=northwind, name="Plain"),
        "Tried": KeyFactory.create(organisation=northwind, name="Tried"),
        "Idle": KeyFactory.create(organisation=northwind, name="Idle"),
        "Theirs": KeyFactory.create(organisation=contoso, name="Theirs"),
    }
    record_usage(made["Robot"], CallOutcome.OK, 100)
    record_usage(made["Robot"], CallOutcome.OK, 1000, days=20)
    record_usage(made["Plain"], CallOutcome.OK, 30, days=2)
    record_usage(made["Plain"], CallOutcome.ADDRESS, 10, days=2)
    record_usage(made["Tried"], CallOutcome.LIMITED, 7, days=40)
    record_usage(made["Theirs"], CallOutcome.OK, 5)
    return made


@pytest.mark.parametrize(
    ("query", "totals", "busiest"),
    [
        ("", [1135, 0, 10, 0, 0], ["Robot", "Plain", "Theirs"]),
        ("?days=7", [135, 0, 10, 0, 0], ["Robot", "Plain", "Theirs"]),
        ("?days=90", [1135, 0, 10, 7, 0], ["Robot", "Plain", "Tried", "Theirs"]),
        ("?organisation=northwind", [1130, 0, 10, 0, 0], ["Robot", "Plain"]),
        ("?organisation=northwind&bot=none", [30, 0, 10, 0, 0], ["Plain"]),
        ("?bot={bot}&days=14", [100, 0, 0, 0, 0], ["Robot"]),
        ("?key={key}", [30, 0, 10, 0, 0], []),
    ],
)
def test_filters_and_range_select_the_counted_requests(
    maya: Person,
    keys: dict[str, Key],
    concierge: Bot,
    signed_in: SignedIn,
    query: str,
    totals: list[int],
    busiest: list[str],
) -> None:
    response = signed_in(maya).get("/usage/" + query.format(bot=concierge.id, key=keys["Plain"].id))
    assert response.context["chart"].totals == totals
    assert key_names(response.content.decode()) == busiest


@pytest.mark.parametrize("query", ["?days=8", "?bot=x", "?key=y"])
def test_unknown_filter_value_is_an_error(maya: Person, signed_in: SignedIn, query: str) -> None:
    assert signed_in(maya).get(f"/usage/{query}").status_code == 422


def test_requests_that_only_the_meter_has_are_counted(maya: Person, keys: dict[str, Key], signed_in: SignedIn) -> None:
    minute = int(timezone.now().timestamp()) // 60
    Meter.objects.filter(key_id=keys["Idle"].id).update(cells=[9] + [0] * (CELLS - 1), used=9, minute=minute)
    response = signed_in(maya).get("/usage/?days=7")
    assert response.context["chart"].totals[0] == 144
    assert [row.name for row in response.context["rows"]] == ["Robot", "Plain", "Idle", "Theirs"]


def test_usage_covers_readable_keys_only(
    jonas: Person, sam: Person, keys: dict[str, Key], contoso: Organisation, signed_in: SignedIn
) -> None:
    client = signed_in(jonas)
    assert key_names(client.get("/usage/").content.decode()) == ["Robot", "Plain"]
    theirs = BotFactory.create(organisation=contoso)
    for query in (f"key={keys['Theirs'].id}", f"key={uuid4()}", f"bot={theirs.id}", "organisation=contoso"):
        assert client.get(f"/usage/?{query}").status_code == 404, query
    assert signed_in(sam).get("/usage/").status_code == 403


def test_pages_lead_through_all_keys_and_back(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PAGE_SIZE", 4)
    made = [KeyFactory.create(organisation=northwind, name=f"K{number}") for number in range(10)]
    for number, key in enumerate(made):
        record_usage(key, CallOutcome.OK, 10 + number // 2)
    client, url, pages = signed_in(jonas), "/usage/", []
    while url:
        html = client.get(url).content.decode()
        pages.append(key_names(html))
        found = re.search(r'href="([^"]*)" rel="next"', html)
        url = found[1].replace("&amp;", "&") if found else ""
    assert [len(page) for page in pages] == [4, 4, 2]
    ranked = sorted(made, key=lambda key: (10 + int(key.name[1:]) // 2, key.id), reverse=True)
    assert [name for page in pages for name in page] == [key.name for key in ranked]
    for expected in (pages[1], pages[0]):
        back = re.search(r'href="([^"]*)" rel="prev"', html)
        assert back
        html = client.get(back[1].replace("&amp;", "&")).content.decode()
        assert key_names(html) == expected
    assert 'rel="prev"' not in html


def test_many_keys_without_roll_up_are_counted_by_last_use(
    jonas: Person, keys: dict[str, Key], signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capped_count, "COUNT_LIMIT", 1)
    monkeypatch.setattr(charts, "MAX_SUMMED_KEYS", 1)
    today = timezone.now().date()
    for name, days in (("Robot", 9), ("Plain", 2)):
        Meter.objects.filter(key_id=keys[name].id).update(last_used_day=today - timedelta(days=days))
    for page in ("/usage/", "/"):
        response = signed_in(jonas).get(page)
        assert response.context["chart"].totals == [30, 0, 10, 0, 0]
        assert "There are more than 1,000 keys." in response.content.decode()


@pytest.fixture
def rolled_up(keys: dict[str, Key]) -> None:
    """Usage before today is rolled up, and its hours are deleted to show that they are not read."""
    usage_operations.roll_up()
    UsageHour.objects.filter(hour__date__lt=timezone.now().date()).delete()


@pytest.mark.usefixtures("rolled_up")
@pytest.mark.parametrize(
    ("query", "totals", "busiest"),
    [
        ("", [1135, 0, 10, 0, 0], ["Robot", "Plain", "Theirs"]),
        ("?days=90", [1135, 0, 10, 7, 0], ["Robot", "Plain", "Tried", "Theirs"]),
        ("?organisation=northwind", [1130, 0, 10, 0, 0], ["Robot", "Plain"]),
        ("?organisation=northwind&bot=none", [30, 0, 10, 0, 0], ["Plain"]),
        ("?bot=none&days=90", [35, 0, 10, 7, 0], ["Plain", "Tried", "Theirs"]),
        ("?bot={bot}&days=14", [100, 0, 0, 0, 0], ["Robot"]),
    ],
)
def test_rolled_up_requests_are_counted_once(
    maya: Person,
    keys: dict[str, Key],
    concierge: Bot,
    signed_in: SignedIn,
    query: str,
    totals: list[int],
    busiest: list[str],
) -> None:
    response = signed_in(maya).get("/usage/" + query.format(bot=concierge.id))
    assert response.context["chart"].totals == totals
    assert key_names(response.content.decode()) == busiest
    assert "Deleted keys are not included." not in response.content.decode()


@pytest.mark.usefixtures("rolled_up")
def test_many_keys_with_roll_up_are_counted_up_to_the_last_hour(
    maya: Person,
    jonas: Person,
    northwind: Organisation,
    keys: dict[str, Key],
    signed_in: SignedIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    until = timezone.now().replace(minute=0, second=0, microsecond=0)
    record_usage(keys["Plain"], CallOutcome.OK, 50_000)
    UsageDay.objects.create(
        subject=northwind.id, key_subset="all", day=until.date(), outcome=CallOutcome.SCOPE, count=4
    )
    UsageRollUp.objects.update(hours_until=until)
    monkeypatch.setattr(capped_count, "COUNT_LIMIT", 1)
    for page, allowed in (("/usage/", 1030), ("/?organisation=northwind", 30)):
        response = signed_in(jonas).get(page)
        assert response.context["chart"].totals[:2] == [allowed, 4], "what was called since is not waited for"
        assert f"Requests are counted up to {absolute_time(until)}." in response.content.decode()
    assert "Requests, 14 days" in response.content.decode()


def test_page_without_requests_says_so(jonas: Person, signed_in: SignedIn) -> None:
    assert "No key was used in this period." in signed_in(jonas).get("/usage/").content.decode()


def test_key_filter_links_to_the_key_and_back(jonas: Person, keys: dict[str, Key], signed_in: SignedIn) -> None:
    key: Any = keys["Plain"]
    html = signed_in(jonas).get(f"/usage/?key={key.id}&days=14&organisation=northwind").content.decode()
    assert f'href="/keys/{key.id}/"' in html
    assert 'href="/usage/?organisation=northwind&amp;days=14" aria-label="Remove filter Key Plain"' in html


def test_selected_bot_is_always_among_the_choices(
    maya: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The selected bot may also belong to another organisation than the one in the filter."""
    monkeypatch.setattr(views, "MAX_BOT_CHOICES", 2)
    first, second, last = (BotFactory.create(organisation=northwind, name=name) for name in ("A", "B", "C"))
    theirs = BotFactory.create(organisation=contoso, name="D")
    client = signed_in(maya)
    for query, offered in (
        ("", [first, second]),
        (f"bot={last.id}", [last, first]),
        (f"organisation=northwind&bot={theirs.id}", [theirs, first]),
        ("organisation=contoso", [theirs]),
    ):
        context = client.get(f"/usage/?{query}").context
        assert list(context["bots"]) == offered, query
        assert context["bot"] in (None, offered[0])
