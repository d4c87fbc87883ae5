"""Tokens of people: how they are issued, what they allow, and what ends them."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import jwt
import pytest
from django.conf import settings
from django.contrib.auth import hashers
from django.core.cache import cache
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from keyadmin.models import (
    AttemptCount,
    Event,
    EventType,
    Organisation,
    Person,
    RefreshToken,
    Role,
    TokenSession,
    UnrecordedAttempts,
)
from keyadmin.operations import audit, people
from keyadmin.operations.people import sessions
from tests.api.calling import bearer
from tests.factories import OPERATOR, PASSWORD, KeyFactory, as_actor, member_of, token_session
from tests.operations.helpers import latest_event

EMAIL = "jonas@northwind.example"


@pytest.fixture(autouse=True)
def _no_failed_attempts(db: None) -> None:
    cache.clear()


@pytest.fixture
def jonas(northwind: Organisation) -> Person:
    return member_of(northwind, Role.OWNER, name="Jonas Lind", email=EMAIL, signs_in=True)


def post(path: str, body: Any, **extra: Any) -> Any:
    return Client().post(path, json.dumps(body), "application/json", **extra)


def sign_in(email: str = EMAIL, password: str = PASSWORD, **extra: Any) -> Any:
    return post("/api/token", {"email": email, "password": password}, **extra)


def whoami(token: str, **headers: str) -> Any:
    return Client().get("/api/whoami", headers={"Authorization": f"Bearer {token}", **headers})


def alike(answer: Any) -> tuple[Any, ...]:
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
    return answer.status_code, headers, answer.content.replace(answer["X-Request-Id"].encode(), b"")


def test_access_token_of_a_sign_in_is_accepted(jonas: Person, northwind: Organisation) -> None:
    made = sign_in()
    assert (made.status_code, made["Cache-Control"]) == (200, "no-store")
    told = made.json()
    assert told.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (told["token_type"], told["expires_in"]) == ("Bearer", 600)
    seen = whoami(told["access_token"])
    here = {"id": str(northwind.id), "slug": "northwind", "name": "Northwind"}
    assert (seen.status_code, seen["Cache-Control"]) == (200, "no-store")
    assert seen.json() == {
        "id": str(jonas.id),
        "kind": "person",
        "name": "Jonas Lind",
        "email": EMAIL,
        "system_role": "",
        "roles": [{"organisation": here, "role": "owner"}],
    }
    event = latest_event()
    assert (event.type, event.actor_id, event.interface) == (EventType.SIGNED_IN, jonas.id, "api")


def test_refresh_token_is_stored_as_a_digest_only(jonas: Person) -> None:
    told = sign_in().json()
    row = RefreshToken.objects.get()
    assert len(row.digest) == 32
    everything = str(
        [*TokenSession.objects.values_list(), *RefreshToken.objects.values_list(), *Event.objects.values()]
    )
    assert told["refresh_token"] not in everything
    assert told["access_token"] not in everything


def test_second_use_of_a_refresh_token_ends_the_session(jonas: Person) -> None:
    first = sign_in().json()
    second = post("/api/token/refresh", {"refresh_token": first["refresh_token"]}).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert whoami(second["access_token"]).status_code == 200
    stolen = post("/api/token/refresh", {"refresh_token": first["refresh_token"]})
    assert stolen.status_code == 401
    assert [whoami(each["access_token"]).status_code for each in (first, second)] == [401, 401]
    assert post("/api/token/refresh", {"refresh_token": second["refresh_token"]}).status_code == 401
    assert [event.type for event in Event.objects.all()] == [
        EventType.REFRESH_TOKEN_REUSED,
        EventType.TOKEN_REFRESHED,
        EventType.SIGNED_IN,
    ]


def test_sign_out_ends_the_session(jonas: Person) -> None:
    told = sign_in().json()
    sent = {"refresh_token": told["refresh_token"]}
    assert post("/api/token/revoke", sent).status_code == 204
    assert whoami(told["access_token"]).status_code == 401
    assert post("/api/token/refresh", sent).status_code == 401
    assert latest_event().type == EventType.SIGNED_OUT
    number = Event.objects.count()
    assert post("/api/token/revoke", sent).status_code == 204
    assert post("/api/token/revoke", {"refresh_token": "nothing"}).status_code == 204
    assert Event.objects.count() == number


def _set_password(person: Person) -> None:
    person.set_password("another passphrase of theirs")
    person.save()


ENDINGS: dict[str, Callable[[Person], object]] = {
    "signed out everywhere": lambda person: sessions.end_all(actor=as_actor(person)),
    "another password": _set_password,
    "deactivated": lambda person: people.deactivate(actor=OPERATOR, person=person.id),
    "ended": lambda person: TokenSession.objects.update(ended_at=timezone.now()),
    "run out": lambda person: TokenSession.objects.update(expires_at=timezone.now()),
}


@pytest.mark.parametrize("what", ENDINGS)
def test_event_that_ends_a_session_ends_its_tokens_at_once(jonas: Person, what: str) -> None:
    told = sign_in().json()
    ENDINGS[what](jonas)
    assert whoami(told["access_token"]).status_code == 401
    assert post("/api/token/refresh", {"refresh_token": told["refresh_token"]}).status_code == 401
    if what == "deactivated":
        people.reactivate(actor=OPERATOR, person=jonas.id)
        assert whoami(told["access_token"]).status_code == 401


def test_lost_role_takes_effect_on_the_next_call(jonas: Person, northwind: Organisation) -> None:
    token = sign_in().json()["access_token"]
    key = KeyFactory.create(organisation=northwind)
    headers = {"Authorization": f"Bearer {token}"}
    assert Client().get(f"/api/keys/{key.id}", headers=headers).status_code == 200
    people.set_role(actor=OPERATOR, person=jonas.id, organisation=northwind.id, role=Role.MEMBER)
    assert Client().get(f"/api/keys/{key.id}", headers=headers).status_code == 404


def _claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def _forged(token: str, **changes: Any) -> str:
    key, algorithm, typ = (
        changes.pop(name, usual)
        for name, usual in [
            ("key", settings.KEYADMIN_JWT_KEY),
            ("algorithm", "HS256"),
            ("typ", "at+jwt"),
        ]
    )
    claims = {name: value for name, value in (_claims(token) | changes).items() if value is not None}
    return jwt.encode(claims, key, algorithm, {"typ": typ})


FORGERIES: dict[str, dict[str, Any]] = {
    "expired": {"exp": 1},
    "no end": {"exp": None},
    "end that is no number": {"exp": "soon"},
    "another key": {"key": b"x" * 32},
    "unsigned": {"key": None, "algorithm": "none"},
    "another algorithm": {"algorithm": "HS512"},
    "another issuer": {"iss": "other"},
    "another audience": {"aud": "other"},
    "another person": {"sub": "00000000-0000-4000-8000-000000000000"},
    "no person": {"sub": None},
    "no session": {"sid": None},
    "a session that is no id": {"sid": "x"},
    "a session that is a list": {"sid": []},
    "another type": {"typ": "JWT"},
}


@pytest.mark.parametrize("what", FORGERIES)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_invalid_token_is_answered_like_an_unknown_key(jonas: Person, what: str) -> None:
    good = sign_in().json()["access_token"]
    assert whoami(_forged(good)).status_code == 200
    refused = whoami(_forged(good, **FORGERIES[what]))
    assert alike(refused) == alike(whoami("kad_0123456789abcdef_wrong"))
    assert refused.status_code == 401


def test_token_expires_by_the_clock_of_the_database(jonas: Person) -> None:
    token = sign_in().json()["access_token"]
    claims = _claims(token)
    assert claims["exp"] - claims["iat"] == 600
    with mock.patch("time.time", return_value=claims["exp"] + 3600.0):
        assert whoami(token).status_code == 200


def test_token_together_with_a_key_is_400(jonas: Person, northwind: Organisation) -> None:
    token, key = sign_in().json()["access_token"], KeyFactory.create(organisation=northwind)
    assert whoami(token, **{"X-API-Key": key.token}).status_code == 400
    assert whoami(token, **{"X-API-Key": ""}).status_code == 200  # an empty header counts as absent
    assert whoami(token, **{"X-API-Key-Id": "x", "X-API-Key-Secret": "y"}).status_code == 400
    assert whoami(f"{token}, Bearer {token}").status_code == 400
    assert Client().get("/api/whoami", headers={"X-API-Key": token}).status_code == 401
    assert Client().get(f"/api/whoami?access_token={token}").status_code == 401
    assert Client().get("/api/whoami", headers={"Authorization": f"bearer \t{token}"}).status_code == 200


def test_session_cookie_is_not_a_credential_and_a_token_needs_no_csrf(jonas: Person) -> None:
    client = Client()
    client.force_login(jonas, backend=settings.AUTHENTICATION_BACKENDS[0])
    assert client.get("/api/keys").status_code == 401
    strict = Client(enforce_csrf_checks=True)
    made = strict.post("/api/bots", json.dumps({"name": "Bot"}), "application/json", headers=bearer(token_of(jonas)))
    assert made.status_code != 401
    assert made.status_code != 403


def token_of(person: Person) -> str:
    return str(sign_in(person.email).json()["access_token"])


def test_failed_sign_ins_are_answered_alike(jonas: Person, northwind: Organisation) -> None:
    gone = member_of(northwind, email="gone@northwind.example", deactivated=True, signs_in=True)
    answers = [
        sign_in(password="wrong"),
        sign_in("unknown@northwind.example"),
        sign_in(gone.email),
        sign_in(gone.email, "wrong"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({str(alike(answer)) for answer in answers}) == 1
    counts = UnrecordedAttempts.objects.values_list("kind", "person", "count")
    assert set(counts) == {("sign_in", jonas.id, 1), ("sign_in", None, 1), ("sign_in", gone.id, 2)}
    assert not Event.objects.exists()


def test_guesses_from_many_addresses_are_throttled(jonas: Person) -> None:
    statuses = [sign_in(password="wrong", REMOTE_ADDR=f"203.0.113.{number}").status_code for number in range(10)]
    assert statuses == [401] * 10
    AttemptCount.objects.update(next_at=timezone.now() + timedelta(seconds=50))  # the first delay is 1 second
    throttled = sign_in(REMOTE_ADDR="198.51.100.7")
    assert throttled.status_code == 429
    assert 1 <= int(throttled["Retry-After"]) <= 50


def test_every_failed_sign_in_costs_one_hash(jonas: Person, northwind: Organisation) -> None:
    gone = member_of(northwind, email="gone@northwind.example", deactivated=True, signs_in=True)
    hashes = []
    real = hashers.Argon2PasswordHasher
    with (
        mock.patch.object(real, "encode", autospec=True, side_effect=real.encode) as encode,
        mock.patch.object(real, "verify", autospec=True, side_effect=real.verify) as verify,
    ):
        for email, password in ((EMAIL, "wrong"), ("unknown@northwind.example", "wrong"), (gone.email, PASSWORD)):
            encode.reset_mock()
            verify.reset_mock()
            sign_in(email, password)
            hashes.append(encode.call_count + verify.call_count)
    assert hashes == [1, 1, 1]


def test_failed_sign_ins_of_page_and_api_share_one_limit(jonas: Person) -> None:
    where: dict[str, Any] = {"REMOTE_ADDR": "198.51.100.7"}
    for _ in range(4):
        Client().post("/account/login/", {"login": EMAIL, "password": "wrong"}, **where)
    statuses = [sign_in(password="wrong", **where).status_code for _ in range(6)]
    assert (statuses[0], statuses[-1]) == (401, 429)
    throttled = sign_in(**where)
    assert throttled.status_code == 429
    assert 1 <= int(throttled["Retry-After"]) <= 300
    assert throttled["Content-Type"] == "application/problem+json"
    assert sign_in(REMOTE_ADDR="203.0.113.9").status_code == 200


def test_text_that_is_not_an_email_address_is_not_recorded(jonas: Person) -> None:
    assert sign_in("correct horse battery staple").status_code == 422
    assert not Event.objects.exists()


def test_sign_in_fails_if_it_cannot_be_recorded(jonas: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "record", mock.Mock(side_effect=RuntimeError("history cannot be written")))
    assert sign_in().status_code == 500
    assert not TokenSession.objects.exists()


def test_api_without_a_signing_key_has_no_tokens(jonas: Person) -> None:
    token = token_of(jonas)
    with override_settings(KEYADMIN_JWT_KEY=b""):
        assert sign_in().status_code == 404
        assert post("/api/token/refresh", {"refresh_token": "x"}).status_code == 404
        assert post("/api/token/revoke", {"refresh_token": "x"}).status_code == 404
        assert whoami(token).status_code == 401


def test_unknown_field_is_422_and_no_error_repeats_the_password(jonas: Person) -> None:
    refused = post("/api/token", {"email": EMAIL, "password": "secret-typed", "remember": True})
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["remember"])
    assert "secret-typed" not in post("/api/token", {"email": 1, "password": ["secret-typed"]}).content.decode()
    assert re.fullmatch("GET, HEAD|POST", Client().get("/api/token")["Allow"])


def test_sign_in_deletes_expired_sessions(jonas: Person) -> None:
    token_session(jonas, expires_at=timezone.now() - timedelta(minutes=1))
    sign_in()
    assert TokenSession.objects.count() == 1


def test_key_that_a_person_creates_inherits_their_permissions(jonas: Person) -> None:
    made = Client().post(
        "/api/api-keys", json.dumps({"name": "Mine"}), "application/json", headers=bearer(token_of(jonas))
    )
    assert made.status_code == 201
    seen = Client().get(f"/api/keys/{made.json()['data']['id']}", headers=bearer(token_of(jonas))).json()
    assert (seen["inherits"], seen["created_by"]) == (True, "Jonas Lind")


def test_person_cannot_verify_calls(jonas: Person) -> None:
    body = {"method": "GET", "path": "/api/chats"}
    assert post("/api/verify", body, headers=bearer(token_of(jonas))).status_code == 403
