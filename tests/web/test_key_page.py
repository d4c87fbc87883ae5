"""A key's own page: figures, chart, what it may do and from where, and what it costs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from keyadmin.models import Key, Meter, Organisation, Outcome, Person, UsageHour
from keyadmin.models.meter import CELLS
from tests.factories import BotFactory, ChannelFactory, KeyFactory
from tests.web.conftest import SignedIn


@pytest.fixture
def key(northwind: Organisation) -> Key:
    made: Key = KeyFactory(organisation=northwind, name="CRM")
    return made


def html(client: Client, key: Key, query: str = "") -> str:
    response = client.get(f"/keys/{key.id}/{query}")
    assert response.status_code == 200
    return response.content.decode()


def use(key: Key, outcome: Outcome, count: int, days: int = 0) -> None:
    UsageHour.objects.create(key_id=key.id, hour=timezone.now() - timedelta(days=days), outcome=outcome, count=count)


def test_what_the_key_is(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    bot = BotFactory(organisation=northwind, name="Concierge", networks=["198.51.100.16/28"])
    channel = ChannelFactory(organisation=northwind, name="Telegram")
    key = KeyFactory(bot=bot, scopes=["chats:read"], networks=["203.0.113.0/24"], channels=[channel])
    page = html(signed_in(jonas), key)
    for words in (
        "Concierge", "Read chats", "GET /api/chats", "203.0.113.0/24", "256 addresses", "198.51.100.16/28",
        "A call must match a range in both lists.", "Telegram", "Standard, 1,000 an hour", "Danger zone",
    ):  # fmt: skip
        assert words in page, words


def test_figures(jonas: Person, key: Key, signed_in: SignedIn) -> None:
    minute = int(timezone.now().timestamp()) // 60
    cells = [7, 5] + [0] * (CELLS - 2)
    Meter.objects.filter(key_id=key.id).update(
        total=412_906, used=12, cells=cells, minute=minute, last_used_at=timezone.now(), last_used_ip="203.0.113.24"
    )
    use(key, Outcome.OK, 80)
    use(key, Outcome.ADDRESS, 13, days=3)
    use(key, Outcome.OK, 1000, days=40)
    response = signed_in(jonas).get(f"/keys/{key.id}/?days=90")
    page = response.content.decode()
    for words in (
        "412,906",
        "from 203.0.113.24",
        "12 of 1,000 requests in the last hour",
        "13 of 100 requests",
        "13.0%",
    ):
        assert words in page, words
    chart = response.context["chart"]
    assert chart.totals == [1087, 0, 13, 0, 0]
    today = next(day for day in chart.days if day["date"] == datetime.fromtimestamp(minute * 60, UTC).date())
    assert today["counts"][0] == 87


def test_the_quota_forgets_what_is_older_than_an_hour(jonas: Person, key: Key, signed_in: SignedIn) -> None:
    minute = int(timezone.now().timestamp()) // 60
    Meter.objects.filter(key_id=key.id).update(used=9, cells=[9] + [0] * (CELLS - 1), minute=minute - 61)
    assert "0 of 1,000 requests in the last hour" in html(signed_in(jonas), key)


@pytest.mark.parametrize(
    ("query", "days"),
    [("", 30), ("?days=7", 7), ("?days=14", 14), ("?days=90", 90), ("?days=8", 30), ("?days=x", 30), ("?days=²", 30)],
)
def test_ranges(jonas: Person, key: Key, signed_in: SignedIn, query: str, days: int) -> None:
    response = signed_in(jonas).get(f"/keys/{key.id}/{query}")
    assert len(response.context["chart"].days) == days
    page = response.content.decode()
    assert page.count('<g class="day">') == 2 * days
    assert f'id="days-{days}" href="?days={days}"' in page


def test_parts(jonas: Person, key: Key, htmx: SignedIn) -> None:
    client = htmx(jonas)
    assert client.get(f"/keys/{key.id}/").content.decode().lstrip().startswith('<div id="key-page"')
    usage = client.get(f"/keys/{key.id}/?days=7", headers={"HX-Target": "usage"}).content.decode()
    assert usage.lstrip().startswith('<section class="card" id="usage"')


def test_acts_by_role_and_state(
    jonas: Person, asha: Person, northwind: Organisation, key: Key, signed_in: SignedIn
) -> None:
    acts = ("edit", "regenerate", "revoke", "delete", "description")
    page = html(signed_in(jonas), key)
    assert all(f"/keys/{key.id}/{act}/" in page for act in acts)
    page = html(signed_in(asha), key)
    assert not any(f"/keys/{key.id}/{act}/" in page for act in acts)
    revoked = KeyFactory(organisation=northwind, revoked=True)
    page = html(signed_in(jonas), revoked)
    assert "“Lost”" in page
    assert f"/keys/{revoked.id}/reactivate/" in page
    assert f"/keys/{revoked.id}/regenerate/" not in page


def test_an_old_secret_counts_down(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    key = KeyFactory(organisation=northwind, in_grace=True)
    page = html(signed_in(jonas), key)
    assert "Two secrets work." in page
    assert "in 59 min" in page
    assert "End now…" in page


@pytest.mark.parametrize("who", ["maya", "jonas", "asha"])
def test_statements(
    request: pytest.FixtureRequest, northwind: Organisation, jonas: Person, signed_in: SignedIn, who: str,
    django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    bot = BotFactory(organisation=northwind, networks=["192.0.2.0/24", "198.51.100.0/24"])
    scopes = ["chats:read", "chats:write", "chats:export", "messages:send"]
    full = KeyFactory(
        bot=bot, scopes=scopes, networks=["192.0.2.1/32"], channels=[ChannelFactory(organisation=northwind)]
    )
    client = signed_in(request.getfixturevalue(who))
    signed_in(jonas).post(f"/keys/{full.id}/description/", {"description": "New", "was": ""})
    with django_assert_max_num_queries(12):
        html(client, full)


def test_a_compact_key_is_named_by_its_id(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    """As the command line takes it."""
    key = KeyFactory(organisation=northwind, compact=True)
    for page in (f"/keys/{key.id}/", "/keys/"):
        html = signed_in(jonas).get(page).content.decode()
        assert f'data-copy="{key.id}"' in html
