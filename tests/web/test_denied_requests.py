"""The page with a key's denied requests, by hour and reason, and that its figures are those of other pages."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from keyadmin.models import CallOutcome, Key, LastDenial, Organisation, Person, UsageHour
from keyadmin.operations import keys
from keyadmin.operations.usage import roll_up
from keyadmin.web.keys import detail
from tests.factories import OPERATOR, KeyFactory
from tests.fixtures.clients import SignedIn

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def key(northwind: Organisation) -> Key:
    key: Key = KeyFactory.create(organisation=northwind)
    count(key.id, 0, ok=50, scope=2, address=1)
    count(key.id, 1, ok=50)
    count(key.id, 2, address=4)
    count(key.id, 30, scope=8)
    count(uuid4(), 2, scope=99)
    return key


def count(key: Any, hours: int, **calls: int) -> None:
    UsageHour.objects.bulk_create(
        UsageHour(key_id=key, hour=NOON + timedelta(hours=hours), outcome=CallOutcome(name), count=number)
        for name, number in calls.items()
    )


def denials(row: Any) -> list[tuple[str, int]]:
    return [(denial.label, denial.requests) for denial in row.denials]


def shown(response: Any) -> list[tuple[int, list[tuple[str, int]]]]:
    return [((row.hour - NOON) // timedelta(hours=1), denials(row)) for row in response.context["hours"]]


def by_reason(response: Any) -> dict[str, int]:
    return {row.label: row.requests for row in response.context["reasons"]}


def test_denied_requests_are_listed_by_hour_and_reason(asha: Person, key: Key, signed_in: SignedIn) -> None:
    response = signed_in(asha).get(f"/keys/{key.id}/denied/?since=2026-03-01")
    assert shown(response) == [
        (30, [("No permission", 8)]),
        (2, [("IP denied", 4)]),
        (0, [("IP denied", 1), ("No permission", 2)]),
    ]
    assert by_reason(response) == {"No permission": 10, "IP denied": 5}
    html = response.content.decode()
    assert "15 requests denied since 1 Mar 2026" in html
    assert "2 Mar 2026, 18:00–19:00" in html
    later = signed_in(asha).get(f"/keys/{key.id}/denied/?since=2026-03-02")
    assert shown(later) == [(30, [("No permission", 8)])]


def test_pages_of_denied_requests_reach_every_hour(
    asha: Person, key: Key, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detail, "DENIALS_PAGE_SIZE", 2)
    client = signed_in(asha)
    first = client.get(f"/keys/{key.id}/denied/?since=2026-03-01")
    second = client.get(first.context["page"].next_url)
    again = client.get(second.context["page"].previous_url)
    assert [[hour for hour, _ in shown(page)] for page in (first, second, again)] == [[30, 2], [0], [30, 2]]
    assert second.context["page"].next_url == again.context["page"].previous_url == ""
    assert second.context["total"] == 15


def test_denied_requests_of_the_last_thirty_days_are_shown_and_an_invalid_day_is_an_error(
    asha: Person, key: Key, signed_in: SignedIn
) -> None:
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    UsageHour.objects.create(key_id=key.id, hour=now, outcome=CallOutcome.LIMITED, count=3)
    page = f"/keys/{key.id}/denied/"
    assert [denials(row) for row in signed_in(asha).get(page).context["hours"]] == [[("Rate limited", 3)]]
    for query in ("?since=yesterday", "?cursor=rubbish", "?days=31", "?reason=ok", "?reason=none"):
        assert signed_in(asha).get(page + query).status_code == 422
    empty = signed_in(asha).get(f"/keys/{KeyFactory.create(organisation=key.organisation).id}/denied/")
    assert "No request was denied in this period." in empty.content.decode()


def test_denied_requests_of_a_deleted_key_show_its_deletion(asha: Person, key: Key, signed_in: SignedIn) -> None:
    keys.delete(actor=OPERATOR, key=key.id)
    response = signed_in(asha).get(f"/keys/{key.id}/denied/")
    assert response.status_code == 404
    assert "This key was deleted" in response.content.decode()


def test_one_reason_is_shown_with_its_hours_and_its_last_request(asha: Person, key: Key, signed_in: SignedIn) -> None:
    LastDenial.objects.create(
        key_id=key.id, reason="address", at=NOON + timedelta(hours=2), address="203.0.113.9", call="GET /api/chats"
    )
    client = signed_in(asha)
    page = client.get(f"/keys/{key.id}/denied/?since=2026-03-01&reason=address")
    assert shown(page) == [(2, [("IP denied", 4)]), (0, [("IP denied", 1)])]
    assert page.context["total"] == 5
    text = " ".join(strip_tags(page.content.decode()).split())
    assert "5 requests denied since 1 Mar 2026" in text
    assert re.search(r"IP denied 5 .* ago 203\.0\.113\.9 GET /api/chats", text)
    assert f'href="/explain/?key={key.id}&amp;address=203.0.113.9&amp;method=GET' in page.content.decode()
    assert by_reason(page) == {"IP denied": 5, "No permission": 10}
    for row in page.context["reasons"]:
        assert client.get(row.url).context["total"] == row.requests


@pytest.fixture
def denied_keys(northwind: Organisation) -> list[Any]:
    """Three keys with every outcome in the hours around each end of the ranges, and now; one that was never denied."""
    keys_ = [KeyFactory.create(organisation=northwind, name=name) for name in ("One", "Two", "Three", "Quiet")]
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = []
    for place, row in enumerate(keys_[:3], start=1):
        for days in (0, 6, 7, 13, 14, 29, 30, 89, 90):
            for minutes in (-1, 0, 1439):
                moment = midnight - timedelta(days=days) + timedelta(minutes=minutes)
                if moment > timezone.now():
                    continue
                hour = moment.replace(minute=0)
                rows += [
                    UsageHour(key_id=row.id, hour=hour, outcome=outcome, count=place * 100 + number)
                    for number, outcome in enumerate(CallOutcome)
                ]
    UsageHour.objects.bulk_create({(each.key_id, each.hour, each.outcome): each for each in rows}.values())
    return keys_


@pytest.mark.parametrize("time_zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"])
@pytest.mark.parametrize("is_rolled_up", [False, True])
def test_every_page_counts_the_same_denied_requests(
    jonas: Person, denied_keys: list[Any], signed_in: SignedIn, time_zone: str, is_rolled_up: bool
) -> None:
    """The key's page, its denied requests, the usage page and the overview, in each range."""
    if is_rolled_up:
        roll_up.roll_up()
    Person.objects.filter(id=jonas.id).update(time_zone=time_zone)
    client = signed_in(jonas)
    for days in (7, 14, 30, 90):
        usage = client.get(f"/usage/?days={days}")
        of_usage = {row.id: row.calls.denied for row in usage.context["rows"]}
        for key in denied_keys:
            page = client.get(f"/keys/{key.id}/?days={days}")
            chart = page.context["chart"]
            denied = client.get(page.context["denied_url"])
            groups = dict.fromkeys((name for name, _, _ in chart.legend[1:]), 0)
            for row in denied.context["reasons"]:
                groups[row.group] += row.requests
            assert list(groups.values()) == chart.totals[1:], (key.name, days)
            assert denied.context["total"] == chart.denied == of_usage.get(key.id, 0)
            assert sum(each.requests for each in page.context["denials"]) == chart.denied
            for row in page.context["denials"]:
                opened = client.get(row.url)
                assert opened.context["total"] == row.requests
                assert sum(sum(n for _, n in denials(hour)) for hour in opened.context["hours"]) == row.requests
            if days == 30:
                assert client.get(page.context["month_denied_url"]).context["total"] == page.context["month"].denied
        assert usage.context["chart"].denied == sum(of_usage.values())
    for row in client.get("/").context["denied"]:
        assert client.get(row.url).context["total"] == row.requests


