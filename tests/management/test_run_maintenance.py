"""Maintenance: each task by its own command, and all tasks that are due by `run_maintenance`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError
from django.db import connection
from django.utils import timezone

from keyadmin.models import (
    CallOutcome,
    Event,
    IdempotencyRecord,
    MaintenanceRun,
    Organisation,
    OutboxJob,
    ReviewBuild,
    UsageHour,
    UsageRollUp,
)
from keyadmin.operations import idempotency, maintenance
from keyadmin.operations.usage import roll_up
from tests.factories import KeyFactory

type Command = Callable[..., str]


@pytest.fixture
def used(northwind: Organisation) -> None:
    """A key that was called yesterday, and very long ago."""
    key = KeyFactory.create(organisation=northwind)
    for days in (1, 4_000):
        hour = timezone.now() - timedelta(days=days)
        UsageHour.objects.create(key_id=key.id, hour=hour, outcome=CallOutcome.OK, count=1)


def test_usage_is_added_up_and_pruned(command: Command, used: None) -> None:
    assert json.loads(command("prune_usage", "--json")) == {"removed": {"usage_hour": 1}}
    assert command("prune_usage") == "No usage is older than its retention.\n"
    told = json.loads(command("roll_up_usage", "--json"))
    assert told["hours_until"].endswith(":00:00Z")
    day = (timezone.now() - timedelta(days=2)).date()
    assert command("roll_up_usage", "--again-from", str(day)).startswith("Added up until ")
    for wrong in ("20270301", "2027-02-30", "yesterday"):
        with pytest.raises(CommandError, match="is not a day"):
            command("roll_up_usage", "--again-from", wrong)


def test_maintenance_runs_each_task_when_it_is_due(command: Command, used: None) -> None:
    assert command("run_maintenance") == "prune_usage: usage_hour 1\n"
    built_at = ReviewBuild.objects.get().at
    assert UsageRollUp.objects.exists()
    assert Event.objects.get().type == "usage.pruned"
    assert json.loads(command("run_maintenance", "--json")) == {}
    MaintenanceRun.objects.filter(task="build_review").update(succeeded_at=timezone.now() - timedelta(hours=1))
    assert json.loads(command("run_maintenance", "--json")) == {"build_review": ""}
    assert ReviewBuild.objects.get().at > built_at
    assert set(json.loads(command("run_maintenance", "--all", "--json"))) == {task.name for task in maintenance.TASKS}


def test_idempotency_records_are_deleted_after_a_month(command: Command) -> None:
    month = timezone.now() - idempotency.RETENTION
    for key in ("old", "new"):
        IdempotencyRecord.objects.create(actor_id=UUID(int=1), idempotency_key=key, result_id="x")
    IdempotencyRecord.objects.filter(idempotency_key="old").update(created_at=month)
    assert command("run_maintenance") == "delete_idempotency_records: 1\n"
    assert IdempotencyRecord.objects.get().idempotency_key == "new"


def test_expired_sessions_are_removed(command: Command) -> None:
    for key, days in (("a" * 32, -1), ("b" * 32, 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=timezone.now() + timedelta(days=days))
    command("run_maintenance")
    assert Session.objects.get().session_key == "b" * 32


def test_failed_jobs_are_removed_after_a_month(command: Command) -> None:
    now = timezone.now()
    for failed_at in (None, now - timedelta(days=29), now - timedelta(days=31)):
        OutboxJob.objects.create(kind="x", payload={}, expires_at=now, failed_at=failed_at)
    assert command("run_maintenance") == "clean_outbox: 1\n"
    assert OutboxJob.objects.count() == 2


def test_failing_task_does_not_keep_the_others_from_running(
    command: Command, used: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down() -> None:
        raise RuntimeError

    monkeypatch.setattr(roll_up, "roll_up", break_down)
    with pytest.raises(CommandError, match="roll_up_usage: RuntimeError") as failed:
        command("run_maintenance")
    assert failed.value.returncode == 1
    assert ReviewBuild.objects.exists()
    assert not MaintenanceRun.objects.filter(task="roll_up_usage").exists(), "it is still due"


@contextmanager
def advisory_lock(number: int) -> Iterator[None]:
    """The lock is held by another session."""
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [number])
        yield
        other.execute("SELECT pg_advisory_unlock(%s)", [number])


def test_task_that_another_process_is_running_is_left_to_it(command: Command, used: None) -> None:
    with advisory_lock(roll_up.ROLL_UP_LOCK_ID):
        printed = command("run_maintenance")
    assert printed.splitlines() == [
        "prune_usage: usage_hour 1",
        "roll_up_usage: Usage is already being summed. Try again later.",
    ]


def test_maintenance_runs_in_one_process_at_a_time(command: Command, used: None) -> None:
    with (
        advisory_lock(maintenance.MAINTENANCE_LOCK_ID),
        pytest.raises(CommandError, match="Another process is running maintenance") as failed,
    ):
        command("run_maintenance")
    assert failed.value.returncode == 5
    assert not MaintenanceRun.objects.exists()
