"""The Explain page: POST redirects to an address with the call; every reader of the key may use it."""

import html
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from keyadmin.core import tokens
from keyadmin.models import Event, Person
from keyadmin.operations import keys
from tests.callpath.conftest import statements
from tests.callpath.rows import Given, Made
from tests.factories import OPERATOR

__all__ = ["statements"]

URL = "/explain/"
CALL = {"method": "GET", "path": "/api/export", "address": "203.0.113.24", "on_behalf_of": "", "channel": ""}


def client_of(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


@pytest.fixture
def made(given: Given) -> Made:
    return given.key(name="CRM integration")


@pytest.fixture
def owner(given: Given, made: Made) -> Client:
    return client_of(given.person(made.key.organisation, "owner"))


def page(client: Client, made: Made, **changes: str) -> tuple[Any, str]:
    response = client.get(URL, {"key": str(made.key.id)} | CALL | changes)
    return response, html.unescape(response.content.decode())


def test_valid_form_redirects_to_an_address_with_the_call(owner: Client, made: Made) -> None:
    sent = {"key": str(made.key.id), "key_id": ""} | CALL | {"path": " /api/export?from=1 ", "channel": "sms"}
    response = owner.post(URL, sent)
    assert response.status_code == 302
    assert parse_qs(urlsplit(response["Location"]).query) == {
        "key": [str(made.key.id)],
        "method": ["GET"],
        "path": ["/api/export"],
        "address": ["203.0.113.24"],
        "channel": ["sms"],
    }
    assert "Denied by rule 5, Permission" in owner.get(response["Location"]).content.decode()


def test_pasted_key_id_takes_precedence_over_the_choice(given: Given, owner: Client, made: Made) -> None:
    other = given.key(made.key.organisation)
    response = owner.post(URL, {"key": str(other.key.id), "key_id": f" {made.key.key_id} "} | CALL)
    assert f"key={made.key.id}&" in response["Location"]


def test_denied_call_shows_the_deciding_rule(given: Given, owner: Client, made: Made) -> None:
    given.key(made.key.organisation, name="Warehouse export", scopes=("chats:export",))
    given.key(made.key.organisation, name="Retired export", scopes=("chats:export",), revoked_at=made.key.created_at)
    response, text = page(owner, made)
    assert response.status_code == 200
    for words in (
        "Denied by rule 5, Permission",
        "403",
        "This key lacks the permission for this method and path.",
        "GET /api/export needs Export data. The key has Read chats.",
        "Decides",
        "Not reached",
        "To allow this request",
        "Give the key Export data.",
        f'href="/keys/{made.key.id}/edit/">Edit permissions',
        ">Warehouse export</a>, which has the permission.",
    ):
        assert words in text, words
    for value in ("/api/export", "203.0.113.24"):
        assert f'value="{value}"' in text


def test_rules_after_the_deciding_one_are_shown(given: Given, owner: Client, made: Made) -> None:
    given.network("10.0.0.0/8", key=made.key)
    _, text = page(owner, made)
    assert "Denied by rule 4, Key’s addresses" in text
    assert text.count("Would also deny") == 1
    assert f'href="/keys/{made.key.id}/networks/">Edit allowed IPs' in text


def test_unmapped_path_is_explained(owner: Client, made: Made) -> None:
    _, text = page(owner, made, path="/api/unknown")
    assert "No permission opens GET /api/unknown, so every key is denied." in text
    assert "Let a permission open GET /api/unknown." in text


def test_allowed_call_is_shown(owner: Client, made: Made) -> None:
    _, text = page(owner, made, path="/api/chats")
    assert "All 8 rules pass. The request would use 1 of 1,000 left in this hour." in text
    assert "To allow this request" not in text


def test_auditor_sees_the_explanation_without_links_to_edit(given: Given, made: Made) -> None:
    for person in (given.person(made.key.organisation, "auditor"), given.person(system_role="auditor")):
        _, text = page(client_of(person), made)
        assert "Give the key Export data." in text
        assert "/edit/" not in text


@pytest.mark.parametrize("who", [{"role": "member"}, {"role": "owner", "elsewhere": True}])
def test_key_that_the_person_cannot_see_is_404(given: Given, made: Made, who: dict[str, Any]) -> None:
    organisation = given.organisation() if who.get("elsewhere") else made.key.organisation
    client = client_of(given.person(organisation, who["role"]))
    expected = 404 if who.get("elsewhere") else 403
    for named in (str(made.key.id), str(made.key.key_id), "00000000-0000-4000-8000-000000000000"):
        assert client.get(URL, {"key": named} | CALL).status_code == expected
        assert client.get(URL, {"key": named}).status_code == expected
    told = [client.post(URL, {"key_id": named} | CALL) for named in (made.key.key_id, "kad_0123456789abcdef")]
    assert {response.status_code for response in told} == {422 if expected == 404 else 403}
    if expected == 404:
        assert all("You can’t see a key with this ID." in response.content.decode() for response in told)


def test_deleted_key_shows_its_deletion(owner: Client, made: Made) -> None:
    keys.delete(actor=OPERATOR, key=made.key.id)
    for query in ({}, CALL):
        response = owner.get(URL, {"key": str(made.key.id)} | query)
        assert response.status_code == 404
        assert "This key was deleted" in response.content.decode()


@pytest.mark.parametrize("form", list(tokens.Format))
def test_pasted_secret_is_rejected_and_not_stored(
    owner: Client,
    made: Made,
    form: tokens.Format,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    token = tokens.mint("kad", form)
    good = {"key": str(made.key.id), "key_id": ""} | CALL
    pasted = [(field, token.value) for field in ("key", "key_id", "path", "address", "on_behalf_of", "channel")]
    for field, text in [*pasted, ("key_id", f"Bearer {token.value}"), ("key_id", f" {token.value}x")]:
        response = owner.post(URL, good | {field: text})
        shown = response.content.decode()
        assert response.status_code == 422
        assert token.secret not in shown + str(response.headers)
        assert f'value="{made.key.id}" selected' in shown or field == "key"
    kept = owner.post(URL, good | {"key_id": token.value}).content.decode()
    assert "This contains a secret, which was not stored." in html.unescape(kept)
    assert 'value="/api/export"' in kept
    for query in ({"key": token.value}, {"key": token.value} | CALL, {"address": token.value}):
        assert token.secret not in owner.get(URL, query).content.decode()
    assert token.secret not in caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key": ""}, "Choose a key, or paste its key ID."),
        ({"key_id": "CRM"}, "Enter a key ID, such as"),
        ({"path": ""}, "This field is required."),
        ({"path": "api"}, "Start the path with a slash"),
        ({"address": "10.0.0.0/8"}, "Enter one IP address"),
        ({"method": "TRACE"}, "Select a valid choice."),
        ({"channel": "\x00"}, "Null characters are not allowed."),
        ({"path": "/x" * 1001}, "at most 2000 characters"),
        ({"on_behalf_of": "<b>\x01"}, "This contains characters that no call can have here."),
    ],
)
def test_invalid_input_is_rejected(owner: Client, made: Made, changes: dict[str, str], words: str) -> None:
    response = owner.post(URL, {"key": str(made.key.id), "key_id": ""} | CALL | changes)
    assert response.status_code == 422
    text = html.unescape(response.content.decode())
    assert words in text
    assert 'value="203.0.113.24"' in text or "address" in changes


