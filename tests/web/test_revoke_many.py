"""Revoking several keys: one event for each, and a list of the keys that are skipped."""

import json

import pytest

from keyadmin.models import Event, EventType, Key, KeyKind, Organisation, Person
from tests.factories import KeyFactory
from tests.fixtures.clients import SignedIn

URL = "/keys/revoke/"


@pytest.fixture
def keys(northwind: Organisation) -> list[Key]:
    return [KeyFactory.create(organisation=northwind, name=name) for name in ("One", "Two", "Three")]


def ids(*keys: Key) -> list[str]:
    return [str(key.id) for key in keys]


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
    assert page.count('type="hidden" name="key"') == 2
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
    assert "Console: You don’t have permission to revoke it." in dialog
    assert "Old: It is already revoked." in dialog
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
