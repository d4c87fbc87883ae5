"""`keyadmin worker`: jobs survive killed processes, are done by one worker, and are retried. Real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg
import pytest
from aiosmtpd.controller import Controller
from django.db import connection, transaction
from django.utils import timezone

from keyadmin.env import ROOT
from keyadmin.models import (
    BulkOutcome,
    BulkRevocation,
    Event,
    EventType,
    Key,
    MaintenanceRun,
    Organisation,
    OutboxJob,
    Person,
    Role,
    WorkerProcess,
)
from keyadmin.models.outbox import JobKind
from keyadmin.operations import outbox
from keyadmin.operations.keys import bulk_revocation
from keyadmin.operations.people import links
from keyadmin.server.jobs import HANDLERS
from tests.factories import KeyFactory, PersonFactory, as_actor, member_of, password_link
from tests.jobs import run_due_jobs
from tests.live.servers import database_url_of, free_port
from tests.owner import database_environ

WORKER = [sys.executable, "-m", "keyadmin.server.command_line", "worker"]


class MailServer:
    """An SMTP server on loopback. It waits `delay` seconds before it accepts a mail."""

    def __init__(self) -> None:
        self.recipients: list[str] = []
        self.delay = 0.0
        self.started = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        import asyncio

        self.started += 1
        await asyncio.sleep(self.delay)
        self.recipients += envelope.rcpt_tos
        return "250 OK"


@pytest.fixture
def mail_server() -> Iterator[tuple[MailServer, int]]:
    handler, port = MailServer(), free_port()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, port
    controller.stop()


@pytest.fixture
def start_worker(
    committed_organisation: Organisation, mail_server: tuple[MailServer, int], tmp_path: Path
) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts worker processes on this test's database and mail server; kills those that are left."""
    environ = os.environ | database_environ(database_url_of(connection.settings_dict))
    environ |= {
        "KEYADMIN_SMTP_HOST": "127.0.0.1",
        "KEYADMIN_SMTP_PORT": str(mail_server[1]),
        "KEYADMIN_SMTP_TLS": "no",
    }
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / "worker.log").open("ab") as log:
            started.append(
                subprocess.Popen(WORKER, cwd=ROOT, env=environ, stdout=log, stderr=log, start_new_session=True)
            )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    for model in (OutboxJob, WorkerProcess, MaintenanceRun):
        model.objects.all().delete()


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def queue_mail(person: Person) -> None:
    with transaction.atomic():
        links.queue_mail(password_link(person), "http://testserver")


def no_job_is_left() -> bool:
    return not OutboxJob.objects.exists()


