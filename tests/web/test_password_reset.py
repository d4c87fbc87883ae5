"""Password reset by mail: what history records, and that responses do not reveal who has an account."""

import logging
import re
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from keyadmin.models import Event, EventType, Organisation, OutboxJob, Person, UnrecordedAttempts
from keyadmin.operations import audit, people
from keyadmin.operations.people import attempts
from tests.factories import OPERATOR, PASSWORD
from tests.jobs import run_due_jobs
from tests.operations.helpers import latest_event

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
    found = re.search(r"http://testserver(/welcome/[0-9a-f]+/)", str(letter.body))
    assert found
    return found[1]


def follow_link(link: str) -> Any:
    return Client(raise_request_exception=False).post(link, {"password": NEW})


def record_attempts() -> Event:
    """Record the requests as maintenance does ten minutes later; returns the event."""
    UnrecordedAttempts.objects.update(first_at=timezone.now() - timedelta(minutes=10))
    assert attempts.record_due(OPERATOR) == 1
    return latest_event()


def test_reset_is_recorded_in_history(jonas: Person, northwind: Organisation) -> None:
    link = link_for(jonas)
    assert not Event.objects.exists()
    assert follow_link(link).status_code == 302
    reset, requested = latest_event(), record_attempts()
    assert (requested.type, reset.type) == (EventType.PASSWORD_RESET_REQUESTED, EventType.PASSWORD_CHOSEN)
    assert (reset.actor_id, reset.ip) == (jonas.id, "127.0.0.1")
    assert {(e.target_id, e.organisation_id) for e in (requested, reset)} == {(str(jonas.id), northwind.id)}
    assert (requested.changes["attempts"], requested.changes["addresses"]) == ([None, 1], [None, ["127.0.0.1"]])
    assert link.split("/")[2] not in str(list(Event.objects.values()))


def test_requests_for_unknown_emails_are_one_event_without_them(db: None) -> None:
    for number in range(4):
        request_reset(f"unknown{number}@northwind.example")
    event = record_attempts()
    assert (event.type, event.target_id, event.organisation_id) == (EventType.PASSWORD_RESET_REQUESTED, "", None)
    assert event.changes["attempts"] == [None, 4]
    assert "unknown" not in str(list(Event.objects.values("changes", "actor_label", "target_id")))


def test_reset_fails_if_history_cannot_be_written(jonas: Person) -> None:
    link = link_for(jonas)
    with mock.patch.object(audit, "record", side_effect=RuntimeError("history cannot be written")):
        assert follow_link(link).status_code == 500
    jonas.refresh_from_db()
    assert jonas.check_password(PASSWORD)


def test_reset_request_costs_the_same_for_known_and_unknown_emails(jonas: Person) -> None:
    """Time itself is too unsteady to assert. What takes the time is counted."""
    statements = []
    for email in ("unknown@northwind.example", jonas.email):
        cache.clear()
        with CaptureQueriesContext(connection) as captured:
            request_reset(email)
        statements.append([query["sql"].split()[0] for query in captured])
    assert statements[0] == statements[1]
    assert len(statements[0]) > 5


@pytest.mark.parametrize("change", ["role", "address", "deactivated"])
def test_reset_link_ends_with_a_change_of_the_person(jonas: Person, northwind: Organisation, change: str) -> None:
    link = link_for(jonas)
    if change == "role":
        people.set_role(actor=OPERATOR, person=jonas.id, organisation=northwind.id, role="auditor")
    elif change == "address":
        people.edit(actor=OPERATOR, person=jonas.id, email="jonas@example.com")
    else:
        people.deactivate(actor=OPERATOR, person=jonas.id)
    assert follow_link(link).status_code == 410
    jonas.refresh_from_db()
    assert jonas.check_password(PASSWORD)


def test_requests_of_others_do_not_end_the_link_of_a_person(jonas: Person) -> None:
    link = link_for(jonas)
    request_reset(jonas.email)
    run_due_jobs()
    assert follow_link(link).status_code == 302


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
    assert set(payload) == {"person", "link", "base_url"}
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
