"""Maintenance: the tasks that must run regularly, and their intervals.

`keyadmin worker` runs the tasks that are due, again and again; `manage.py run_maintenance` runs them once. An advisory
lock makes sure that one process of all hosts runs maintenance at a time. If a task fails, the others still run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Final

import structlog
from django.conf import settings
from django.db import connection

from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError, OperationError
from keyadmin.models.outbox import MaintenanceRun
from keyadmin.operations import idempotency, locks, outbox, review
from keyadmin.operations.audit import database_time
from keyadmin.operations.keys import bulk_revocation, expiry_notices
from keyadmin.operations.people import attempts, throttle
from keyadmin.operations.usage import pruning, roll_up

log = structlog.get_logger("keyadmin.maintenance")

#: ID of the advisory lock: one process runs maintenance at a time.
MAINTENANCE_LOCK_ID: Final = 7_302_211


@dataclass(frozen=True, slots=True)
class Task:
    """A maintenance task. `run` returns a text about what it did, "" if there was nothing to do."""

    name: str
    interval: timedelta
    run: Callable[[Actor], str]


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a task did (`summary`), or why it failed (`error`)."""

    name: str
    summary: str = ""
    error: str = ""


def run(actor: Actor, *, only_due: bool = True) -> list[TaskResult]:
    """Run the tasks that are due, or all tasks. Raises ConflictError while another process runs maintenance."""
    with locks.advisory_lock(MAINTENANCE_LOCK_ID, "Another process is running maintenance. Try again later."):
        now = database_time()
        last_runs = dict(MaintenanceRun.objects.values_list("task", "succeeded_at"))
        results = []
        for task in TASKS:
            last_run = last_runs.get(task.name)
            if not only_due or last_run is None or last_run + task.interval <= now:
                results.append(_run_task(task, actor))
        return results


def _run_task(task: Task, actor: Actor) -> TaskResult:
    try:
        summary = task.run(actor)
    except ConflictError as conflict:  # another process runs this task by its own command
        return TaskResult(task.name, summary=str(conflict))
    except OperationError as error:
        return TaskResult(task.name, error=str(error) or type(error).__name__)
    except Exception as error:
        log.exception("maintenance task failed", task=task.name)
        return TaskResult(task.name, error=type(error).__name__)
    with connection.cursor() as cursor:
        cursor.execute(_RECORD_RUN, {"task": task.name})
    return TaskResult(task.name, summary)


def _prune_usage(actor: Actor) -> str:
    return ", ".join(f"{table} {rows}" for table, rows in pruning.prune(actor=actor).items())


def _roll_up_usage(actor: Actor) -> str:
    roll_up.roll_up()
    return ""


def _build_review(actor: Actor) -> str:
    review.build()
    return ""


def _clear_sessions(actor: Actor) -> str:
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    return ""


def _queue_expiry_notices(actor: Actor) -> str:
    return ", ".join(notice.person.email for notice in expiry_notices.queue_due())


TASKS: Final = (
    Task("prune_usage", timedelta(hours=1), _prune_usage),
    Task("delete_idempotency_records", timedelta(hours=1), lambda actor: str(idempotency.delete_expired() or "")),
    Task("record_attempts", timedelta(minutes=1), lambda actor: str(attempts.record_due(actor) or "")),
    Task("forget_attempts", timedelta(hours=1), lambda actor: str(throttle.remove_old() or "")),
    Task("roll_up_usage", timedelta(minutes=5), _roll_up_usage),
    # Takes minutes on an installation with many keys.
    Task("build_review", timedelta(hours=1), _build_review),
    Task("expiry_notices", timedelta(minutes=15), _queue_expiry_notices),
    Task("clear_sessions", timedelta(days=1), _clear_sessions),
    Task("delete_bulk_revocations", timedelta(days=1), lambda actor: str(bulk_revocation.delete_old() or "")),
    Task("clean_outbox", timedelta(days=1), lambda actor: str(outbox.remove_old() or "")),
)

_RECORD_RUN: Final = """
    INSERT INTO maintenance_run (task, succeeded_at) VALUES (%(task)s, clock_timestamp())
    ON CONFLICT (task) DO UPDATE SET succeeded_at = clock_timestamp()
"""
