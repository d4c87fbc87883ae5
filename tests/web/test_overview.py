"""The overview: figures, keys that need attention, and recent activity."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from keyadmin.models import CallOutcome, Key, Meter, Organisation, Person, UsageHour
from keyadmin.operations import keys as operations
from tests.factories import BotFactory, KeyFactory, as_actor
from tests.fixtures.clients import SignedIn


@pytest.fixture
def keys(northwind: Organisation, contoso: Organisation) -> dict[str, Key]:
    """Keys for each list, and keys that belong on none."""
    now = timezone.now()
    old = now - timedelta(days=30)
    made: dict[str, Key] = {
        "Soon": KeyFactory.create(organisation=northwind, name="Soon", expires_at=now + timedelta(days=2)),
        "Sooner": KeyFactory.create(bot=BotFactory.create(organisation=northwind), name="Sooner", expiring=True),
        "Refused": KeyFactory.create(organisation=northwind, name="Refused"),
        "Refused more": KeyFactory.create(organisation=northwind, name="Refused more"),
        "Forgotten": KeyFactory.create(organisation=northwind, name="Forgotten", created_at=old),
        "Dead": KeyFactory.create(organisation=northwind, name="Dead", created_at=old, revoked=True),
        "Young": KeyFactory.create(organisation=northwind, name="Young"),
        "Theirs": KeyFactory.create(organisation=contoso, name="Theirs", created_at=old, expiring=True),
    }
    Key.objects.filter(id=made["Sooner"].id).update(expires_at=now + timedelta(days=1))
    for name, count, days in (("Refused", 3, 0), ("Refused more", 8, 13), ("Theirs", 99, 0), ("Young", 5, 14)):
        hour = now - timedelta(days=days)
        UsageHour.objects.create(key_id=made[name].id, hour=hour, outcome=CallOutcome.ADDRESS, count=count)
    UsageHour.objects.create(key_id=made["Refused"].id, hour=now, outcome=CallOutcome.OK, count=40)
    Meter.objects.filter(key_id=made["Refused"].id).update(last_used_at=now)
    return made


def key_names(response: Any, what: str) -> list[str]:
    return [key.name for key in response.context[what]]


def test_lists_show_expiring_denied_and_unused_keys(jonas: Person, keys: dict[str, Key], signed_in: SignedIn) -> None:
    response = signed_in(jonas).get("/")
    assert key_names(response, "expiring") == ["Sooner", "Soon"]
    assert [row.key.name for row in response.context["denied"]] == ["Refused more", "Refused"]
    assert key_names(response, "unused") == ["Forgotten"]
    html = response.content.decode()
    assert [(row.label, row.requests) for row in response.context["denied"]] == [("IP denied", 8), ("IP denied", 3)]
    assert "8 requests" in " ".join(html.split())
    assert "Theirs" not in html
    assert [tile.value for tile in response.context["tiles"]] == ["4", "2", "6", "51"]


def test_overview_covers_all_readable_organisations_or_the_selected_one(
    maya: Person, keys: dict[str, Key], contoso: Organisation, signed_in: SignedIn
) -> None:
    client = signed_in(maya)
    assert key_names(client.get("/"), "expiring") == ["Sooner", "Soon", "Theirs"]
    one = client.get("/?organisation=contoso")
    assert key_names(one, "expiring") == key_names(one, "unused") == ["Theirs"]
    assert [row.key.name for row in one.context["denied"]] == ["Theirs"]
    assert one.context["chart"].totals == [0, 0, 99, 0, 0]
    assert 'href="/usage/?organisation=contoso"' in one.content.decode()
    assert client.get("/?organisation=unheard-of").status_code == 404


def test_recent_activity_shows_readable_events(
    maya: Person, jonas: Person, lena: Person, keys: dict[str, Key], signed_in: SignedIn
) -> None:
    operations.revoke(actor=as_actor(maya), key=keys["Young"].id, reason="Not needed")
    events = signed_in(jonas).get("/").context["events"]
    assert "Young" in [event.target_label for event in events]
    theirs = signed_in(lena).get("/").context["events"]
    assert "Young" not in [event.target_label for event in theirs]


def test_overview_without_keys_says_so(jonas: Person, signed_in: SignedIn) -> None:
    html = signed_in(jonas).get("/").content.decode()
    assert "No API keys yet" in html
    assert "Expiring soon" not in html


def test_auditor_is_offered_no_create_link(asha: Person, keys: dict[str, Key], signed_in: SignedIn) -> None:
    assert "/keys/create/" not in signed_in(asha).get("/").content.decode()


def test_htmx_request_gets_the_content_and_the_counts(jonas: Person, keys: dict[str, Key], htmx: SignedIn) -> None:
    html = htmx(jonas).get("/").content.decode()
    assert html.lstrip().startswith('<div id="overview"')
    assert 'id="count-keys" hx-swap-oob' in html
