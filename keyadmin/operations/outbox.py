"""The outbox: work that must survive a restart is a row, written in the transaction of the operation that needs it.

`keyadmin worker` claims the rows. PostgreSQL does the hard part (`FOR UPDATE SKIP LOCKED`). No library is used:
Django's own task backends keep tasks in memory or run them at once, `django-tasks-db` does not recover a task whose
worker was killed, and Celery and its like need a broker beside the database, which cannot share its transactions.

**Delivery is at least once.** A claim gives a job to one worker for CLAIM_SECONDS. If the worker is killed, the claim
expires and another worker takes the job. A handler must therefore tolerate a second run of the same job.

**Retries.** A job that raises is due again after a delay that doubles from FIRST_RETRY_SECONDS to MAX_RETRY_SECONDS,
until the job's own `expires_at`. Then it fails for good: it is logged, counted in the metrics, and kept for
FAILED_JOBS_KEPT without its payload.

**Secrets.** A payload holds no secret. A mail with a password link is sent from the person's id and a keyed digest of
the state for which the link was requested (`passwords.state_of`). The worker makes the link when it sends the mail, and
only if the state is still the same: a link that was used or replaced in the meantime is not made again. The table,
or a backup of it, does not suffice to make the link: that takes DJANGO_SECRET_KEY. The row is deleted when the job is
done.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from psycopg.rows import kwargs_row

from keyadmin.models.outbox import JobKind, OutboxJob, WorkerProcess

#: Longer than any handler may take: mail servers are given 20 seconds for each step.
CLAIM_SECONDS: Final = 300
FIRST_RETRY_SECONDS: Final = 15
MAX_RETRY_SECONDS: Final = 3600
FAILED_JOB_RETENTION: Final = timedelta(days=30)
#: A worker that was not seen for so long is forgotten.
WORKER_RETENTION: Final = timedelta(days=7)
#: Django's mail backends that send nothing.
_SENDS_NOTHING: Final = {f"django.core.mail.backends.{name}.EmailBackend" for name in ("console", "dummy")}


class ClaimedJob(NamedTuple):
    """A job that this process has claimed. `has_expired`: it must not be tried again."""

    id: int
    kind: str
    payload: dict[str, Any]
    attempts: int
    claim: UUID
    has_expired: bool


def enqueue(kind: JobKind, payload: Mapping[str, Any], *, expires_in: timedelta) -> None:
    """Add a job. It exists if and only if the current transaction commits.

    Raises RuntimeError outside a transaction: the job would not belong to the change that needs it.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A job is added in the transaction of the operation that needs it.")
    with connection.cursor() as cursor:
        seconds = expires_in.total_seconds()
        values: dict[str, Any] = {"kind": kind.value, "payload": json.dumps(payload), "seconds": seconds}
        cursor.execute(_ENQUEUE, values)


def claim() -> ClaimedJob | None:
    """Claim the job that has been due for the longest time; None if no job is due. Not within a transaction."""
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        connection.connection.cursor(row_factory=kwargs_row(_claimed_job)) as cursor,
    ):
        job: ClaimedJob | None = cursor.execute(_CLAIM, {"seconds": CLAIM_SECONDS}).fetchone()
    return job


def complete(job: ClaimedJob) -> None:
    """Delete a job that is done, unless another worker has claimed it since."""
    OutboxJob.objects.filter(id=job.id, claim=job.claim).delete()


def retry(job: ClaimedJob, error: str) -> None:
    """Make a job due again after a delay that grows with its attempts. `error` is the type of the exception."""
    seconds = min(FIRST_RETRY_SECONDS * 2 ** min(job.attempts - 1, 20), MAX_RETRY_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(_RETRY, {"id": job.id, "claim": job.claim, "seconds": seconds, "error": error[:100]})


def fail(job: ClaimedJob) -> None:
    """Give a job up. Its payload is removed."""
    with connection.cursor() as cursor:
        cursor.execute(_FAIL, {"id": job.id, "claim": job.claim})


def has_mail_server() -> bool:
    """Whether the mails of jobs reach people. Without a mail server, links are copied from the page."""
    return settings.MAILERS["default"]["BACKEND"] not in _SENDS_NOTHING


def remove_old() -> int:
    """Delete jobs that failed permanently before FAILED_JOBS_KEPT, and ended workers. Returns the number of jobs."""
    WorkerProcess.objects.filter(seen_at__lt=Now() - WORKER_RETENTION).delete()
    return OutboxJob.objects.filter(failed_at__lt=Now() - FAILED_JOB_RETENTION).delete()[0]


def record_worker(name: str) -> None:
    """Note that the worker is alive."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORD_WORKER, {"name": name})


def remove_worker(name: str) -> None:
    """Note that the worker has stopped by request."""
    WorkerProcess.objects.filter(name=name).delete()


def _claimed_job(*, payload: str, **columns: Any) -> ClaimedJob:
    return ClaimedJob(payload=json.loads(payload), **columns)


_ENQUEUE: Final = """
    INSERT INTO outbox_job (kind, payload, attempts, last_error, created_at, due_at, expires_at)
    SELECT %(kind)s, %(payload)s::jsonb, 0, '', now.at, now.at, now.at + make_interval(secs => %(seconds)s)
    FROM clock_timestamp() AS now (at)
"""
_CLAIM: Final = """
    UPDATE outbox_job
    SET due_at = clock_timestamp() + make_interval(secs => %(seconds)s), attempts = attempts + 1,
        claim = gen_random_uuid()
    WHERE id = (
        SELECT id FROM outbox_job
        WHERE due_at <= clock_timestamp() AND failed_at IS NULL
        ORDER BY due_at, id
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id, kind, payload::text, attempts, claim, expires_at <= clock_timestamp() AS has_expired
"""
_RETRY: Final = """
    UPDATE outbox_job
    SET due_at = clock_timestamp() + make_interval(secs => %(seconds)s), claim = NULL, last_error = %(error)s
    WHERE id = %(id)s AND claim = %(claim)s
"""
_FAIL: Final = """
    UPDATE outbox_job SET failed_at = clock_timestamp(), claim = NULL, payload = '{}'
    WHERE id = %(id)s AND claim = %(claim)s
"""
_RECORD_WORKER: Final = """
    INSERT INTO worker_process (name, started_at, seen_at) VALUES (%(name)s, clock_timestamp(), clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET seen_at = clock_timestamp()
"""
