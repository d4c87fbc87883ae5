"""Password reset by mail: what history records, and that responses do not reveal who has an account."""

import logging
import re
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
from django.utils import timezone

from keyadmin.models import Event, EventType, Organisation, OutboxJob, Person
from keyadmin.operations import audit
from tests.factories import PASSWORD
from tests.jobs import run_due_jobs

ASK = "/account/password/reset/"
NEW = "an entirely new passphrase"


@pytest.fixture(autouse=True)
def _no_attempts_counted(db: None) -> None:
    cache.clear()


@pytest.fixture
def jonas(jonas: Person) -> Person:
    jonas.set_password(PASSWORD)
    jonas.save()
    return jonas


def request_reset(email: str) -> Any:
    return Client().post(ASK, {"email": email})


def link_for(person: Person) -> str:
    request_reset(person.email)
    run_due_jobs()
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
    request_reset("unknown@northwind.example")
    event = Event.objects.get()
    assert (event.type, event.target_id, event.organisation_id) == (EventType.PASSWORD_RESET_REQUESTED, "", None)
    assert "unknown@" not in str(list(Event.objects.values()))


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
    for email in ("unknown@northwind.example", jonas.email):
        cache.clear()
        with CaptureQueriesContext(connection) as captured:
            request_reset(email)
        told = [query["sql"] for query in captured if "account_emailaddress" not in query["sql"]]
        statements.append([sql.split()[0] for sql in told])
    assert statements[0] == statements[1]
    assert len(statements[0]) > 5


def test_request_does_not_wait_for_the_mail_server(jonas: Person) -> None:
    with mock.patch.object(EmailBackend, "send_messages", side_effect=AssertionError("sent during the request")):
        assert request_reset(jonas.email).status_code == 302


def test_unreachable_mail_server_shows_in_no_answer_and_no_log(jonas: Person, caplog: pytest.LogCaptureFixture) -> None:
    error = ConnectionRefusedError(f"no way to {jonas.email}")
    with (
        caplog.at_level(logging.WARNING, "keyadmin.worker"),
        mock.patch.object(EmailBackend, "send_messages", side_effect=error),
    ):
        known, unknown = request_reset(jonas.email), request_reset("unknown@northwind.example")
        run_due_jobs()
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert "ConnectionRefusedError" in caplog.text
    assert jonas.email not in caplog.text
    job = OutboxJob.objects.get()
    assert (job.attempts, job.last_error) == (1, "ConnectionRefusedError")
    OutboxJob.objects.update(due_at=timezone.now())
    run_due_jobs()
    assert len(mail.outbox) == 1


def test_queued_mail_holds_no_link_and_no_address(jonas: Person) -> None:
    request_reset(jonas.email)
    payload = OutboxJob.objects.get().payload
    assert set(payload) == {"person", "state", "base_url"}
    assert jonas.email not in str(payload)


def test_job_for_an_unknown_address_looks_like_any_other_and_sends_nothing(jonas: Person) -> None:
    request_reset("unknown@northwind.example")
    request_reset(jonas.email)
    unknown, known = OutboxJob.objects.order_by("id")
    assert unknown.kind == known.kind
    assert set(unknown.payload) == set(known.payload)
    assert unknown.payload["person"] is None
    assert run_due_jobs() == 2
    assert [message.to for message in mail.outbox] == [[jonas.email]]


def test_mail_is_not_sent_after_the_password_has_changed(jonas: Person) -> None:
    request_reset(jonas.email)
    jonas.set_password(NEW)
    jonas.save()
    assert run_due_jobs() == 1
    assert mail.outbox == []
