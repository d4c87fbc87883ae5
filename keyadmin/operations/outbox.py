"""The outbox: background jobs that survive a restart.

An operation adds a job as a row in its own transaction, so that the job exists if and only if the operation is
committed. `keyadmin worker` claims jobs with `FOR UPDATE SKIP LOCKED` and runs them.

No library is used. Django's task backends keep tasks in memory or run them immediately. `django-tasks-db` does not
recover a task whose worker was killed. Celery and similar systems need a broker, which is not part of the database's
transactions.

**Delivery is at least once.** A claim gives a job to one worker for CLAIM_SECONDS. If the worker is killed, the claim
expires and another worker takes the job. So a handler must tolerate that a job runs twice.

**Long jobs.** A handler returns after a few seconds even if work is left. The job is then due again, after the jobs
that are due by now, so that a long job does not keep mails waiting.

**Retries.** If a handler raises, the job is due again after a delay, which doubles from FIRST_RETRY_SECONDS to
MAX_RETRY_SECONDS. After its `expires_at` the job is not tried again: the failure is logged and counted in the metrics,
and the row is kept for FAILED_JOB_RETENTION without its payload.

**Secrets.** A payload contains no secret. For a mail with a password link, it contains the person's id and a keyed
digest of the state for which the link was requested (`passwords.state_of`). The worker creates the link when it sends
the mail, if the state is still the same: a link that has been used or replaced is not created again. The link cannot be
created from the table or a backup alone, because that also needs DJANGO_SECRET_KEY.
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

#: Must be longer than a handler takes. The time-out for each step of sending a mail is 20 seconds.
CLAIM_SECONDS: Final = 300
#: For kinds of jobs whose handler returns after a few seconds and is called again, so that the work of a killed worker
#: goes on soon.
SHORT_CLAIM_SECONDS: Final = 60
_SHORT_CLAIMS: Final = [JobKind.BULK_REVOCATION.value]
FIRST_RETRY_SECONDS: Final = 15
MAX_RETRY_SECONDS: Final = 3600
FAILED_JOB_RETENTION: Final = timedelta(days=30)
#: The row of a worker is deleted if the worker was not seen for this time.
WORKER_RETENTION: Final = timedelta(days=7)
#: Mail backends of Django that do not send mails.
_NON_SENDING_BACKENDS: Final = {f"django.core.mail.backends.{name}.EmailBackend" for name in ("console", "dummy")}


class ClaimedJob(NamedTuple):
    """A job that this process has claimed. `has_expired`: if it fails now, it must not be tried again."""

    id: int
    kind: str
    payload: dict[str, Any]
    attempts: int
    claim: UUID
    has_expired: bool


def enqueue(kind: JobKind, payload: Mapping[str, Any], *, expires_in: timedelta) -> None:
    """Add a job, which expires after `expires_in`. It exists if and only if the current transaction is committed.

    `payload` has JSON values. Raises RuntimeError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("A job is added in the transaction of the operation that needs it.")
    with connection.cursor() as cursor:
        seconds = expires_in.total_seconds()
        values: dict[str, Any] = {"kind": kind.value, "payload": json.dumps(payload), "seconds": seconds}
        cursor.execute(_ENQUEUE, values)


def claim() -> ClaimedJob | None:
    """Claim the job that has been due for the longest time; None if no job is due. Call it outside a transaction."""
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        connection.connection.cursor(row_factory=kwargs_row(_claimed_job)) as cursor,
    ):
        values = {"seconds": CLAIM_SECONDS, "short_seconds": SHORT_CLAIM_SECONDS, "short_kinds": _SHORT_CLAIMS}
        job: ClaimedJob | None = cursor.execute(_CLAIM, values).fetchone()
    return job


def complete(job: ClaimedJob) -> None:
    """Delete a job that is done, unless another worker has claimed it since."""
    OutboxJob.objects.filter(id=job.id, claim=job.claim).delete()


def continue_later(job: ClaimedJob) -> None:
    """Make a job due again, behind the jobs that are due now, because work is left and nothing has failed."""
    with connection.cursor() as cursor:
        cursor.execute(_CONTINUE, {"id": job.id, "claim": job.claim})


def retry(job: ClaimedJob, error: str) -> None:
    """Make a job due again after a delay that grows with its attempts. `error` is the type of the exception."""
    seconds = min(FIRST_RETRY_SECONDS * 2 ** min(job.attempts - 1, 20), MAX_RETRY_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute(_RETRY, {"id": job.id, "claim": job.claim, "seconds": seconds, "error": error[:100]})


def fail(job: ClaimedJob) -> None:
    """Mark a job as failed, and remove its payload. It is not tried again."""
    with connection.cursor() as cursor:
        cursor.execute(_FAIL, {"id": job.id, "claim": job.claim})


def has_mail_server() -> bool:
    """Whether mails are sent. Without a mail server, people copy links from pages."""
    return settings.MAILERS["default"]["BACKEND"] not in _NON_SENDING_BACKENDS


def remove_old() -> int:
    """Delete failed jobs and ended workers whose retention is over. Returns the number of deleted jobs."""
    WorkerProcess.objects.filter(seen_at__lt=Now() - WORKER_RETENTION).delete()
    return OutboxJob.objects.filter(failed_at__lt=Now() - FAILED_JOB_RETENTION).delete()[0]


def record_worker(name: str) -> None:
    """Save that the worker process is alive. `name` is its host name and process id."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORD_WORKER, {"name": name})


def remove_worker(name: str) -> None:
    """Delete the row of a worker that has been stopped."""
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
    SET due_at = clock_timestamp() + make_interval(
            secs => CASE WHEN kind = ANY(%(short_kinds)s) THEN %(short_seconds)s ELSE %(seconds)s END
        ),
        attempts = attempts + 1, claim = gen_random_uuid()
    WHERE id = (
        SELECT id FROM outbox_job
        WHERE due_at <= clock_timestamp() AND failed_at IS NULL
        ORDER BY due_at, id
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    )
    RETURNING id, kind, payload::text, attempts, claim, expires_at <= clock_timestamp() AS has_expired
"""
_CONTINUE: Final = """
    UPDATE outbox_job SET due_at = clock_timestamp(), claim = NULL, attempts = 0
    WHERE id = %(id)s AND claim = %(claim)s
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
