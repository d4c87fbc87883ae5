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
from keyadmin.web.explain import views
from tests.factories import OPERATOR
from tests.fixtures.committed_rows import CommittedRows, CreatedKey

URL = "/explain/"
CALL = {"method": "GET", "path": "/api/export", "address": "203.0.113.24"}


def client_of(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


@pytest.fixture
def created(rows: CommittedRows) -> CreatedKey:
    return rows.key(name="CRM integration")


@pytest.fixture
def owner(rows: CommittedRows, created: CreatedKey) -> Client:
    return client_of(rows.person(created.key.organisation, "owner"))


def page(client: Client, created: CreatedKey, **changes: str) -> tuple[Any, str]:
    response = client.get(URL, {"key": str(created.key.id)} | CALL | changes)
    return response, html.unescape(response.content.decode())


def test_valid_form_redirects_to_an_address_with_the_call(owner: Client, created: CreatedKey) -> None:
    sent = {"key": str(created.key.id), "key_id": ""} | CALL | {"path": " /api/export?from=1 ", "channel": "sms"}
    response = owner.post(URL, sent)
    assert response.status_code == 302
    assert parse_qs(urlsplit(response["Location"]).query) == {
        "key": [str(created.key.id)],
        "method": ["GET"],
        "path": ["/api/export"],
        "address": ["203.0.113.24"],
        "channel": ["sms"],
    }
    assert "Denied by rule 5, Permission" in owner.get(response["Location"]).content.decode()


def test_pasted_key_id_takes_precedence_over_the_choice(
    rows: CommittedRows, owner: Client, created: CreatedKey
) -> None:
    other = rows.key(created.key.organisation)
    response = owner.post(URL, {"key": str(other.key.id), "key_id": f" {created.key.key_id} "} | CALL)
    assert f"key={created.key.id}&" in response["Location"]


def test_denied_call_shows_the_deciding_rule(rows: CommittedRows, owner: Client, created: CreatedKey) -> None:
    rows.key(created.key.organisation, name="Warehouse export", scopes=("chats:export",))
    rows.key(
        created.key.organisation, name="Retired export", scopes=("chats:export",), revoked_at=created.key.created_at
    )
    response, text = page(owner, created)
    assert response.status_code == 200
    for words in (
        "Denied by rule 5, Permission",
        "403",
        "This key lacks the permission for this method and path.",
        "GET /api/export needs Export data. The key has Read chats.",
        "Decides",
        "Not reached",
        "To allow this request",
        "Grant Export data.",
        f'href="/keys/{created.key.id}/edit/">Edit permissions',
    ):
        assert words in text, words
    assert "Warehouse export</a>" not in text, "another key is not the narrowest change"
    for value in ("/api/export", "203.0.113.24"):
        assert f'value="{value}"' in text


def test_rules_after_the_deciding_one_are_shown(rows: CommittedRows, owner: Client, created: CreatedKey) -> None:
    rows.network("10.0.0.0/8", key=created.key)
    _, text = page(owner, created)
    assert "Denied by rule 4, Key’s addresses" in text
    assert text.count("Would also deny") == 1
    assert f'href="/keys/{created.key.id}/networks/">Edit allowed IPs' in text


def test_unmapped_path_is_explained(owner: Client, created: CreatedKey) -> None:
    _, text = page(owner, created, path="/api/unknown")
    assert "No permission allows GET /api/unknown, so every key is denied." in text
    assert "Add GET /api/unknown to the routes of a permission." in text


def test_allowed_call_is_shown(owner: Client, created: CreatedKey) -> None:
    _, text = page(owner, created, path="/api/chats")
    assert "All 8 rules pass. Requests left in this hour, including this one: 1,000." in text
    assert "To allow this request" not in text


def test_auditor_sees_the_explanation_without_links_to_edit(rows: CommittedRows, created: CreatedKey) -> None:
    for person in (rows.person(created.key.organisation, "auditor"), rows.person(system_role="auditor")):
        _, text = page(client_of(person), created)
        assert "Grant Export data." in text
        assert "/edit/" not in text


@pytest.mark.parametrize("who", [{"role": "member"}, {"role": "owner", "elsewhere": True}])
def test_key_that_the_person_cannot_see_is_404(rows: CommittedRows, created: CreatedKey, who: dict[str, Any]) -> None:
    organisation = rows.organisation() if who.get("elsewhere") else created.key.organisation
    client = client_of(rows.person(organisation, who["role"]))
    expected = 404 if who.get("elsewhere") else 403
    for named in (str(created.key.id), str(created.key.key_id), "00000000-0000-4000-8000-000000000000"):
        assert client.get(URL, {"key": named} | CALL).status_code == expected
        assert client.get(URL, {"key": named}).status_code == expected
    told = [client.post(URL, {"key_id": named} | CALL) for named in (created.key.key_id, "kad_0123456789abcdef")]
    assert {response.status_code for response in told} == {422 if expected == 404 else 403}
    if expected == 404:
        assert all("You can’t see a key with this ID." in response.content.decode() for response in told)


def test_deleted_key_shows_its_deletion(owner: Client, created: CreatedKey) -> None:
    keys.delete(actor=OPERATOR, key=created.key.id)
    for query in ({}, CALL):
        response = owner.get(URL, {"key": str(created.key.id)} | query)
        assert response.status_code == 404
        assert "This key was deleted" in response.content.decode()


@pytest.mark.parametrize("form", list(tokens.KeyFormat))
def test_pasted_secret_is_rejected_and_not_stored(
    owner: Client,
    created: CreatedKey,
    form: tokens.KeyFormat,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    token = tokens.mint("kad", form)
    good = {"key": str(created.key.id), "key_id": ""} | CALL
    pasted = [(field, token.value) for field in ("key", "key_id", "path", "address", "on_behalf_of", "channel")]
    for field, text in [*pasted, ("key_id", f"Bearer {token.value}"), ("key_id", f" {token.value}x")]:
        response = owner.post(URL, good | {field: text})
        shown = response.content.decode()
        assert response.status_code == 422
        assert token.secret not in shown + str(response.headers)
        assert f'value="{created.key.id}" selected' in shown or field == "key"
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
        ({"on_behalf_of": "<b>\x01"}, "This contains characters that are not allowed here."),
    ],
)
def test_invalid_input_is_rejected(owner: Client, created: CreatedKey, changes: dict[str, str], words: str) -> None:
    response = owner.post(URL, {"key": str(created.key.id), "key_id": ""} | CALL | changes)
    assert response.status_code == 422
    text = html.unescape(response.content.decode())
    assert words in text
    assert 'value="203.0.113.24"' in text or "address" in changes


