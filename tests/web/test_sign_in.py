"""Signing in and out: who can, responses that must not differ, throttling, and recorded events."""

import re
import time
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth import hashers
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.test.utils import override_settings
from django.utils import timezone

from keyadmin.core import cidr
from keyadmin.core.errors import ConflictError
from keyadmin.models import AttemptCount, Event, EventType, LinkPurpose, OutboxJob, Person, UnrecordedAttempts
from keyadmin.operations import audit, people
from keyadmin.operations.people import attempts, links, sessions, throttle
from tests.factories import OPERATOR, PASSWORD, PersonFactory, as_actor, password_link
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


def record_attempts() -> list[Event]:
    """Record the attempts as maintenance does ten minutes later; returns the new events, the newest first."""
    before = Event.objects.count()
    UnrecordedAttempts.objects.update(first_at=timezone.now() - timedelta(minutes=10))
    attempts.record_due(OPERATOR)
    return list(Event.objects.all()[: Event.objects.count() - before])


def test_failed_sign_ins_are_recorded_as_one_event_without_what_was_typed(maya: Person) -> None:
    for number in range(5):
        attempt("maya@northwind.example", "a-secret-typed-wrongly", REMOTE_ADDR=f"203.0.113.{number % 2}")
        attempt("kad_a1b2c3d4a1b2c3d4@northwind.example", REMOTE_ADDR="198.51.100.7")
    assert not Event.objects.exists()
    known, unknown = sorted(record_attempts(), key=lambda event: event.target_id, reverse=True)
    assert (known.type, known.target_id, known.target_label) == (EventType.SIGN_IN_FAILED, str(maya.id), "Maya Okafor")
    assert (known.changes["attempts"], known.changes["addresses"]) == (
        [None, 5],
        [None, ["203.0.113.0", "203.0.113.1"]],
    )
    assert (unknown.target_id, unknown.target_label, unknown.changes["attempts"]) == ("", "Unknown address", [None, 5])
    stored = str(list(Event.objects.values()))
    assert "a-secret-typed-wrongly" not in stored
    assert "kad_a1b2c3d4" not in stored
    assert record_attempts() == []


def test_malformed_email_is_not_recorded(maya: Person) -> None:
    attempt("correct horse battery staple")
    assert not Event.objects.exists()


