"""The page of a key: figures, chart, permissions, allowed addresses, and the number of statements."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import strip_tags

from keyadmin.models import (
    AddressDay,
    CallOutcome,
    Key,
    KeyDay,
    LastDenial,
    Meter,
    Organisation,
    Person,
    ScopeDay,
    SecretUse,
    UsageHour,
    UsageRollUp,
)
from keyadmin.models.meter import CELLS
from tests.factories import BotFactory, ChannelFactory, KeyFactory
from tests.fixtures.clients import SignedIn
from tests.web.markup import collapse


@pytest.fixture
def key(northwind: Organisation) -> Key:
    made: Key = KeyFactory.create(organisation=northwind, name="CRM")
    return made


def html(client: Client, key: Key, query: str = "") -> str:
    response = client.get(f"/keys/{key.id}/{query}")
    assert response.status_code == 200
    return response.content.decode()


def use(key: Key, outcome: CallOutcome, count: int, days: int = 0) -> None:
    UsageHour.objects.create(key_id=key.id, hour=timezone.now() - timedelta(days=days), outcome=outcome, count=count)


def test_page_shows_owner_tier_and_expiry(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    bot = BotFactory.create(organisation=northwind, name="Concierge", networks=["198.51.100.16/28"])
    channel = ChannelFactory.create(organisation=northwind, name="Telegram")
    key = KeyFactory.create(bot=bot, scopes=["chats:read"], networks=["203.0.113.0/24"], channels=[channel])
    page = html(signed_in(jonas), key)
    for words in (
        "Concierge",
        "Read chats",
        "GET /api/chats",
        "203.0.113.0/24",
        "256 addresses",
        "198.51.100.16/28",
        "is outside",
        "Telegram",
        "Standard, 1,000 an hour",
        "Danger zone",
    ):
        assert words in page, words


def test_page_shows_requests_quota_and_denials(jonas: Person, key: Key, signed_in: SignedIn) -> None:
    minute = int(timezone.now().timestamp()) // 60
    cells = [7, 5] + [0] * (CELLS - 2)
    Meter.objects.filter(key_id=key.id).update(
        total=412_906, used=12, cells=cells, minute=minute, last_used_at=timezone.now(), last_used_ip="203.0.113.24"
    )
    use(key, CallOutcome.OK, 80)
    use(key, CallOutcome.ADDRESS, 13, days=3)
    use(key, CallOutcome.OK, 1000, days=40)
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


def test_total_says_what_it_counts_with_denied_requests_beside_it(jonas: Person, key: Key, signed_in: SignedIn) -> None:
    """Denied requests of finished days are in KeyDay, later ones in UsageHour."""
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    UsageRollUp.objects.update_or_create(id=1, defaults={"hours_until": today, "days_until": today})
    KeyDay.objects.create(key_id=key.id, day=today.date() - timedelta(days=20), allowed=7, denied=1_230)
    use(key, CallOutcome.ADDRESS, 1_230, days=20)
    use(key, CallOutcome.SCOPE, 4)
    use(key, CallOutcome.OK, 50)
    Meter.objects.filter(key_id=key.id).update(total=57)
    Key.objects.filter(id=key.id).update(created_at=today - timedelta(days=30))
    tiles = collapse(strip_tags(html(signed_in(jonas), key)))
    assert re.search(r"Total requests 57 allowed since \d+ \w+ \d{4} 1,234 denied Last used", tiles)
    Organisation.objects.update(usage_retention_days=100)
    Key.objects.filter(id=key.id).update(created_at=today - timedelta(days=101))
    assert "1,234 denied in the last 100 days" in collapse(strip_tags(html(signed_in(jonas), key)))


def test_quota_counts_the_last_hour_only(jonas: Person, key: Key, signed_in: SignedIn) -> None:
    minute = int(timezone.now().timestamp()) // 60
    Meter.objects.filter(key_id=key.id).update(used=9, cells=[9] + [0] * (CELLS - 1), minute=minute - 61)
    assert "0 of 1,000 requests in the last hour" in html(signed_in(jonas), key)


@pytest.mark.parametrize(
    ("query", "days"),
    [("", 30), ("?days=7", 7), ("?days=14", 14), ("?days=90", 90)],
)
def test_chart_shows_the_chosen_range(jonas: Person, key: Key, signed_in: SignedIn, query: str, days: int) -> None:
    response = signed_in(jonas).get(f"/keys/{key.id}/{query}")
    assert len(response.context["chart"].days) == days
    page = response.content.decode()
    assert page.count('<g class="day" ') == 2 * days
    assert f'id="days-{days}" href="?days={days}"' in page


@pytest.mark.parametrize("days", ["8", "x", "²"])
def test_unknown_range_of_the_chart_is_an_error(jonas: Person, key: Key, signed_in: SignedIn, days: str) -> None:
    assert signed_in(jonas).get(f"/keys/{key.id}/?days={days}").status_code == 422


def test_htmx_gets_the_page_or_the_chart(jonas: Person, key: Key, htmx: SignedIn) -> None:
    client = htmx(jonas)
    assert client.get(f"/keys/{key.id}/").content.decode().lstrip().startswith('<div id="key-page"')
    usage = client.get(f"/keys/{key.id}/?days=7", headers={"HX-Target": "usage"}).content.decode()
    assert usage.lstrip().startswith('<section class="card" id="usage"')


def test_actions_depend_on_role_and_status(
    jonas: Person, asha: Person, northwind: Organisation, key: Key, signed_in: SignedIn
) -> None:
    acts = ("edit", "regenerate", "revoke", "delete", "description")
    page = html(signed_in(jonas), key)
    assert all(f"/keys/{key.id}/{act}/" in page for act in acts)
    page = html(signed_in(asha), key)
    assert not any(f"/keys/{key.id}/{act}/" in page for act in acts)
    revoked = KeyFactory.create(organisation=northwind, revoked=True)
    page = html(signed_in(jonas), revoked)
    assert "“Lost”" in page
    assert f"/keys/{revoked.id}/reactivate/" in page
    assert f"/keys/{revoked.id}/regenerate/" not in page


def test_old_secret_shows_when_it_stops(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind, in_grace=True)
    page = html(signed_in(jonas), key)
    assert "Two secrets are active." in page
    assert "in 1 h" in page
    assert "End now…" in page


def test_old_secret_shows_its_last_use(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind, in_grace=True)
    old, new = key.secrets.get(not_after__isnull=False), key.secrets.get(not_after__isnull=True)
    client, now = signed_in(jonas), timezone.now()
    made = now - timedelta(hours=2)
    key.secrets.filter(id=new.id).update(created_at=made)
    SecretUse.objects.create(secret_id=new.id, last_used_at=now)
    SecretUse.objects.create(secret_id=old.id, last_used_at=made - timedelta(hours=1))
    for address in (f"/keys/{key.id}/", f"/keys/{key.id}/end-grace/"):
        page = client.get(address).content.decode()
        assert "Nothing has used it since the new secret was created." in page
    SecretUse.objects.filter(secret_id=old.id).update(last_used_at=now - timedelta(minutes=3, seconds=1))
    for address in (f"/keys/{key.id}/", f"/keys/{key.id}/end-grace/"):
        page = client.get(address).content.decode()
        assert "It is still in use:" in page
        assert "3 min ago" in page


def test_permissions_show_their_last_use(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    scopes = ["chats:read", "chats:write", "chats:export", "messages:send", "contacts:manage"]
    key = KeyFactory.create(organisation=northwind, scopes=scopes, created_at=timezone.now() - timedelta(days=50))
    today = timezone.now().astimezone(UTC).date()
    for scope, days in zip(scopes, (6, 7, 29, 30), strict=False):
        for back in (days, 45):
            ScopeDay.objects.create(key_id=key.id, day=today - timedelta(days=back), scope=scope, count=5)
    ScopeDay.objects.create(key_id=key.id, day=today, scope="chats:read", count=18_204)
    page = signed_in(jonas).get(f"/keys/{key.id}/")
    used = {scope.name: scope.use for scope in page.context["scopes"]}
    assert used == dict(
        zip(
            scopes,
            ("18,209 this week", "used 7 days ago", "used 29 days ago", "unused for 30 days", "unused for 30 days"),
            strict=True,
        )
    )
    assert page.content.decode().count("unused for 30 days") == 2
    young = KeyFactory.create(organisation=northwind, scopes=["chats:read"])
    assert "not used yet" in html(signed_in(jonas), young)


def test_page_shows_the_last_request(jonas: Person, key: Key, signed_in: SignedIn) -> None:
    now, client = timezone.now(), signed_in(jonas)
    used = {"last_used_at": now, "last_used_day": now.astimezone(UTC).date(), "last_used_ip": "203.0.113.9"}
    Meter.objects.filter(key_id=key.id).update(total=9, **used)
    assert "from 203.0.113.9</span>" in html(client, key)
    for address, days, call in (("203.0.113.9", 0, "GET /a"), ("203.0.113.9", 1, "GET /b"), ("192.0.2.1", 0, "GET /c")):
        day = now.astimezone(UTC).date() - timedelta(days=days)
        AddressDay.objects.create(key_id=key.id, day=day, address=address, count=1, weight=1, call=call)
    assert "from 203.0.113.9<code>GET /a</code></span>" in collapse(html(client, key))


def test_page_shows_the_last_denied_request(jonas: Person, key: Key, signed_in: SignedIn) -> None:
    client, now = signed_in(jonas), timezone.now()
    assert "Last denied" not in html(client, key)
    three = now - timedelta(minutes=3, seconds=1)
    LastDenial.objects.create(key_id=key.id, reason="limited", at=now - timedelta(hours=5), address="192.0.2.1")
    LastDenial.objects.create(key_id=key.id, reason="scope", at=three, address="203.0.113.9")
    text = " ".join(strip_tags(html(client, key)).split())
    assert "No permission Last denied 3 min ago from 203.0.113.9" in text
    LastDenial.objects.filter(key_id=key.id, reason="scope").update(call="POST /api/<b>")
    page = html(client, key)
    assert "3 min ago</time>:<code>POST /api/&lt;b&gt;</code>" in collapse(page)
    assert f"/explain/?key={key.id}&amp;address=203.0.113.9&amp;method=POST&amp;path=%2Fapi%2F%3Cb%3E" in page
    for reason in CallOutcome.values[1:]:
        LastDenial.objects.filter(key_id=key.id).delete()
        LastDenial.objects.create(key_id=key.id, reason=reason, at=three, address=None)
        text = " ".join(strip_tags(html(client, key)).split())
        assert f"{CallOutcome(reason).label} Last denied 3 min ago from an unknown address" in text


def test_chart_groups_denials_in_five_outcomes(jonas: Person, key: Key, signed_in: SignedIn) -> None:
    for count, outcome in enumerate(CallOutcome, start=1):
        use(key, outcome, 10**count)
    chart = signed_in(jonas).get(f"/keys/{key.id}/?days=7").context["chart"]
    expected = dict.fromkeys(("ok", "permission", "address", "limited", "expired"), 0)
    for count, outcome in enumerate(CallOutcome, start=1):
        expected[outcome.group] += 10**count
    assert chart.totals == list(expected.values())
    assert [name for name, _, _ in chart.legend] == list(expected)


@pytest.mark.parametrize("who", ["maya", "jonas", "asha"])
def test_page_costs_a_fixed_number_of_statements(
    request: pytest.FixtureRequest,
    northwind: Organisation,
    jonas: Person,
    signed_in: SignedIn,
    who: str,
    django_assert_max_num_queries: Any,
) -> None:
    bot = BotFactory.create(organisation=northwind, networks=["192.0.2.0/24", "198.51.100.0/24"])
    scopes = ["chats:read", "chats:write", "chats:export", "messages:send"]
    full = KeyFactory.create(
        bot=bot, scopes=scopes, networks=["192.0.2.1/32"], channels=[ChannelFactory.create(organisation=northwind)]
    )
    client = signed_in(request.getfixturevalue(who))
    signed_in(jonas).post(f"/keys/{full.id}/description/", {"description": "New", "original": ""})
    with django_assert_max_num_queries(12):
        html(client, full)


def test_compact_key_shows_its_id(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    """As the command line takes it."""
    key = KeyFactory.create(organisation=northwind, compact=True)
    for page in (f"/keys/{key.id}/", "/keys/"):
        html = signed_in(jonas).get(page).content.decode()
        assert f'data-copy="{key.id}"' in html
