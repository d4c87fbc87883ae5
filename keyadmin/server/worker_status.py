"""The state of background work, for `/readyz` and `/metrics`: read in one statement by the call path's connection."""

from typing import Final, NamedTuple

from psycopg.rows import class_row, scalar_row

from keyadmin.callpath.connection import DatabaseUnavailableError
from keyadmin.callpath.state import state
from keyadmin.models.outbox import WORKER_MISSING


class WorkerStatus(NamedTuple):
    """Ages in seconds, by the clock of the database; None where there is nothing to measure."""

    waiting_jobs: int
    oldest_job_age: float | None
    failed_jobs: int
    #: Time since the last report of any worker.
    worker_age: float | None
    #: Name of the maintenance task → Unix time of its last success.
    maintenance_runs: dict[str, float]


def read() -> WorkerStatus:
    """One statement within the deadline that `state.database.start_call()` has set.

    Raises DatabaseUnavailableError, also if the tables do not exist yet.
    """
    if state.database.fetch("SELECT to_regclass('outbox_job')::text", {}, scalar_row) == [None]:
        raise DatabaseUnavailableError
    return state.database.fetch(_STATUS, {}, class_row(WorkerStatus))[0]


def warning(status: WorkerStatus) -> str:
    """What is wrong with the workers, in one sentence or two; "" if nothing is.

    A process decides calls without a worker, so a missing worker does not make `/readyz` fail.
    """
    if status.worker_age is None:
        return f"No worker is running: {_ADVICE}"
    if status.worker_age > WORKER_MISSING.total_seconds():
        minutes = int(status.worker_age // 60)
        return f"No worker has reported for {minutes} minutes: {_ADVICE}"
    return ""


_ADVICE: Final = "background jobs and maintenance wait. Start `keyadmin worker`."
_STATUS: Final = """
    SELECT
        (SELECT count(*) FROM outbox_job WHERE failed_at IS NULL) AS waiting_jobs,
        (SELECT extract(epoch FROM clock_timestamp() - min(created_at))::float8
            FROM outbox_job WHERE failed_at IS NULL) AS oldest_job_age,
        (SELECT count(*) FROM outbox_job WHERE failed_at IS NOT NULL) AS failed_jobs,
        (SELECT extract(epoch FROM clock_timestamp() - max(seen_at))::float8 FROM worker_process) AS worker_age,
        (SELECT coalesce(jsonb_object_agg(task, extract(epoch FROM succeeded_at)), '{}') FROM maintenance_run)
            AS maintenance_runs
"""