def test_explanation_counts_nothing_and_needs_few_statements(given: Given, statements: list[str]) -> None:
    organisation = given.organisation()
    owner = client_of(given.person(organisation, "owner"))
    about = given.key(organisation, kind="master", scopes=("users:impersonate",))
    others = [given.key(organisation, scopes=("chats:export",)) for _ in range(3)]
    before, events = given.meter(about), Event.objects.count()
    with CaptureQueriesContext(connection) as captured:
        _, text = page(owner, about, on_behalf_of="sam@example.com")
    assert f"{others[-1].key.name}</a>, which has the permission." in text
    assert len(captured) + len(statements) <= 12
    assert not any(words in sql.lower() for sql in statements for words in ("update", "insert", "meter_consume_slow"))
    after = given.meter(about)
    assert (after.total, after.cells, after.last_used_at) == (before.total, before.cells, before.last_used_at)
    assert Event.objects.count() == events


def test_key_page_links_to_its_explanation(owner: Client, made: Made) -> None:
    assert f'href="/explain/?key={made.key.id}"' in owner.get(f"/keys/{made.key.id}/").content.decode()
    text = owner.get(URL, {"key": str(made.key.id), "address": "203.0.113.9"}).content.decode()
    assert "No call yet" in text
    assert 'value="203.0.113.9"' in text
    assert f'value="{made.key.id}" selected' in text