def test_explanation_counts_nothing_and_needs_few_statements(rows: CommittedRows, statements: list[str]) -> None:
    organisation = rows.organisation()
    owner = client_of(rows.person(organisation, "owner"))
    about = rows.key(organisation, kind="master", scopes=("users:impersonate",))
    before, events = rows.meter(about), Event.objects.count()
    with CaptureQueriesContext(connection) as captured:
        page(owner, about, on_behalf_of="sam@example.com")
    assert len(captured) + len(statements) <= 12
    assert not any(words in sql.lower() for sql in statements for words in ("update", "insert", "meter_consume_slow"))
    after = rows.meter(about)
    assert (after.total, after.cells, after.last_used_at) == (before.total, before.cells, before.last_used_at)
    assert Event.objects.count() == events


def test_key_page_links_to_its_explanation(owner: Client, created: CreatedKey) -> None:
    assert f'href="/explain/?key={created.key.id}"' in owner.get(f"/keys/{created.key.id}/").content.decode()
    text = owner.get(URL, {"key": str(created.key.id), "address": "203.0.113.9"}).content.decode()
    assert "No request yet" in text
    assert 'value="203.0.113.9"' in text
    assert f'value="{created.key.id}" selected' in text


def test_no_other_key_is_advised_even_if_it_is_the_public_one(
    rows: CommittedRows, owner: Client, created: CreatedKey
) -> None:
    rows.key(created.key.organisation, name="Public API key", kind="public", scopes=("chats:export", "chats:read"))
    _, text = page(owner, created)
    advice = text[text.index("To allow this request") :]
    assert "Grant Export data." in advice
    assert "Public API key" not in advice


def test_menu_leads_to_explain(owner: Client) -> None:
    groups = owner.get(URL).context["navigation"]
    [item] = [item for group in groups for item in group["items"] if item["slug"] == "explain"]
    assert item["url"] == URL
    assert 'aria-current="page"' in owner.get(URL).content.decode()


def found(client: Client, text: str, **fields: str) -> str:
    response = client.post("/explain/keys/", {"find": text} | fields)
    assert response.status_code == 200
    return response.content.decode()


def test_picker_finds_every_key(
    rows: CommittedRows, owner: Client, created: CreatedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MAX_CHOICES", 2)
    organisation = created.key.organisation
    for number in range(3):
        rows.key(organisation, name=f"Batch {number}")
    elsewhere = rows.key(name="CRM of another organisation")
    first = html.unescape(owner.get(URL).content.decode())
    assert "The newest 2 of 4 keys." in first
    assert "CRM integration" not in first
    for text in ("crm", str(created.key.key_id), created.key.masked):
        options = found(owner, text)
        assert "CRM integration" in options, text
        assert "1 key found" in options
        assert str(elsewhere.key.id) not in options
    assert "0 keys found" in found(owner, "no such key")
    kept = found(owner, "Batch 0", key=str(created.key.id))
    assert f'<option value="{created.key.id}" selected>' in kept
    assert "Batch 0" in kept


def test_picker_does_not_search_for_a_secret(owner: Client, created: CreatedKey) -> None:
    answer = found(owner, created.token.value)
    assert "This contains a secret" in html.unescape(answer)
    assert created.token.secret not in answer
    assert "CRM integration" not in answer
    assert owner.get("/explain/keys/", {"find": "CRM"}).status_code == 405


def test_picker_finds_nothing_for_a_text_with_nul(owner: Client) -> None:
    assert "0 keys found" in found(owner, "CRM\0integration")
