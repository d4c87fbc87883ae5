"""Signing in and out: who can, responses that must not differ, throttling, and recorded events."""

import re
import time
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import hashers
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.test.utils import override_settings

from keyadmin.core import cidr
from keyadmin.core.errors import ConflictError
from keyadmin.models import Event, EventType, Person
from keyadmin.operations import audit, people
from tests.factories import OPERATOR, PASSWORD, PersonFactory
from tests.fixtures.clients import HtmxClient, SignedIn
from tests.jobs import run_due_jobs
from tests.operations.helpers import latest_event

LOGIN = "/account/login/"
WRONG = "not the password"


@pytest.fixture(autouse=True)
def _no_attempts_counted(db: None) -> None:
    cache.clear()


@pytest.fixture
def maya(db: None) -> Person:
    person: Person = PersonFactory.create(
        name="Maya Okafor", email="maya@northwind.example", administrator=True, signs_in=True
    )
    return person


def attempt(email: str, password: str = WRONG, **extra: Any) -> Any:
    return Client().post(LOGIN, {"login": email, "password": password}, **extra)


def without_variables(page: bytes) -> str:
    return re.sub(r'(name="csrfmiddlewaretoken" value=")[^"]+|(value=")[^"]+@[^"]+', r"\1\2", page.decode())


def test_sign_in_redirects_to_the_requested_page(maya: Person) -> None:
    client = Client()
    response = client.post(f"{LOGIN}?next=/history/", {"login": "Maya@Northwind.Example", "password": PASSWORD})
    assert response["Location"] == "/history/"
    assert client.get("/history/").status_code == 200
    event = latest_event()
    assert (event.type, event.actor_id, event.actor_label) == (EventType.SIGNED_IN, maya.id, "Maya Okafor")
    assert event.ip == "127.0.0.1"
    maya.refresh_from_db()
    assert maya.last_login
    assert maya.last_login <= event.at


