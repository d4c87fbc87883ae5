"""Limits on guesses and on requested mails, by account."""

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from keyadmin.models import AttemptCount, Organisation, OutboxJob, Person
from keyadmin.operations.people import passwords, throttle
from tests.threads import run_concurrently

SUBJECT = throttle.subject_of("account", "kim@example.com")


def request_reset(email: str, device: str = "") -> int:
    """Request a mail; returns the number of queued mails."""
    passwords.request_reset(email=email, ip="192.0.2.1", device=device, base_url="https://keys.example.com")
    return OutboxJob.objects.count()


def test_guesses_at_the_same_time_do_not_pass_together(committed_organisation: Organisation) -> None:
    try:
        done = run_concurrently(*[partial(throttle.count_guess, SUBJECT)] * 30)
        assert sum(wait == 0 for wait, _failures in done) == throttle.FREE_FAILURES
    finally:
        throttle.forget(SUBJECT)


def test_refused_guess_is_not_counted(db: None) -> None:
    for _ in range(30):
        _wait, failures = throttle.count_guess(SUBJECT)
    assert failures == throttle.FREE_FAILURES


def test_count_begins_again_after_a_day(db: None) -> None:
    for _ in range(30):
        throttle.count_guess(SUBJECT)
    AttemptCount.objects.update(last_at=timezone.now() - timedelta(hours=25), next_at=timezone.now())
    assert throttle.count_guess(SUBJECT) == (0, 1)
    assert throttle.remove_old() == 0
    AttemptCount.objects.update(last_at=timezone.now() - timedelta(hours=25))
    assert throttle.remove_old() == 1


def test_forms_of_one_address_share_a_count(db: None) -> None:
    assert throttle.subject_of("account", "KIM@example.com") == SUBJECT
    assert throttle.subject_of("reset", "kim@example.com") != SUBJECT
    assert throttle.subject_of("account", "no address \ud800") != throttle.subject_of("account", "another")


@pytest.mark.parametrize("email", ["sam@northwind.example", "SAM@northwind.example", "unknown@northwind.example"])
def test_address_gets_three_reset_mails_an_hour(sam: Person, email: str) -> None:
    assert [request_reset(email) for _ in range(5)] == [1, 2, 3, 3, 3]
    AttemptCount.objects.update(first_at=timezone.now() - timedelta(minutes=61))
    assert request_reset(email) == 4


def test_requests_of_others_leave_a_known_browser_its_own(sam: Person) -> None:
    for _ in range(5):
        request_reset(sam.email)
    assert [request_reset(sam.email, device="a-browser") for _ in range(5)] == [4, 5, 6, 6, 6]


@pytest.mark.parametrize("before", [0, 1, 9, 15])
def test_undone_guess_does_not_count(db: None, before: int) -> None:
    for _ in range(before):
        AttemptCount.objects.update(next_at=timezone.now())
        throttle.count_guess(SUBJECT)
    for _ in range(3):
        AttemptCount.objects.update(next_at=timezone.now())
        assert throttle.count_guess(SUBJECT) == (0, before + 1)
        throttle.undo_guess(SUBJECT)