def test_repeated_failures_are_throttled_but_not_for_the_owner_at_another_address(maya: Person) -> None:
    statuses = [attempt(maya.email, REMOTE_ADDR="198.51.100.7").status_code for _ in range(20)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    throttled = attempt(maya.email, PASSWORD, REMOTE_ADDR="198.51.100.7")
    seconds = int(throttled["Retry-After"])
    assert throttled.status_code == 429
    assert 1 <= seconds <= 300
    assert f"Try again in {seconds} seconds." in throttled.content.decode()
    assert "no-store" in throttled["Cache-Control"]
    assert attempt(maya.email, PASSWORD, REMOTE_ADDR="203.0.113.9").status_code == 302
    [event] = [event for event in record_attempts() if event.type == EventType.SIGN_IN_FAILED]
    assert event.changes["attempts"] == [None, statuses.count(200)]


def lengthen_delay() -> None:
    """The first delay is one second, which a slow machine could outlast."""
    AttemptCount.objects.update(next_at=timezone.now() + timedelta(seconds=50))


@pytest.mark.parametrize("email", ["maya@northwind.example", "unknown@northwind.example"])
def test_guesses_from_many_addresses_are_throttled_alike_for_known_and_unknown_accounts(
    maya: Person, email: str
) -> None:
    statuses = [attempt(email, REMOTE_ADDR=f"203.0.113.{number}").status_code for number in range(10)]
    assert statuses == [200] * 10
    lengthen_delay()
    statuses = [attempt(email, REMOTE_ADDR=f"198.51.100.{number}").status_code for number in range(15)]
    assert statuses == [429] * 15
    throttled = attempt(email, PASSWORD, REMOTE_ADDR="192.0.2.1")
    assert throttled.status_code == 429
    assert 1 <= int(throttled["Retry-After"]) <= 50


def test_delay_of_an_account_doubles_up_to_a_minute_and_ends_with_the_right_password(maya: Person) -> None:
    for _ in range(10):
        attempt(maya.email, REMOTE_ADDR=f"203.0.113.{_}")
    waits = []
    for number in range(8):
        count = AttemptCount.objects.get()
        waits.append((count.next_at - count.last_at).total_seconds())
        AttemptCount.objects.update(next_at=timezone.now())
        attempt(maya.email, REMOTE_ADDR=f"192.0.2.{number}")
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    AttemptCount.objects.update(next_at=timezone.now())
    assert attempt(maya.email, PASSWORD, REMOTE_ADDR="192.0.2.100").status_code == 302
    assert attempt(maya.email, REMOTE_ADDR="192.0.2.101").status_code == 200


def test_browser_that_signed_in_before_keeps_working_while_others_guess(maya: Person) -> None:
    client = Client()
    assert client.post(LOGIN, {"login": maya.email, "password": PASSWORD}).status_code == 302
    client.post("/account/logout/")
    for number in range(25):
        attempt(maya.email, REMOTE_ADDR=f"203.0.113.{number}")
        attempt(maya.email)  # from the same client address, too
    lengthen_delay()
    assert attempt(maya.email, PASSWORD).status_code == 429
    assert client.post(LOGIN, {"login": maya.email, "password": PASSWORD}).status_code == 302
    cookie = client.cookies["device"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_known_browser_has_a_limit_of_its_own_and_for_its_person_only(maya: Person) -> None:
    PersonFactory.create(email="other@northwind.example", signs_in=True)
    client = Client()
    client.post(LOGIN, {"login": maya.email, "password": PASSWORD})
    client.post("/account/logout/")
    statuses = [client.post(LOGIN, {"login": maya.email, "password": WRONG}).status_code for _ in range(10)]
    assert statuses == [200] * 10
    lengthen_delay()
    assert client.post(LOGIN, {"login": maya.email, "password": PASSWORD}).status_code == 429
    assert attempt(maya.email, PASSWORD, REMOTE_ADDR="203.0.113.9").status_code == 302
    for number in range(12):
        attempt("other@northwind.example", REMOTE_ADDR=f"203.0.113.{number}")
    lengthen_delay()
    sent = {"login": "other@northwind.example", "password": PASSWORD}
    assert client.post(LOGIN, sent).status_code == 429


def test_forged_or_ended_device_cookie_is_ignored(maya: Person) -> None:
    client = Client()
    client.post(LOGIN, {"login": maya.email, "password": PASSWORD})
    cookie = client.cookies["device"].value
    assert throttle.known_device(cookie, maya.email)
    assert not throttle.known_device(cookie[:-1] + ("A" if cookie[-1] != "A" else "B"), maya.email)
    assert not throttle.known_device("", maya.email)
    assert not throttle.known_device(cookie, "unknown@northwind.example")
    sessions.end_all(actor=as_actor(maya))
    assert not throttle.known_device(cookie, maya.email)


def test_link_by_mail_lets_the_owner_in_while_others_guess(maya: Person) -> None:
    for number in range(12):
        attempt(maya.email, REMOTE_ADDR=f"203.0.113.{number}")
    lengthen_delay()
    token = links.token_of(password_link(maya, LinkPurpose.RESET), is_mailed=True)
    client, new = Client(), "an entirely new passphrase"
    assert client.post(f"/welcome/{token}/", {"password": new}).status_code == 302
    assert attempt(maya.email, new).status_code == 429
    assert client.post(LOGIN, {"login": maya.email, "password": new}).status_code == 302


def test_owner_is_told_of_repeated_failures_once(maya: Person) -> None:
    for number in range(25):
        attempt(maya.email, REMOTE_ADDR=f"203.0.113.{number}")
        attempt("unknown@northwind.example", REMOTE_ADDR=f"198.51.100.{number}")
    assert OutboxJob.objects.count() == 2, "known and unknown addresses queue the same"
    run_due_jobs()
    assert [(letter.to, letter.subject) for letter in mail.outbox] == [
        ([maya.email], "Failed sign-ins to your account")
    ]


def test_clients_without_an_address_share_no_limit(maya: Person) -> None:
    other = PersonFactory.create(email="other@northwind.example", signs_in=True)
    for _ in range(12):
        attempt(maya.email, REMOTE_ADDR="")
    assert attempt(other.email, PASSWORD, REMOTE_ADDR="").status_code == 302


def test_addresses_of_one_ipv6_network_share_a_limit(maya: Person) -> None:
    statuses = [attempt(f"p{n}@northwind.example", REMOTE_ADDR=f"2001:db8::{n:x}").status_code for n in range(1, 20)]
    assert statuses[-1] == 429
    assert attempt(maya.email, PASSWORD, REMOTE_ADDR="2001:db8:0:1::1").status_code == 302


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


@pytest.mark.parametrize("port", ["", ":{}"])
def test_attempts_behind_a_trusted_proxy_are_counted_by_client(maya: Person, port: str) -> None:
    proxies = cidr.compile_networks([cidr.parse("127.0.0.1")])
    with override_settings(KEYADMIN_TRUSTED_PROXIES=proxies):
        for number in range(20):
            attempt(maya.email, headers={"X-Forwarded-For": "203.0.113.1" + port.format(5000 + number)})
        assert attempt(maya.email, headers={"X-Forwarded-For": "203.0.113.1"}).status_code == 429
        other = "203.0.113.2" + port.format(5678)
        assert attempt(maya.email, PASSWORD, headers={"X-Forwarded-For": other}).status_code == 302
    assert latest_event().ip == "203.0.113.2"


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
    link = re.search(r"http://testserver(/welcome/[0-9a-f]+/)", str(letter.body))
    assert link
    client = Client()
    assert client.get(link[1]).status_code == 200
    new = "an entirely new passphrase"
    assert client.post(link[1], {"password": new}).status_code == 302
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