@pytest.mark.parametrize("problem", [ConflictError("Try again."), RuntimeError("history cannot be written")])
def test_sign_in_fails_if_history_cannot_be_written(
    maya: Person, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    client = Client(raise_request_exception=False)
    client.get(LOGIN)
    monkeypatch.setattr(audit, "record", mock.Mock(side_effect=problem))
    response = client.post(LOGIN, {"login": maya.email, "password": PASSWORD})
    assert response.status_code == (409 if isinstance(problem, ConflictError) else 500)
    assert client.get("/keys/").status_code == 302
    assert not Event.objects.exists()
    assert not any(maya.id.hex in str(each.get_decoded()).replace("-", "") for each in Session.objects.all())


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_sign_in_does_not_redirect_to_other_sites(maya: Person, elsewhere: str) -> None:
    sent = {"login": maya.email, "password": PASSWORD, "next": elsewhere}
    assert Client().post(LOGIN, sent)["Location"] == "/"


def test_wrong_password_unknown_email_and_deactivated_account_get_the_same_response(maya: Person) -> None:
    gone = PersonFactory.create(email="gone@northwind.example", deactivated=True, signs_in=True)
    answers = [
        attempt(maya.email),
        attempt("unknown@northwind.example"),
        attempt(gone.email),
        attempt(gone.email, PASSWORD),
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert len({without_variables(answer.content) for answer in answers}) == 1
    assert not any("sessionid" in answer.cookies for answer in answers)


def test_wrong_password_and_unknown_email_cost_one_hash_each(maya: Person) -> None:
    """Time itself is too unsteady a thing to assert; what takes the time is counted."""
    hashes = []
    real = hashers.Argon2PasswordHasher
    with (
        mock.patch.object(real, "encode", autospec=True, side_effect=real.encode) as encode,
        mock.patch.object(real, "verify", autospec=True, side_effect=real.verify) as verify,
    ):
        for email in (maya.email, "unknown@northwind.example"):
            encode.reset_mock()
            verify.reset_mock()
            attempt(email)
            hashes.append(encode.call_count + verify.call_count)
    assert hashes == [1, 1]


def test_failed_sign_in_is_recorded_without_the_password(maya: Person) -> None:
    attempt("maya@northwind.example", "a-secret-typed-wrongly", headers={"User-Agent": "x" * 400})
    event = Event.objects.get(type=EventType.SIGN_IN_FAILED)
    assert (event.actor_id, event.actor_label) == (None, "maya@northwind.example")
    assert len(event.user_agent) == 300
    assert "a-secret-typed-wrongly" not in str(Event.objects.values_list())


def test_malformed_email_is_not_recorded(maya: Person) -> None:
    attempt("correct horse battery staple")
    assert not Event.objects.exists()


def test_repeated_failures_are_throttled_but_not_for_the_owner_at_another_address(maya: Person) -> None:
    statuses = [attempt(maya.email, REMOTE_ADDR="198.51.100.7").status_code for _ in range(20)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    recorded = Event.objects.filter(type=EventType.SIGN_IN_FAILED).count()
    assert recorded == statuses.count(200)
    throttled = attempt(maya.email, PASSWORD, REMOTE_ADDR="198.51.100.7")
    seconds = int(throttled["Retry-After"])
    assert throttled.status_code == 429
    assert 1 <= seconds <= 300
    assert f"Try again in {seconds} seconds." in throttled.content.decode()
    assert "no-store" in throttled["Cache-Control"]
    assert Event.objects.filter(type=EventType.SIGN_IN_FAILED).count() == recorded
    assert attempt(maya.email, PASSWORD, REMOTE_ADDR="203.0.113.9").status_code == 302


def test_failures_for_many_accounts_from_one_address_are_throttled(maya: Person) -> None:
    statuses = [attempt(f"p{number}@northwind.example").status_code for number in range(20)]
    assert statuses[-1] == 429


def test_successful_sign_in_does_not_count_as_an_attempt(maya: Person) -> None:
    assert {attempt(maya.email, PASSWORD).status_code for _ in range(15)} == {302}


def test_throttling_ends_after_its_period(maya: Person) -> None:
    for _ in range(20):
        attempt(maya.email)
    seconds = int(attempt(maya.email)["Retry-After"])
    later = time.time() + seconds
    with mock.patch("time.time", return_value=later):
        assert attempt(maya.email, PASSWORD).status_code == 302


def test_forged_forwarded_address_does_not_avoid_throttling(maya: Person) -> None:
    statuses = [attempt(maya.email, headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(20)]
    assert statuses[-1] == 429


def test_attempts_behind_a_trusted_proxy_are_counted_by_client(maya: Person) -> None:
    proxies = cidr.compile_networks([cidr.parse("127.0.0.1")])
    with override_settings(KEYADMIN_TRUSTED_PROXIES=proxies):
        for _ in range(20):
            attempt(maya.email, headers={"X-Forwarded-For": "203.0.113.1"})
        assert attempt(maya.email, headers={"X-Forwarded-For": "203.0.113.1"}).status_code == 429
        assert attempt(maya.email, PASSWORD, headers={"X-Forwarded-For": "203.0.113.2"}).status_code == 302
    assert latest_event().ip == "203.0.113.2"


def test_requests_without_an_address_share_a_limit(maya: Person) -> None:
    assert attempt(maya.email, PASSWORD, REMOTE_ADDR="").status_code == 302
    assert latest_event().ip is None


@pytest.mark.parametrize("path", ["signup/", "email/", "inactive/", "password/change/", "login/code/", ""])
def test_unused_allauth_pages_are_404(db: None, path: str) -> None:
    assert Client().get(f"/account/{path}").status_code == 404


def test_sign_out_ends_the_session(maya: Person, signed_in: SignedIn) -> None:
    client = signed_in(maya)
    assert client.get("/keys/").status_code == 200
    client.post("/account/logout/")
    assert client.get("/keys/").status_code == 302
    assert latest_event().type == EventType.SIGNED_OUT


def test_session_of_a_deactivated_person_ends(maya: Person, signed_in: SignedIn) -> None:
    client = signed_in(maya)
    Person.objects.filter(id=maya.id).update(is_active=False)
    assert client.get("/keys/").status_code == 302


def test_session_stays_ended_after_reactivation(maya: Person, signed_in: SignedIn) -> None:
    jonas = PersonFactory.create()
    client = signed_in(jonas)
    assert client.get("/profile/").status_code == 200
    people.deactivate(actor=OPERATOR, person=jonas.id)
    people.reactivate(actor=OPERATOR, person=jonas.id)
    assert client.get("/profile/").status_code == 302


def test_password_is_reset_by_mail(maya: Person) -> None:
    known = Client().post("/account/password/reset/", {"email": maya.email})
    unknown = Client().post("/account/password/reset/", {"email": "unknown@northwind.example"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    run_due_jobs()
    letter = next(letter for letter in mail.outbox if letter.to == [maya.email])
    link = re.search(r"http://testserver(/account/password/reset/key/\S+)", str(letter.body))
    assert link
    client = Client()
    form = client.get(link[1], follow=True)
    new = "an entirely new passphrase"
    sent = {"password1": new, "password2": new}
    assert client.post(form.redirect_chain[-1][0], sent).status_code == 302
    assert attempt(maya.email, new).status_code == 302


def test_signed_out_htmx_request_redirects_to_sign_in_and_back(db: None) -> None:
    client = HtmxClient()
    client.set_current_url("/keys/?status=revoked")
    response = client.get("/keys/create/")
    assert (response.status_code, response["HX-Redirect"]) == (200, f"{LOGIN}?next=%2Fkeys%2F%3Fstatus%3Drevoked")


@pytest.mark.parametrize("behind", ["https://evil.example/", "http://testserver//evil.example/", "http://[", "", "x"])
def test_signed_out_htmx_request_does_not_redirect_to_other_sites(db: None, behind: str) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": behind}
    assert Client().get("/keys/", headers=headers)["HX-Redirect"] == f"{LOGIN}?next=%2F"
