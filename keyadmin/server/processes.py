"""What the processes of a server need of the system: an end with their parent, and room for connections.

Without the former, the workers of a server whose parent was killed would go on deciding calls, with its code and its
secrets, beside the next server. granian's workers notice nothing; gunicorn's finish their requests first, however long
these take. PR_SET_PDEATHSIG exists on Linux only, and is sent when the *thread* ends that has created the process.
"""

import multiprocessing
import os
import resource
import signal
from time import monotonic
from typing import Final

import structlog

from keyadmin.callpath.background import PeriodicThread

log = structlog.get_logger("keyadmin.server")

#: Seconds after the end of the parent in which the process ends.
END_SECONDS: Final = 5.0
#: The process id of `keyadmin run`, for the processes that it starts.
VARIABLE: Final = "KEYADMIN_RUNNER_PID"
_POLL_SECONDS: Final = 0.25
_OPEN_FILES: Final = 16_384


class ParentWatch:
    """Sends SIGTERM to this process when its parent has ended, and kills it if it does not end by itself."""

    def __init__(self, parent_pid: int) -> None:
        self._parent_pid = parent_pid
        self._kill_at: float | None = None

    def check(self) -> None:
        if os.getppid() == self._parent_pid:
            return
        if self._kill_at is None:
            self._kill_at = monotonic() + END_SECONDS - 12 * _POLL_SECONDS
            log.warning("the parent process has ended; this process ends as well")
            os.kill(os.getpid(), signal.SIGTERM)
        elif monotonic() > self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def allow_many_connections() -> None:
    """Raise the limit of open files, of which a connection is one. 1,024 is the usual soft limit, and a thousand idle
    clients would leave no room for the connections to the database.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def end_with(parent_pid: int) -> None:
    """End this process within END_SECONDS of the end of its parent."""
    PeriodicThread("parent-watch", _POLL_SECONDS, ParentWatch(parent_pid).check).start()


def end_with_granian() -> None:
    """In a worker of granian, end it with granian. Does nothing in another process that imports the application."""
    if (granian := multiprocessing.parent_process()) is not None and granian.pid is not None:
        end_with(granian.pid)


def end_with_runner() -> None:
    """In a process that `keyadmin run` has started, end it with `keyadmin run`."""
    pid = os.environ.pop(VARIABLE, "")
    if pid.isdecimal():
        end_with(int(pid))