def test_job_of_a_killed_worker_is_done_by_another_one(
    start_worker: Callable[[], subprocess.Popen[bytes]], mail_server: tuple[MailServer, int]
) -> None:
    server, _ = mail_server
    person = PersonFactory.create()
    queue_mail(person)
    server.delay = 60
    killed = start_worker()
    wait_until(lambda: server.started == 1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    job = OutboxJob.objects.get()
    assert job.claim is not None
    assert job.due_at > timezone.now() + timedelta(seconds=outbox.CLAIM_SECONDS - 60)
    server.delay = 0
    start_worker()
    wait_until(lambda: WorkerProcess.objects.count() == 2)
    assert server.recipients == [], "the claim has not expired"
    OutboxJob.objects.update(due_at=timezone.now())
    wait_until(no_job_is_left)
    assert server.recipients == [person.email]


def test_worker_finishes_its_job_on_sigterm(
    start_worker: Callable[[], subprocess.Popen[bytes]], mail_server: tuple[MailServer, int]
) -> None:
    server, _ = mail_server
    people = [PersonFactory.create(), PersonFactory.create()]
    for person in people:
        queue_mail(person)
    server.delay = 1.5
    worker = start_worker()
    wait_until(lambda: server.started == 1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    assert server.recipients == [people[0].email]
    assert [job.attempts for job in OutboxJob.objects.all()] == [0], "the other job was not begun"
    assert not WorkerProcess.objects.exists()


def test_several_workers_do_each_job_once(
    start_worker: Callable[[], subprocess.Popen[bytes]], mail_server: tuple[MailServer, int]
) -> None:
    server, _ = mail_server
    people = [PersonFactory.create() for _ in range(30)]
    server.delay = 0.1
    workers = [start_worker() for _ in range(3)]
    wait_until(lambda: WorkerProcess.objects.count() == len(workers))
    for person in people:
        queue_mail(person)
    wait_until(no_job_is_left)
    assert sorted(server.recipients) == sorted(person.email for person in people)


def test_worker_continues_after_the_database_has_cut_its_connections(
    start_worker: Callable[[], subprocess.Popen[bytes]], mail_server: tuple[MailServer, int]
) -> None:
    from tests.owner import execute_as_owner

    server, _ = mail_server
    worker = start_worker()
    wait_until(WorkerProcess.objects.exists)
    execute_as_owner(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
        [connection.connection.info.backend_pid],
    )
    person = PersonFactory.create()
    queue_mail(person)
    wait_until(no_job_is_left)
    assert server.recipients == [person.email]
    assert psutil.pid_exists(worker.pid)


def test_worker_runs_maintenance(start_worker: Callable[[], subprocess.Popen[bytes]]) -> None:
    start_worker()
    wait_until(lambda: MaintenanceRun.objects.filter(task="clean_outbox").exists())


def test_job_is_queued_only_in_a_transaction(committed_organisation: Organisation) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        outbox.enqueue(JobKind.PASSWORD_RESET_MAIL, {}, expires_in=timedelta(hours=1))
    assert no_job_is_left()


def add_job(kind: str = "unknown", expires_in: timedelta = timedelta(days=1)) -> OutboxJob:
    return OutboxJob.objects.create(kind=kind, payload={"a": 1}, expires_at=timezone.now() + expires_in)


def test_retries_are_delayed_exponentially(db: None) -> None:
    job = add_job()
    delays = []
    for _ in range(12):
        OutboxJob.objects.update(due_at=timezone.now() - timedelta(days=1))
        assert run_due_jobs() == 1
        job.refresh_from_db()
        delays.append(round((job.due_at - timezone.now()).total_seconds()))
    assert delays == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    assert (job.attempts, job.last_error, job.claim) == (12, "KeyError", None)


def test_expired_job_fails_for_good_and_loses_its_payload(db: None, caplog: pytest.LogCaptureFixture) -> None:
    job = add_job(expires_in=-timedelta(seconds=1))
    assert run_due_jobs() == 1
    job.refresh_from_db()
    assert job.failed_at is not None
    assert job.payload == {}
    assert "job failed permanently" in caplog.text
    assert run_due_jobs() == 0


def test_job_that_was_claimed_again_is_not_completed_by_the_first_worker(db: None) -> None:
    job = add_job()
    first = outbox.claim()
    OutboxJob.objects.update(due_at=timezone.now() - timedelta(days=1))
    second = outbox.claim()
    assert first
    assert second
    outbox.complete(first)
    outbox.retry(first, "TimeoutError")
    outbox.fail(first)
    job.refresh_from_db()
    assert (job.claim, job.last_error, job.failed_at) == (second.claim, "", None)
    outbox.complete(second)
    assert no_job_is_left()


def revoked_targets() -> list[str]:
    events = Event.objects.filter(type=EventType.KEY_REVOKED)
    return list(events.values_list("target_id", flat=True))


def start_revocation(organisation: Organisation, count: int) -> tuple[BulkRevocation, list[Key]]:
    keys: list[Key] = [KeyFactory.create(organisation=organisation) for _ in range(count)]
    actor = as_actor(member_of(organisation, Role.OWNER))
    return bulk_revocation.start(actor=actor, keys=[key.id for key in keys], reason="Lost"), keys


def test_bulk_revocation_of_a_killed_worker_is_finished_by_another_one(
    start_worker: Callable[[], subprocess.Popen[bytes]], committed_organisation: Organisation
) -> None:
    """No key is revoked twice, and none has two events. The worker is killed in the middle of a transaction."""
    started, keys = start_revocation(committed_organisation, 40)
    with psycopg.connect(database_url_of(connection.settings_dict)) as other:
        other.execute("SELECT 1 FROM key WHERE id = %s FOR UPDATE", [keys[25].id])
        killed = start_worker()
        wait_until(lambda: started.counts().revoked == 25)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert Key.objects.exclude(revoked_at=None).count() == 25
    job = OutboxJob.objects.get(kind=JobKind.BULK_REVOCATION)
    assert job.due_at < timezone.now() + timedelta(seconds=outbox.SHORT_CLAIM_SECONDS)
    OutboxJob.objects.update(due_at=timezone.now())
    start_worker()
    wait_until(no_job_is_left)
    assert sorted(revoked_targets()) == sorted(str(key.id) for key in keys)
    assert set(started.keys.values_list("outcome", flat=True)) == {BulkOutcome.REVOKED}
    assert set(Key.objects.filter(id__in=[key.id for key in keys]).values_list("revision", flat=True)) == {2}
    started.refresh_from_db()
    assert started.finished_at is not None


def test_worker_that_is_killed_again_and_again_revokes_each_key_once(
    start_worker: Callable[[], subprocess.Popen[bytes]], committed_organisation: Organisation
) -> None:
    """Two workers at a time, whose claims expire at once, are killed at random moments."""
    started, keys = start_revocation(committed_organisation, 300)
    for _ in range(3):
        before = started.counts().revoked
        workers = [start_worker(), start_worker()]
        wait_until(lambda before=before: claims_expired() and started.counts().revoked > before)  # type: ignore[misc]
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
    start_worker()
    wait_until(lambda: claims_expired() and no_job_is_left())
    assert sorted(revoked_targets()) == sorted(str(key.id) for key in keys)
    assert started.counts().revoked == len(keys)


def claims_expired() -> bool:
    OutboxJob.objects.filter(due_at__gt=timezone.now()).update(due_at=timezone.now())
    return True


def test_long_job_lets_other_jobs_pass(committed_organisation: Organisation, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is due again behind the others after RUN_SECONDS, here after each key."""
    done: list[str] = []
    monkeypatch.setitem(HANDLERS, "unknown", lambda payload: done.append("other"))
    run = bulk_revocation.run

    def run_one(payload: dict[str, Any]) -> bool:
        done.append("key")
        return run(UUID(payload["revocation"]), seconds=0)

    monkeypatch.setitem(HANDLERS, JobKind.BULK_REVOCATION, run_one)
    start_revocation(committed_organisation, 2)
    add_job()
    run_due_jobs()
    assert done == ["key", "other", "key", "key"]
    assert no_job_is_left()
