"""The page of the API docs, and the access tokens with which a signed-in person tries requests there."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from keyadmin.models import Event, EventType, Key, Organisation, Person, RefreshToken, Role, TokenSession
from keyadmin.operations import people
from keyadmin.operations.people import sessions
from tests.factories import OPERATOR, PASSWORD, KeyFactory, MembershipFactory, as_actor, member_of
from tests.fixtures.clients import SignedIn
from tests.operations.helpers import latest_event
from tests.web.pages import secret_in

PAGE = "/api/docs"
TOKEN = "/api-docs/token/"
VENDORED = "/static/vendor/swagger-ui/"


@pytest.fixture(autouse=True)
def _no_earlier_tokens(db: None) -> None:
    cache.clear()


@pytest.fixture
def jonas(northwind: Organisation) -> Person:
    return member_of(northwind, Role.OWNER, name="Jonas Lind", email="jonas@northwind.example", signs_in=True)


def token_of(client: Client) -> str:
    response = client.post(TOKEN)
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    answer = response.json()
    assert answer.keys() == {"access_token", "expires_in"}
    assert answer["expires_in"] == 600
    return str(answer["access_token"])


def call(token: str, path: str = "/api/whoami", method: str = "GET", body: Any = None) -> Any:
    data = "" if body is None else json.dumps(body)
    return Client().generic(method, path, data, "application/json", headers={"Authorization": f"Bearer {token}"})


def test_page_is_in_the_shell_and_linked_from_menu_and_new_secret(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, htmx: SignedIn
) -> None:
    client = signed_in(jonas)
    page = client.get(PAGE).content.decode()
    assert re.search(rf'<a href="{PAGE}" aria-current="page">', page)
    assert 'id="navigation"' in page
    assert f'data-token-url="{TOKEN}"' in page
    assert f'<a href="{PAGE}">' in client.get("/keys/").content.decode()
    key = KeyFactory.create(organisation=northwind)
    sent = {"grace": "0", "idempotency_key": "the form"}
    reveal = htmx(jonas).post(f"/keys/{key.id}/regenerate/", sent).content.decode()
    assert secret_in(reveal)
    assert re.search(rf'<a class="link" href="{PAGE}" target="_blank"', reveal)


def test_reader_without_sign_in_sees_the_page_and_no_way_to_send_requests() -> None:
    response = Client().get(PAGE)
    page = response.content.decode()
    assert response.status_code == 200
    assert 'data-document-url="/api/openapi.json"' in page
    assert f'href="/account/login/?next={PAGE}"' in page
    assert "data-token-url" not in page
    assert Client().head(PAGE).status_code == 200
    assert Client().post(PAGE).status_code in (403, 405)


def test_page_keeps_the_policy_and_cannot_be_framed(jonas: Person, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    other, response = client.get("/keys/"), client.get(PAGE)
    for name in ("Content-Security-Policy", "X-Frame-Options", "Cache-Control", "Referrer-Policy"):
        assert response[name] == other[name]
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", response.content.decode())


def test_only_the_page_of_the_api_docs_loads_swagger_ui(jonas: Person, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    assert client.get(PAGE).content.decode().count(VENDORED) == 2
    for path in ("/", "/keys/", "/profile/", "/account/login/"):
        assert VENDORED not in client.get(path).content.decode()


def test_token_acts_as_the_person_and_history_records_it(jonas: Person, signed_in: SignedIn) -> None:
    token = token_of(signed_in(jonas))
    assert call(token).json()["email"] == jonas.email
    event = latest_event()
    assert (event.type, event.actor_id, event.interface) == (EventType.TOKEN_ISSUED, jonas.id, "page")
    stored = str([*TokenSession.objects.values(), *Event.objects.values(), *Session.objects.values()])
    assert token not in stored
    assert not RefreshToken.objects.exists()


def test_token_needs_a_session_and_its_csrf_token(jonas: Person) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(TOKEN).status_code == 403
    ended = Client().post(TOKEN, headers={"HX-Request": "true"})
    assert (ended.status_code, ended["Keyadmin-Session"]) == (401, "ended")
    assert Client().post(TOKEN)["Location"].startswith("/account/login/")
    strict.force_login(jonas, backend=settings.AUTHENTICATION_BACKENDS[0])
    rejected = strict.post(TOKEN, headers={"HX-Request": "true"})
    assert rejected.status_code == 403
    assert strict.get(TOKEN).status_code == 405
    foreign = {"X-CSRFToken": rejected["Keyadmin-CSRF-Token"], "Origin": "http://evil.example"}
    assert strict.post(TOKEN, headers=foreign).status_code == 403
    assert not TokenSession.objects.exists()
    accepted = strict.post(TOKEN, headers={"X-CSRFToken": rejected["Keyadmin-CSRF-Token"]})
    assert accepted.status_code == 200


def test_tokens_of_a_person_are_limited(jonas: Person, sam: Person, signed_in: SignedIn) -> None:
    for _ in range(10):
        token_of(signed_in(jonas))
    limited = signed_in(jonas).post(TOKEN)
    assert (limited.status_code, limited["Retry-After"]) == (429, "60")
    assert TokenSession.objects.count() == 10
    token_of(signed_in(sam))


def test_installation_without_signing_key_has_no_tokens(jonas: Person, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    with override_settings(KEYADMIN_JWT_KEY=b""):
        assert client.post(TOKEN).status_code == 404
        page = client.get(PAGE).content.decode()
    assert "data-token-url" not in page
    assert "KEYADMIN_JWT_KEY" in page


def _change_password(client: Client, person: Person) -> None:
    sent = {"current": PASSWORD, "password": "another passphrase of theirs"}
    assert client.post("/profile/password/", sent).status_code == 302
    assert client.get("/profile/").status_code == 200  # the page session goes on, with another key


def _set_password(client: Client, person: Person) -> None:
    person.set_password("another passphrase of theirs")
    person.save()


def _set_role(client: Client, person: Person) -> None:
    organisation = person.memberships.get().organisation_id
    people.set_role(actor=OPERATOR, person=person.id, organisation=organisation, role=Role.AUDITOR)


def _remove_role(client: Client, person: Person) -> None:
    people.remove_role(actor=OPERATOR, person=person.id, organisation=person.memberships.get().organisation_id)


ENDINGS: dict[str, Callable[[Client, Person], object]] = {
    "signed out": lambda client, person: client.post("/account/logout/"),
    "signed out everywhere": lambda client, person: client.post("/profile/sign-out-everywhere/"),
    "signed out everywhere in another browser": lambda client, person: sessions.end_all(actor=as_actor(person)),
    "password changed here": _change_password,
    "password set": _set_password,
    "deactivated": lambda client, person: people.deactivate(actor=OPERATOR, person=person.id),
    "role changed": _set_role,
    "role removed": _remove_role,
    "system role given": lambda client, person: people.set_system_role(
        actor=OPERATOR, person=person.id, system_role="auditor"
    ),
    "address changed": lambda client, person: people.edit(
        actor=OPERATOR, person=person.id, email="new@northwind.example"
    ),
    "page session expired": lambda client, person: Session.objects.update(expire_date=timezone.now()),
    "page session deleted": lambda client, person: Session.objects.all().delete(),
    "signed in as another person": lambda client, person: client.force_login(
        member_of(person.memberships.get().organisation), backend=settings.AUTHENTICATION_BACKENDS[0]
    ),
    "run out": lambda client, person: TokenSession.objects.update(expires_at=timezone.now()),
}


@pytest.mark.parametrize("what", ENDINGS)
def test_token_ends_with_the_session(jonas: Person, signed_in: SignedIn, what: str) -> None:
    client = signed_in(jonas)
    token = token_of(client)
    assert call(token).status_code == 200
    ENDINGS[what](client, jonas)
    assert call(token).status_code == 401


def test_token_survives_the_end_of_another_session(jonas: Person, signed_in: SignedIn) -> None:
    here, elsewhere = signed_in(jonas), signed_in(jonas)
    token = token_of(here)
    elsewhere.post("/account/logout/")
    assert call(token).status_code == 200


def test_deactivated_person_gets_no_earlier_token_back(jonas: Person, signed_in: SignedIn) -> None:
    token = token_of(signed_in(jonas))
    people.deactivate(actor=OPERATOR, person=jonas.id)
    people.reactivate(actor=OPERATOR, person=jonas.id)
    assert call(token).status_code == 401


def test_expired_sessions_are_deleted_with_the_next_token(jonas: Person, signed_in: SignedIn) -> None:
    token_of(signed_in(jonas))
    TokenSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    token_of(signed_in(jonas))
    assert TokenSession.objects.count() == 1


@pytest.fixture
def key(northwind: Organisation) -> Key:
    key: Key = KeyFactory.create(organisation=northwind)
    return key


def test_token_may_do_what_the_person_may_do(
    jonas: Person, asha: Person, priya: Person, sam: Person, lena: Person, key: Key, signed_in: SignedIn
) -> None:
    tokens = {person.name: token_of(signed_in(person)) for person in (jonas, asha, priya, sam, lena)}
    address = f"/api/keys/{key.id}"
    reads = {name: call(token, address).status_code for name, token in tokens.items()}
    assert list(reads.values()) == [200, 200, 200, 404, 404]
    for method, body in (("PATCH", {"name": "Renamed"}), ("DELETE", None)):
        writes = [call(tokens[each.name], address, method, body).status_code for each in (asha, priya, sam, lena)]
        assert writes == [403, 403, 404, 404]
    assert call(tokens[jonas.name], address, "DELETE").status_code == 204


def test_new_membership_is_used_by_the_next_token(jonas: Person, contoso: Organisation, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    MembershipFactory.create(person=jonas, organisation=contoso, role=Role.AUDITOR)
    roles = call(token_of(client)).json()["roles"]
    assert [each["organisation"]["slug"] for each in roles] == ["contoso", "northwind"]
