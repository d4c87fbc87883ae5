"""`keyadmin worker`: processes the jobs of the outbox and runs maintenance. Any number of them, on any hosts.

One thread processes jobs, one after another. Another one runs the maintenance tasks that are due, because some of them
take minutes. SIGTERM and SIGINT stop the process when the job under way is done; a maintenance task under way is cut
off, and its transaction is rolled back. `kill -9` loses nothing: see operations/outbox.py.
"""

import os
import signal
import socket
import threading
import time
from types import FrameType
from typing import Final

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from keyadmin.callpath.background import PeriodicThread, background_threads
from keyadmin.core.errors import ConflictError
from keyadmin.operations import maintenance, outbox
from keyadmin.server import jobs

log = structlog.get_logger("keyadmin.worker")

POLL_SECONDS: Final = 1.0
#: Seconds between two reports that the worker is alive.
HEARTBEAT_SECONDS: Final = 15.0
#: Seconds between two checks for maintenance tasks that are due.
MAINTENANCE_POLL_SECONDS: Final = 10.0
_RETRY_CONNECTION_SECONDS: Final = 5.0


def name_of(process_id: int) -> str:
    """The name of a worker of this host in the table of workers."""
    return f"{socket.gethostname()}:{process_id}"


class Worker:
    """One worker process. `run` returns after SIGTERM or SIGINT."""

    def __init__(self) -> None:
        self.name = name_of(os.getpid())
        self._stopping = threading.Event()
        self._maintenance = PeriodicThread("maintenance", MAINTENANCE_POLL_SECONDS, run_due_maintenance, may_stall=True)
        self._next_heartbeat = 0.0

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request_stop)
        self._maintenance.start()
        try:
            while not self._stopping.is_set():
                self._stopping.wait(self._step())
        finally:
            self._unregister()

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping.set()

    def _step(self) -> float:
        """Process at most one job. Returns the seconds to wait before the next step."""
        try:
            close_old_connections()
            background_threads.restart_dead()
            # A worker whose maintenance thread is dead stops reporting, so that `/readyz` warns.
            if time.monotonic() >= self._next_heartbeat and not self._maintenance.is_dead:
                outbox.record_worker(self.name)
                self._next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
            return 0.0 if process_next_job() else POLL_SECONDS
        except (DatabaseError, InterfaceError) as error:
            log.warning("the database does not answer", error=type(error).__name__)
        except Exception:
            log.exception("the worker failed and continues")
        connection.close()
        return _RETRY_CONNECTION_SECONDS

    def _unregister(self) -> None:
        try:
            outbox.remove_worker(self.name)
        except (DatabaseError, InterfaceError) as error:
            log.warning("the database does not answer", error=type(error).__name__)


def process_next_job() -> bool:
    """Claim and process one job. Returns False if no job is due. Raises DatabaseError; other errors are retried."""
    job = outbox.claim()
    if job is None:
        return False
    if job.has_expired:
        log.error("job failed permanently", job=job.id, kind=job.kind, attempts=job.attempts - 1)
        outbox.fail(job)
        return True
    try:
        is_work_left = jobs.HANDLERS[job.kind](job.payload)
    except (DatabaseError, InterfaceError):
        raise  # the claim expires, and the job is taken again
    except Exception as error:
        # The message may hold an address, and the traceback a link. KeyError: a newer release has added the kind.
        name = type(error).__name__
        log.warning("job failed and will be retried", job=job.id, kind=job.kind, attempts=job.attempts, error=name)
        outbox.retry(job, name)
    else:
        (outbox.continue_later if is_work_left else outbox.complete)(job)
    return True


def run_due_maintenance() -> None:
    """Run the maintenance tasks that are due, unless another process is doing so."""
    close_old_connections()
    try:
        results = maintenance.run(jobs.WORKER)
    except ConflictError:
        return
    except (DatabaseError, InterfaceError) as error:
        log.warning("maintenance: the database does not answer", error=type(error).__name__)
        connection.close()
        return
    for result in results:
        if result.error:
            log.error("maintenance task failed", task=result.name, error=result.error)
        elif result.summary:
            log.info("maintenance task done", task=result.name, summary=result.summary)
