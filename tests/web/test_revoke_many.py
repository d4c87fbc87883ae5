"""Revoking several keys: one event for each, and a list of the keys that are skipped."""

import json
import re

import pytest
from django.utils import timezone

from keyadmin.models import (
    BulkRevocation,
    CallOutcome,
    Event,
    EventType,
    Key,
    KeyKind,
    Meter,
    Organisation,
    Person,
    UsageHour,
)
from tests.factories import KeyFactory
from tests.fixtures.clients import SignedIn
from tests.jobs import run_due_jobs
from tests.web.pages import first_group

URL = "/keys/revoke/"


@pytest.fixture
def keys(northwind: Organisation) -> list[Key]:
    return [KeyFactory.create(organisation=northwind, name=name) for name in ("One", "Two", "Three")]


def ids(*keys: Key) -> list[str]:
    return [str(key.id) for key in keys]


def key_ids(html: str) -> list[str]:
    """The ids of the keys that the form names."""
    return first_group(r'type="hidden" name="key" value="([^"]+)"', html).split(",")


def test_selected_keys_are_revoked_one_by_one(jonas: Person, keys: list[Key], htmx: SignedIn) -> None:
    client = htmx(jonas)
    dialog = client.get(URL, {"key": ids(*keys)}).content.decode()
    assert "Revoke 3 keys?" in dialog
    response = client.post(URL, {"key": ids(*keys), "reason": "Retired"})
    assert response.status_code == 204
    assert json.loads(response["HX-Trigger"])["toast"] == {"message": "3 keys revoked"}
    events = Event.objects.filter(type=EventType.KEY_REVOKED)
    assert {event.target_id for event in events} == set(ids(*keys))
    assert {event.reason for event in events} == {"Retired"}


