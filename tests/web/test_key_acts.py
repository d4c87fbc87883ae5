"""Revoking, reactivating and deleting a key, in a dialog and as a page without JavaScript."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from keyadmin.models import CallOutcome, EventType, Key, Organisation, Person, UsageHour
from keyadmin.operations import keys as operations
from tests.factories import BotFactory, KeyFactory, as_actor
from tests.fixtures.clients import SignedIn, SignedInHtmx
from tests.operations.helpers import latest_event


@pytest.fixture
def key(northwind: Organisation) -> Key:
    row: Key = KeyFactory.create(organisation=northwind, name="CRM integration")
    return row


def toast(response: Any) -> dict[str, str]:
    words: dict[str, str] = json.loads(response["HX-Trigger"])["toast"]
    return words


def test_key_page_is_shown(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    bot = BotFactory.create(organisation=northwind, name="Concierge", networks=["192.0.2.0/24"])
    key = KeyFactory.create(bot=bot, name="CRM", networks=["10.0.0.0/8"], scopes=["chats:export"])
    assert key.key_id
    operations.revoke(actor=as_actor(jonas), key=key.id, reason="Retired")
    html = signed_in(jonas).get(f"/keys/{key.id}/").content.decode()
    for words in ("CRM", "Revoked", "10.0.0.0/8", "192.0.2.0/24", "Concierge", "Export", "Retired", key.key_id):
        assert words in html
    assert key.token not in html


def test_revoke_works_as_a_page_without_htmx(jonas: Person, key: Key, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    assert "Keep key" in client.get(f"/keys/{key.id}/revoke/").content.decode()
    response = client.post(f"/keys/{key.id}/revoke/", {"reason": "Retired"})
    assert response["Location"] == "/keys/"
    assert "Key revoked" in client.get("/keys/").content.decode()
    key.refresh_from_db()
    assert key.revoked_at is not None
    event = latest_event()
    assert (event.type, event.reason, event.actor_label, event.interface) == (
        EventType.KEY_REVOKED,
        "Retired",
        "Jonas Lind",
        "page",
    )


def test_revoke_from_the_list_closes_the_dialog(jonas: Person, key: Key, htmx: SignedIn) -> None:
    response = htmx(jonas).post(f"/keys/{key.id}/revoke/", {})
    assert response.status_code == 204
    assert json.loads(response["HX-Trigger"]) == {
        "dialog:close": {},
        "keys:changed": {},
        "toast": {"message": "Key revoked"},
    }


def test_revoke_from_the_key_page_refreshes_it(jonas: Person, key: Key, htmx: SignedInHtmx) -> None:
    client = htmx(jonas)
    client.set_current_url(f"/keys/{key.id}/")
    response = client.post(f"/keys/{key.id}/revoke/", {})
    assert (response.status_code, "keys:changed" in json.loads(response["HX-Trigger"])) == (204, True)
    assert 'id="reactivate-key"' in client.get(f"/keys/{key.id}/").content.decode()


def test_delete_from_the_key_page_redirects_to_the_list(jonas: Person, key: Key, htmx: SignedInHtmx) -> None:
    client = htmx(jonas)
    client.set_current_url(f"/keys/{key.id}/")
    assert client.post(f"/keys/{key.id}/delete/", {"name": key.name})["HX-Redirect"] == "/keys/"


@pytest.mark.parametrize("reason", ["x" * 301, "a\x00b", "a\u202eb"])
def test_invalid_reason_shows_an_error(jonas: Person, key: Key, signed_in: SignedIn, reason: str) -> None:
    assert signed_in(jonas).post(f"/keys/{key.id}/revoke/", {"reason": reason}).status_code == 422
    key.refresh_from_db()
    assert key.revoked_at is None


@pytest.mark.parametrize("method", ["get", "post"])
def test_revoking_twice_is_a_conflict(
    jonas: Person, northwind: Organisation, htmx: SignedIn, signed_in: SignedIn, method: str
) -> None:
    key = KeyFactory.create(organisation=northwind, revoked=True)
    response = getattr(htmx(jonas), method)(f"/keys/{key.id}/revoke/")
    assert response.status_code == 409
    assert toast(response) == {"message": "This key is already revoked.", "level": "error"}
    page = getattr(signed_in(jonas), method)(f"/keys/{key.id}/revoke/")
    assert page.status_code == 409
    assert "This key is already revoked." in page.content.decode()


def test_dialogs_show_recent_traffic(jonas: Person, key: Key, signed_in: SignedIn) -> None:
    url = f"/keys/{key.id}/delete/"
    assert "This key is in use." not in signed_in(jonas).get(url).content.decode()
    UsageHour.objects.create(key_id=key.id, hour=timezone.now(), outcome=CallOutcome.OK, count=3412)
    html = signed_in(jonas).get(url).content.decode()
    assert "3,412 requests in the last 24 hours" in html
    assert "Revoke instead…" in html


def test_revoked_key_is_reactivated(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind, revoked=True)
    client = signed_in(jonas)
    assert "New expiry date" not in client.get(f"/keys/{key.id}/reactivate/").content.decode()
    assert client.post(f"/keys/{key.id}/reactivate/", {"reason": "Back"}).status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is None


def test_expired_key_needs_a_new_expiry(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind, expired=True)
    client, url = signed_in(jonas), f"/keys/{key.id}/reactivate/"
    assert "Set a new expiry first." in client.get(url).content.decode()
    assert client.post(url, {}).status_code == 422
    past = client.post(url, {"expires_on": "2020-01-01"})
    assert past.status_code == 422
    assert "Choose a time in the future." in past.content.decode()
    day = timezone.now().date() + timedelta(days=3)
    assert client.post(url, {"expires_on": day.isoformat()}).status_code == 302
    key.refresh_from_db()
    assert key.expires_at
    assert key.expires_at.isoformat() == f"{day}T23:59:59+00:00"


def test_key_outside_the_rules_is_reactivated_with_a_new_expiry(
    jonas: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    key = KeyFactory.create(organisation=northwind, revoked=True, expires_at=timezone.now() + timedelta(days=60))
    Organisation.objects.filter(id=northwind.id).update(max_expiry_days=30)
    client, url = signed_in(jonas), f"/keys/{key.id}/reactivate/"
    assert "Choose a time at most 30 days from now." in client.get(url).content.decode()
    assert client.post(url, {"reason": ""}).status_code == 422
    day = (timezone.now() + timedelta(days=5)).date()
    assert client.post(url, {"reason": "", "expires_on": day.isoformat()}).status_code == 302
    assert Key.objects.get(id=key.id).revoked_at is None


def test_active_key_cannot_be_reactivated(jonas: Person, key: Key, htmx: SignedIn) -> None:
    assert htmx(jonas).get(f"/keys/{key.id}/reactivate/").status_code == 409


@pytest.mark.parametrize("typed", ["", "crm integration", "CRM"])
def test_delete_requires_the_exact_name(jonas: Person, key: Key, signed_in: SignedIn, typed: str) -> None:
    response = signed_in(jonas).post(f"/keys/{key.id}/delete/", {"name": typed})
    assert response.status_code == 422
    assert Key.objects.filter(id=key.id).exists()


def test_deleted_key_page_says_who_and_when(
    jonas: Person, asha: Person, lena: Person, key: Key, signed_in: SignedIn, htmx: SignedIn
) -> None:
    assert signed_in(jonas).post(f"/keys/{key.id}/delete/", {"name": key.name}).status_code == 302
    page = signed_in(asha).get(f"/keys/{key.id}/")
    assert page.status_code == 404
    html = page.content.decode()
    assert "by Jonas Lind." in html
    assert key.masked in html
    assert f"/history/?target={key.id}" in html
    answer = htmx(asha).get(f"/keys/{key.id}/revoke/")
    assert answer.status_code == 404
    assert toast(answer)["message"].endswith("by Jonas Lind.")
    assert "Jonas" not in signed_in(lena).get(f"/keys/{key.id}/").content.decode()
    assert "HX-Trigger" not in htmx(lena).get(f"/keys/{key.id}/revoke/")


@pytest.mark.parametrize(("query", "current"), [("", None), ("?organisation=contoso", "Contoso")])
def test_page_of_a_key_keeps_the_organisation_of_the_switcher(
    maya: Person,
    northwind: Organisation,
    contoso: Organisation,
    key: Key,
    signed_in: SignedIn,
    query: str,
    current: str | None,
) -> None:
    client = signed_in(maya)
    client.get("/keys/?organisation=northwind")
    client.get(f"/keys/{query}")
    bot = BotFactory.create(organisation=northwind)
    paths = [f"/keys/{key.id}/", f"/keys/{key.id}/networks/", f"/explain/?key={key.id}", f"/bots/{bot.id}/"]
    for path in (*paths, "/keys/create/"):
        switcher = client.get(path).context["switcher"]
        assert (switcher["current"] and switcher["current"]["name"]) == current, path
    client.post(f"/keys/{key.id}/delete/", {"name": key.name})
    switcher = client.get(f"/keys/{key.id}/").context["switcher"]
    assert (switcher["current"] and switcher["current"]["name"]) == current


def test_forbidden_actions_say_who_may_do_them(asha: Person, key: Key, htmx: SignedIn, signed_in: SignedIn) -> None:
    words = "You don’t have permission to revoke this key. Ask an owner of Northwind."
    assert toast(htmx(asha).get(f"/keys/{key.id}/revoke/"))["message"] == words
    page = signed_in(asha).post(f"/keys/{key.id}/revoke/").content.decode()
    assert words.replace("'", "&#x27;") in page


def test_unknown_key_is_404_for_htmx(jonas: Person, htmx: SignedIn) -> None:
    response = htmx(jonas).get(f"/keys/{uuid4()}/revoke/")
    assert (response.status_code, response.content) == (404, b"")