def test_key_page_names_every_reason_of_its_range(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    row = KeyFactory.create(organisation=northwind)
    now = timezone.now()
    for number, (reason, address) in enumerate(
        [("scope", "203.0.113.9"), ("address", "198.51.100.7"), ("limited", None), ("unmapped", "192.0.2.1")], start=1
    ):
        LastDenial.objects.create(
            key_id=row.id, reason=reason, at=now - timedelta(minutes=10 * number), address=address
        )
        hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=40 if reason == "unmapped" else 0)
        UsageHour.objects.create(key_id=row.id, hour=hour, outcome=reason, count=number * 11)
    client = signed_in(jonas)
    text = " ".join(strip_tags(client.get(f"/keys/{row.id}/").content.decode()).split())
    assert "No permission Last denied 10 min ago from 203.0.113.9 11 requests Explain" in text
    assert "IP denied Last denied 20 min ago from 198.51.100.7 22 requests Explain" in text
    assert "Rate limited Last denied 30 min ago from an unknown address 33 requests Explain" in text
    labels = [each.label for each in client.get(f"/keys/{row.id}/").context["denials"]]
    assert labels == ["No permission", "IP denied", "Rate limited"]
    assert len(client.get(f"/keys/{row.id}/?days=90").context["denials"]) == 4
