"""Password reset by mail: what history records, and that responses do not reveal who has an account."""

import logging
import re
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from keyadmin.models import Event, EventType, Organisation, Person
from keyadmin.operations import audit
from keyadmin.web.account import mail as letters
from tests.factories import PASSWORD

ASK = "/account/password/reset/"
NEW = "an entirely new passphrase"


@pytest.fixture(autouse=True)
def _no_attempts_counted(db: None) -> Iterator[None]:
    cache.clear()
    yield
    letters.WAITING.join()


@pytest.fixture
def jonas(jonas: Person) -> Person:
    jonas.set_password(PASSWORD)
    jonas.save()
    return jonas


def request_reset(email: str) -> Any:
    return Client().post(ASK, {"email": email})


def link_for(person: Person) -> str:
    request_reset(person.email)
    letters.WAITING.join()
    (letter,) = mail.outbox
    assert letter.to == [person.email]
    found = re.search(r"http://testserver(/account/password/reset/key/\S+)", str(letter.body))
    assert found
    return found[1]


def follow_link(link: str) -> Any:
    client = Client(raise_request_exception=False)
    form = client.get(link, follow=True)
    return client.post(form.redirect_chain[-1][0], {"password1": NEW, "password2": NEW})


def test_reset_is_recorded_in_history(jonas: Person, northwind: Organisation) -> None:
    link = link_for(jonas)
    assert follow_link(link).status_code == 302
    reset, asked = Event.objects.all()[:2]
    assert (asked.type, reset.type) == (EventType.PASSWORD_RESET_REQUESTED, EventType.PASSWORD_RESET)
    assert (asked.actor_id, reset.actor_id) == (None, jonas.id)
    assert {(e.target_id, e.organisation_id, e.ip) for e in (asked, reset)} == {
        (str(jonas.id), northwind.id, "127.0.0.1")
    }
    token = link.rstrip("/").rpartition("-")[2]
    assert len(token) > 20
    assert token not in str(list(Event.objects.values()))


def test_unknown_email_is_not_recorded_in_history(db: None) -> None:
    request_reset("nobody@northwind.example")
    event = Event.objects.get()
    assert (event.type, event.target_id, event.organisation_id) == (EventType.PASSWORD_RESET_REQUESTED, "", None)
    assert "nobody@" not in str(list(Event.objects.values()))


def test_reset_fails_if_history_cannot_be_written(jonas: Person) -> None:
    link = link_for(jonas)
    with mock.patch.object(audit, "record", side_effect=RuntimeError("history cannot be written")):
        assert follow_link(link).status_code == 500
    jonas.refresh_from_db()
    assert jonas.check_password(PASSWORD)


def test_reset_request_costs_the_same_for_known_and_unknown_emails(jonas: Person) -> None:
    """Time itself is too unsteady a thing to assert; what takes the time is counted, but for the library's look at
    its own table of addresses.
    """
    EmailAddress.objects.create(user=jonas, email=jonas.email, primary=True)  # as any sign-in makes it
    statements = []
    for email in ("nobody@northwind.example", jonas.email):
        cache.clear()
        with CaptureQueriesContext(connection) as captured:
            request_reset(email)
        told = [query["sql"] for query in captured if "account_emailaddress" not in query["sql"]]
        statements.append([sql.split()[0] for sql in told])
    assert statements[0] == statements[1]
    assert len(statements[0]) > 5


def test_response_does_not_wait_for_the_mail_server(jonas: Person) -> None:
    gate = threading.Event()
    with mock.patch.object(EmailBackend, "send_messages", side_effect=lambda _: gate.wait(30)):
        assert request_reset(jonas.email).status_code == 302  # else this test would hang, for the gate opens below
        gate.set()
        letters.WAITING.join()


def test_unavailable_mail_server_is_logged_without_secrets(jonas: Person, caplog: pytest.LogCaptureFixture) -> None:
    problem = ConnectionRefusedError(f"no way to {jonas.email}")
    with (
        caplog.at_level(logging.ERROR, "keyadmin.letters"),
        mock.patch.object(EmailBackend, "send_messages", side_effect=problem),
    ):
        known, unknown = request_reset(jonas.email), request_reset("nobody@northwind.example")
        letters.WAITING.join()
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert "ConnectionRefusedError" in caplog.text
    assert jonas.email not in caplog.text
    assert link_for(jonas)  # the next letter goes out


def test_full_mail_queue_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()
    with caplog.at_level(logging.ERROR, "keyadmin.letters"):
        for _ in range(letters.WAITING.maxsize + 2):
            letters.post(lambda: gate.wait(30) and mock.Mock())
        gate.set()
        letters.WAITING.join()
    assert "too many letters wait" in caplog.text
