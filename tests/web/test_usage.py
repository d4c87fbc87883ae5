"""The page of usage: sums by day and outcome, the busiest keys, and whose they are."""

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
from tests.web.conftest import SignedIn


def use(key: Key, outcome: CallOutcome, count: int, days: int = 0) -> None:
    UsageHour.objects.create(key_id=key.id, hour=timezone.now() - timedelta(days=days), outcome=outcome, count=count)


def names(html: str) -> list[str]:
    return re.findall(r'class="key-name"[^>]*>([^<]*)<', html)


@pytest.fixture
def concierge(northwind: Organisation) -> Bot:
    made: Bot = BotFactory(organisation=northwind, name="Concierge")
    return made


@pytest.fixture
def keys(northwind: Organisation, contoso: Organisation, concierge: Bot) -> dict[str, Key]:
    """Three of Northwind, one of them Concierge's; one of Contoso; one that nobody uses."""
    made = {
        "Robot": KeyFactory(bot=concierge, name="Robot"),
        "Plain": KeyFactory(organisation=northwind, name="Plain"),
        "Tried": KeyFactory(organisation=northwind, name="Tried"),
        "Idle": KeyFactory(organisation=northwind, name="Idle"),
        "Theirs": KeyFactory(organisation=contoso, name="Theirs"),
    }
    use(made["Robot"], CallOutcome.OK, 100)
    use(made["Robot"], CallOutcome.OK, 1000, days=20)
    use(made["Plain"], CallOutcome.OK, 30, days=2)
    use(made["Plain"], CallOutcome.ADDRESS, 10, days=2)
    use(made["Tried"], CallOutcome.LIMITED, 7, days=40)
    use(made["Theirs"], CallOutcome.OK, 5)
    return made


@pytest.mark.parametrize(
    ("query", "totals", "busiest"),
    [
        ("", [1135, 0, 10, 0, 0], ["Robot", "Plain", "Theirs"]),
        ("?days=7", [135, 0, 10, 0, 0], ["Robot", "Plain", "Theirs"]),
        ("?days=90", [1135, 0, 10, 7, 0], ["Robot", "Plain", "Tried", "Theirs"]),
        ("?days=8&bot=x&key=y&cursor=z", [1135, 0, 10, 0, 0], ["Robot", "Plain", "Theirs"]),
        ("?organisation=northwind", [1130, 0, 10, 0, 0], ["Robot", "Plain"]),
        ("?organisation=northwind&bot=none", [30, 0, 10, 0, 0], ["Plain"]),
        ("?bot={bot}&days=14", [100, 0, 0, 0, 0], ["Robot"]),
        ("?key={key}", [30, 0, 10, 0, 0], []),
    ],
)
def test_whose_and_since_when(
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
    assert names(response.content.decode()) == busiest


def test_what_a_meter_has_not_handed_over_counts(maya: Person, keys: dict[str, Key], signed_in: SignedIn) -> None:
    minute = int(timezone.now().timestamp()) // 60
    Meter.objects.filter(key_id=keys["Idle"].id).update(cells=[9] + [0] * (CELLS - 1), used=9, minute=minute)
    response = signed_in(maya).get("/usage/?days=7")
    assert response.context["chart"].totals[0] == 144
    assert [row.name for row in response.context["rows"]] == ["Robot", "Plain", "Idle", "Theirs"]


def test_only_what_one_may_read(
    jonas: Person, sam: Person, keys: dict[str, Key], contoso: Organisation, signed_in: SignedIn
) -> None:
    client = signed_in(jonas)
    assert names(client.get("/usage/").content.decode()) == ["Robot", "Plain"]
    theirs = BotFactory(organisation=contoso)
    for query in (f"key={keys['Theirs'].id}", f"key={uuid4()}", f"bot={theirs.id}", "organisation=contoso"):
        assert client.get(f"/usage/?{query}").status_code == 404, query
    assert signed_in(sam).get("/usage/").status_code == 403


def test_paging_forth_and_back(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PAGE_SIZE", 4)
    made = [KeyFactory(organisation=northwind, name=f"K{number}") for number in range(10)]
    for number, key in enumerate(made):
        use(key, CallOutcome.OK, 10 + number // 2)
    client, url, pages = signed_in(jonas), "/usage/", []
    while url:
        html = client.get(url).content.decode()
        pages.append(names(html))
        found = re.search(r'href="([^"]*)" rel="next"', html)
        url = found[1].replace("&amp;", "&") if found else ""
    assert [len(page) for page in pages] == [4, 4, 2]
    ranked = sorted(made, key=lambda key: (10 + int(key.name[1:]) // 2, key.id), reverse=True)
    assert [name for page in pages for name in page] == [key.name for key in ranked]
    for expected in (pages[1], pages[0]):
        back = re.search(r'href="([^"]*)" rel="prev"', html)
        assert back
        html = client.get(back[1].replace("&amp;", "&")).content.decode()
        assert names(html) == expected
    assert 'rel="prev"' not in html


def test_of_too_many_keys_those_used_last(
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
def added_up(keys: dict[str, Key]) -> None:
    """All that was called before today, and the keys that did: nobody needs to look at their hours any more."""
    usage_operations.roll_up()
    UsageHour.objects.filter(hour__date__lt=timezone.now().date()).delete()


@pytest.mark.usefixtures("added_up")
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
def test_what_was_added_up_beforehand_counts_once(
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
    assert names(response.content.decode()) == busiest
    assert "Deleted keys are not included." not in response.content.decode()


@pytest.mark.usefixtures("added_up")
def test_of_too_many_keys_the_days_are_of_all_until_the_last_hour(
    maya: Person,
    jonas: Person,
    northwind: Organisation,
    keys: dict[str, Key],
    signed_in: SignedIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    until = timezone.now().replace(minute=0, second=0, microsecond=0)
    use(keys["Plain"], CallOutcome.OK, 50_000)
    UsageDay.objects.create(subject=northwind.id, part="all", day=until.date(), outcome=CallOutcome.SCOPE, count=4)
    UsageRollUp.objects.update(hours_until=until)
    monkeypatch.setattr(capped_count, "COUNT_LIMIT", 1)
    for page, allowed in (("/usage/", 1030), ("/?organisation=northwind", 30)):
        response = signed_in(jonas).get(page)
        assert response.context["chart"].totals[:2] == [allowed, 4], "what was called since is not waited for"
        assert f"Requests are counted up to {absolute_time(until)}." in response.content.decode()
    assert "Requests, 14 days" in response.content.decode()


def test_nobody_used_anything(jonas: Person, signed_in: SignedIn) -> None:
    assert "No key was used in this period." in signed_in(jonas).get("/usage/").content.decode()


def test_it_leads_to_the_key_and_back(jonas: Person, keys: dict[str, Key], signed_in: SignedIn) -> None:
    key: Any = keys["Plain"]
    html = signed_in(jonas).get(f"/usage/?key={key.id}&days=14&organisation=northwind").content.decode()
    assert f'href="/keys/{key.id}/"' in html
    assert 'href="/usage/?organisation=northwind&amp;days=14" aria-label="Remove filter Key Plain"' in html


def test_the_chosen_bot_is_to_choose_however_many_there_are(
    maya: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of another organisation than the filter's."""
    monkeypatch.setattr(views, "MAX_BOT_CHOICES", 2)
    first, second, last = (BotFactory(organisation=northwind, name=name) for name in ("A", "B", "C"))
    theirs = BotFactory(organisation=contoso, name="D")
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
