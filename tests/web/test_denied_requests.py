"""The page with a key's denied requests, by hour and reason."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from keyadmin.models import CallOutcome, Key, Organisation, Person, UsageHour
from keyadmin.operations import keys
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


def shown(response: Any) -> list[tuple[int, list[tuple[str, int]]]]:
    return [((row.hour - NOON) // timedelta(hours=1), row.denials) for row in response.context["hours"]]


def test_denied_requests_are_listed_by_hour_and_reason(asha: Person, key: Key, signed_in: SignedIn) -> None:
    response = signed_in(asha).get(f"/keys/{key.id}/denied/?since=2026-03-01")
    assert shown(response) == [
        (30, [("No permission", 8)]),
        (2, [("IP denied", 4)]),
        (0, [("IP denied", 1), ("No permission", 2)]),
    ]
    assert response.context["totals"] == [("No permission", 10), ("IP denied", 5)]
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
    assert [row.denials for row in signed_in(asha).get(page).context["hours"]] == [[("Rate limited", 3)]]
    for query in ("?since=yesterday", "?cursor=rubbish"):
        assert signed_in(asha).get(page + query).status_code == 422
    empty = signed_in(asha).get(f"/keys/{KeyFactory.create(organisation=key.organisation).id}/denied/")
    assert "No request was denied in this period." in empty.content.decode()


def test_denied_requests_of_a_deleted_key_show_its_deletion(asha: Person, key: Key, signed_in: SignedIn) -> None:
    keys.delete(actor=OPERATOR, key=key.id)
    response = signed_in(asha).get(f"/keys/{key.id}/denied/")
    assert response.status_code == 404
    assert "This key was deleted" in response.content.decode()