def test_dialog_works_as_a_page_without_htmx(jonas: Person, keys: list[Key], signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    assert 'form="selected-keys"' in client.get("/keys/").content.decode()
    page = client.get(URL, {"key": ids(*keys[:2])}).content.decode()
    assert "<!doctype html>" in page
    assert set(key_ids(page)) == set(ids(*keys[:2]))
    assert client.post(URL, {"key": ids(*keys[:2])})["Location"] == "/keys/"
    assert Key.objects.filter(revoked_at__isnull=True).count() == 1


def test_keys_that_cannot_be_revoked_are_listed_and_skipped(
    jonas: Person, northwind: Organisation, contoso: Organisation, keys: list[Key], htmx: SignedIn
) -> None:
    master = KeyFactory.create(organisation=northwind, name="Console", kind=KeyKind.MASTER)
    revoked = KeyFactory.create(organisation=northwind, name="Old", revoked=True)
    theirs = KeyFactory.create(organisation=contoso, name="Theirs")
    chosen = ids(keys[0], master, revoked, theirs)
    dialog = htmx(jonas).get(URL, {"key": chosen}).content.decode()
    assert "Revoke 1 key?" in dialog
    words = " ".join(re.sub(r"<[^>]+>", " ", dialog).split())
    assert "Console Stays as it is: You don’t have permission to revoke it." in words
    assert "Old Stays as it is: It is already revoked." in words
    assert "Theirs" not in dialog
    response = htmx(jonas).post(URL, {"key": chosen})
    message = json.loads(response["HX-Trigger"])["toast"]["message"]
    assert message == "1 key revoked. Not revoked: Console, Old"
    assert set(Key.objects.filter(revoked_at__isnull=True)) == {master, theirs, *keys[1:]}


@pytest.mark.parametrize("sent", [[], ["nonsense"], ["00000000-0000-4000-8000-000000000000"]])
def test_dialog_without_revocable_keys_has_no_button(
    jonas: Person, keys: list[Key], htmx: SignedIn, sent: list[str]
) -> None:
    assert "Select keys in the list first." in htmx(jonas).get(URL, {"key": sent}).content.decode()
    assert htmx(jonas).post(URL, {"key": sent}).status_code == 422


def test_invalid_reason_revokes_no_key(jonas: Person, keys: list[Key], htmx: SignedIn) -> None:
    assert htmx(jonas).post(URL, {"key": ids(*keys), "reason": "x" * 301}).status_code == 422
    assert htmx(jonas).post(URL, {"key": ids(*keys), "reason": "a\u202eb"}).status_code == 422
    assert not Key.objects.filter(revoked_at__isnull=False).exists()


def test_list_has_no_checkboxes_for_auditors(asha: Person, keys: list[Key], signed_in: SignedIn) -> None:
    assert "data-select" not in signed_in(asha).get("/keys/").content.decode()


def test_dialog_shows_traffic_with_the_busiest_key_first(jonas: Person, keys: list[Key], htmx: SignedIn) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for key, count in zip(keys, (7, 0, 2345), strict=True):
        if count:
            UsageHour.objects.create(key_id=key.id, hour=hour, outcome=CallOutcome.OK, count=count)
            Meter.objects.filter(key_id=key.id).update(last_used_at=timezone.now())
    html = htmx(jonas).get(URL, {"key": ids(*keys)}).content.decode()
    assert re.findall(r'key-title">(\w+)<', html) == ["Three", "One", "Two"]
    words = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "2 keys are in use: 2,352 requests in the last 24 hours. The latest was just now ." in words
    assert "2,345" in words
    assert "No requests Never used" in words


def test_all_keys_that_match_are_selected_and_fixed_when_the_dialog_opens(
    jonas: Person, northwind: Organisation, contoso: Organisation, htmx: SignedIn
) -> None:
    wanted = [KeyFactory.create(organisation=northwind, name=f"Till {n}") for n in range(24)]
    for organisation, name in ((northwind, "Other"), (contoso, "Till of Contoso")):
        KeyFactory.create(organisation=organisation, name=name)
    client = htmx(jonas)
    assert "Select all 24 that match" in client.get("/keys/", {"q": "till"}).content.decode()
    html = client.get(URL, {"matching": "q=till"}).content.decode()
    assert "Revoke 24 keys?" in html
    named = key_ids(html)
    assert set(named) == set(ids(*wanted))
    KeyFactory.create(organisation=northwind, name="Till, created later")
    client.post(URL, {"key": ",".join(named)})
    assert Key.objects.exclude(revoked_at=None).count() == 24


def test_number_of_keys_is_typed_from_a_hundred_on(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    many = ids(*(KeyFactory.create(organisation=northwind) for _ in range(100)))
    client = htmx(jonas)
    assert 'data-confirm="100"' in client.get(URL, {"key": many}).content.decode()
    for typed in ("", "99"):
        assert client.post(URL, {"key": many, "count": typed}).status_code == 422
    assert not Key.objects.exclude(revoked_at=None).exists()
    assert "data-confirm" not in client.get(URL, {"key": many[:99]}).content.decode()
    response = client.post(URL, {"key": many, "count": " 100 "})
    assert response["HX-Redirect"] == f"/keys/revoke/{BulkRevocation.objects.get().id}/"
    run_due_jobs()
    assert Key.objects.exclude(revoked_at=None).count() == 100


def test_dialog_lists_the_fifty_busiest_of_many_keys(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    keys = [KeyFactory.create(organisation=northwind, name=f"Till {n:02}") for n in range(60)]
    revoked = [KeyFactory.create(organisation=northwind, name=f"Old till {n}", revoked=True) for n in range(52)]
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    UsageHour.objects.create(key_id=keys[-1].id, hour=hour, outcome=CallOutcome.OK, count=3)
    html = htmx(jonas).get(URL, {"matching": "q=till"}).content.decode()
    listed = re.findall(r'key-title">(Till \d+)<', html)
    assert (len(listed), listed[0]) == (50, "Till 59")
    words = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "Revoke 60 keys?" in words
    assert "The 50 busiest are shown. 10 more will be revoked as well." in words
    assert html.count("Stays as it is: It is already revoked.") == 50
    assert "2 more stay as they are." in words
    assert set(key_ids(html)) == set(ids(*keys))
    assert not set(key_ids(html)) & set(ids(*revoked))


def test_more_than_a_thousand_keys_can_be_selected(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    """Their ids are in one field: Django's limit for the number of fields is 1,000."""
    first = KeyFactory.create(organisation=northwind)
    values = {"organisation": northwind, "kind": first.kind, "tier": first.tier, "prefix": "kad", "format": "compact"}
    Key.objects.bulk_create(Key(name=f"Till {n}", recognition=f"{n:08}", **values) for n in range(1200))
    client = htmx(jonas)
    html = client.get(URL, {"matching": "q=till"}).content.decode()
    assert "Revoke 1,200 keys?" in html
    sent = {"key": ",".join(key_ids(html)), "count": "1200"}
    assert client.post(URL, sent)["HX-Redirect"]
    assert BulkRevocation.objects.get().keys.count() == 1200
