"""Regenerating a key: the dialog, the new secret that is shown once, and the end of the old one."""

import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from keyadmin.models import CallOutcome, Event, EventType, Key, Organisation, Person, UsageHour
from tests.factories import KeyFactory, KeyWithToken
from tests.fixtures.clients import SignedIn, SignedInHtmx
from tests.operations.helpers import latest_event
from tests.web.pages import secret_in


@pytest.fixture
def key(northwind: Organisation) -> KeyWithToken:
    made: KeyWithToken = KeyFactory.create(organisation=northwind, name="CRM")
    return made


def url(key: Key) -> str:
    return f"/keys/{key.id}/regenerate/"


def post(client: Client, key: Key, grace: str = "0", idempotency_key: str = "the form") -> str:
    response = client.post(url(key), {"grace": grace, "idempotency_key": idempotency_key})
    assert response.status_code == 200
    return response.content.decode()


def test_new_secret_is_shown_once(jonas: Person, key: KeyWithToken, htmx: SignedIn, signed_in: SignedIn) -> None:
    client = htmx(jonas)
    form = client.get(url(key)).content.decode()
    assert re.search(r'name="idempotency_key" value="[^"]{32}"', form)
    assert re.findall(r'name="grace" value="(\d+)"\s*(checked)?', form)[0] == ("0", "checked")
    secret = secret_in(post(client, key))
    assert secret != key.token
    assert key.secrets.count() == 1
    assert latest_event().type == EventType.KEY_REGENERATED
    for page in ("/keys/", f"/keys/{key.id}/", "/history/", f"/history/{latest_event().number}/"):
        assert secret[-30:] not in signed_in(jonas).get(page).content.decode()


def test_repeated_form_shows_and_creates_no_secret(jonas: Person, key: Key, htmx: SignedIn) -> None:
    client = htmx(jonas)
    post(client, key)
    present = key.secrets.get().id
    again = post(client, key)
    assert "The secret was already shown. Regenerate to get a new one." in again
    assert "data-secret" not in again
    assert url(key) in again
    assert key.secrets.get().id == present


@pytest.mark.parametrize(("grace", "hours"), [("1", 1), ("24", 24), ("168", 168)])
def test_old_secret_works_during_the_grace_period(
    jonas: Person, key: Key, signed_in: SignedIn, grace: str, hours: int
) -> None:
    post(signed_in(jonas), key, grace)
    old = key.secrets.get(not_after__isnull=False)
    assert old.not_after
    assert abs(old.not_after - timezone.now() - timedelta(hours=hours)) < timedelta(minutes=1)
    client = signed_in(jonas)
    assert "Old secret stops in" in client.get("/keys/").content.decode()
    assert f"/keys/{key.id}/end-grace/" in client.get(f"/keys/{key.id}/").content.decode()


def test_grace_period_ends_with_the_expiry_of_the_key(
    jonas: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    key = KeyFactory.create(organisation=northwind, expiring=True)
    form = signed_in(jonas).get(url(key)).content.decode()
    assert form.count("when the key expires") == 1
    post(signed_in(jonas), key, "168")
    assert key.secrets.get(not_after__isnull=False).not_after == key.expires_at


@pytest.mark.parametrize("grace", ["", "2", "-1", "nonsense"])
def test_unknown_grace_period_is_rejected(jonas: Person, key: Key, signed_in: SignedIn, grace: str) -> None:
    assert signed_in(jonas).post(url(key), {"grace": grace, "idempotency_key": "n"}).status_code == 422
    assert signed_in(jonas).post(url(key), {"grace": "0"}).status_code == 422
    assert not Event.objects.of_target(str(key.id)).exists()


def test_dialog_shows_requests_of_today(jonas: Person, key: Key, signed_in: SignedIn) -> None:
    assert "used it today" not in signed_in(jonas).get(url(key)).content.decode()
    UsageHour.objects.create(key_id=key.id, hour=timezone.now(), outcome=CallOutcome.OK, count=3412)
    UsageHour.objects.create(key_id=key.id, hour=timezone.now() - timedelta(days=1), outcome=CallOutcome.OK, count=7)
    assert "3,412 requests used it today." in signed_in(jonas).get(url(key)).content.decode()


@pytest.mark.parametrize("state", ["revoked", "expired"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_revoked_or_expired_key_cannot_be_regenerated(
    jonas: Person, northwind: Organisation, htmx: SignedIn, state: str, method: str
) -> None:
    key = KeyFactory.create(organisation=northwind, **{state: True})
    response = getattr(htmx(jonas), method)(url(key), {"grace": "0", "idempotency_key": "n"})
    assert response.status_code == 409
    assert response["HX-Reswap"] == "none"
    assert "Reactivate it first." in json.loads(response["HX-Trigger"])["toast"]["message"]
    assert url(key) not in htmx(jonas).get("/keys/").content.decode()


def test_old_secret_is_ended_before_its_time(jonas: Person, northwind: Organisation, htmx: SignedInHtmx) -> None:
    key = KeyFactory.create(organisation=northwind, in_grace=True)
    client, end = htmx(jonas), f"/keys/{key.id}/end-grace/"
    client.set_current_url(f"/keys/{key.id}/")
    assert 'role="alertdialog"' in client.get(end).content.decode()
    assert key.secrets.count() == 2
    assert "keys:changed" in json.loads(client.post(end)["HX-Trigger"])
    assert key.secrets.get().not_after is None
    for method in (client.get, client.post):
        assert method(end).status_code == 409


def test_dialog_demands_a_new_expiry_if_the_rules_do_not_allow_the_present_one(
    jonas: Person, key: KeyWithToken, northwind: Organisation, htmx: SignedIn
) -> None:
    client = htmx(jonas)
    assert "Leave it empty to keep it so." in client.get(url(key)).content.decode()
    Organisation.objects.filter(id=northwind.id).update(may_never_expire=False, max_expiry_days=20)
    assert "Set an expiry. Keys of Northwind must have one." in client.get(url(key)).content.decode()
    fields = {"grace": "1", "idempotency_key": "the form"}
    for invalid in ("", (timezone.now() + timedelta(days=40)).date().isoformat()):
        refused = client.post(url(key), fields | {"expires_on": invalid})
        assert refused.status_code == 422
        assert 'id="id_expires_on_error"' in refused.content.decode()
    day = (timezone.now() + timedelta(days=10)).date()
    assert secret_in(client.post(url(key), fields | {"expires_on": day.isoformat()}).content.decode())
    expires_at = Key.objects.get(id=key.id).expires_at
    assert expires_at is not None
    assert expires_at.date() == day
    assert latest_event().changes["expires_at"][0] is None


def test_history_says_that_regenerating_ended_the_older_secret(
    jonas: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    key = KeyFactory.create(organisation=northwind, in_grace=True)
    client = signed_in(jonas)
    assert "An older secret still works until" in client.get(url(key)).content.decode()
    post(client, key, grace="24")
    assert "Older secret works until" in client.get(f"/history/{latest_event().number}/").content.decode()
