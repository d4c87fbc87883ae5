"""Forms from another origin or with an old token: nothing changes, and the response says why."""

from typing import Any

import pytest
from django.test import Client

from keyadmin.models import Key, Organisation, Person
from tests.factories import KeyFactory

pytestmark = pytest.mark.django_db


def main_part(response: Any) -> str:
    """The main part of the page, without the texts for scripts."""
    html: str = response.content.decode()
    return html[html.index("<main") : html.index("</main>")]


@pytest.fixture
def key(northwind: Organisation) -> Key:
    key: Key = KeyFactory.create(organisation=northwind)
    return key


@pytest.fixture
def strict(jonas: Person) -> Client:
    """A client of Jonas that checks CSRF tokens."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(jonas)
    return client


@pytest.mark.parametrize("origin", ["null", "https://testserver", "http://evil.example"])
@pytest.mark.parametrize("htmx", [True, False])
def test_form_from_a_foreign_origin_names_the_origin(strict: Client, key: Key, origin: str, htmx: bool) -> None:
    headers = {"Origin": origin} | ({"HX-Request": "true"} if htmx else {})
    response = strict.post(f"/keys/{key.id}/revoke/", headers=headers)
    said = response["HX-Trigger"].encode().decode("unicode_escape") if htmx else main_part(response)
    assert response.status_code == 403
    assert f"“{origin}”" in said
    assert "http://testserver" in said
    assert "Ask an owner" not in said
    assert not Key.objects.exclude(revoked_at=None).exists()


def test_old_token_of_a_live_session_is_answered_with_the_present_one(strict: Client, key: Key) -> None:
    response = strict.post(f"/keys/{key.id}/revoke/", headers={"HX-Request": "true"})
    assert response.status_code == 403
    token = response["Keyadmin-CSRF-Token"]
    again = strict.post(f"/keys/{key.id}/revoke/", {"csrfmiddlewaretoken": token}, headers={"HX-Request": "true"})
    assert again.status_code in (200, 204)
    assert Key.objects.exclude(revoked_at=None).exists()


@pytest.mark.parametrize("has_token", [True, False])
def test_form_of_an_ended_session_is_answered_401(client: Client, key: Key, has_token: bool) -> None:
    strict = Client(enforce_csrf_checks=not has_token)
    response = strict.post(f"/keys/{key.id}/revoke/", headers={"HX-Request": "true"})
    assert (response.status_code, response["Keyadmin-Session"]) == (401, "ended")
    assert "Keyadmin-CSRF-Token" not in response


def test_page_without_javascript_says_that_it_has_expired(strict: Client, key: Key) -> None:
    response = strict.post(f"/keys/{key.id}/revoke/")
    assert response.status_code == 403
    assert "This page has expired" in main_part(response)
    assert "Ask an owner" not in main_part(response)
