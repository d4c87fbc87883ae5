"""Background threads that keep running after an error.

An exception of a run is logged, and the next run takes place. A thread that ends nevertheless is started again by the
other background threads of the process, and by `/readyz`. `/readyz` and `/metrics` show both.
"""

import os
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Final

import structlog

log = structlog.get_logger("keyadmin.background")

#: Seconds for which `/readyz` shows an error or a restart.
REPORT_SECONDS: Final = 60.0
#: Seconds after which a run that has not ended is reported, besides the thread's interval.
STALLED_SECONDS: Final = 30.0


class PeriodicThread:
    """Runs `task` every `interval_seconds` in a daemon thread. `may_stall`: one run may take any time."""

    def __init__(
        self, name: str, interval_seconds: float, task: Callable[[], None], *, may_stall: bool = False
    ) -> None:
        self.name = name
        self.failures = self.restarts = 0
        self._interval_seconds = interval_seconds
        self._task = task
        self._may_stall = may_stall
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._last_run = self._last_problem = -REPORT_SECONDS

    @property
    def is_started(self) -> bool:
        return self._thread is not None

    @property
    def is_dead(self) -> bool:
        """Whether the thread was started and has ended."""
        return self._thread is not None and not self._thread.is_alive()

    def start(self) -> None:
        """Starts the thread, and again after it has ended. Does nothing while it runs."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            if self._thread is not None:
                self.restarts += 1
                self._last_problem = monotonic()
            self._last_run = monotonic()
            thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            thread.start()
            is_restart, self._thread = self._thread is not None, thread
        background_threads.add(self)
        if is_restart:
            log.error("background thread ended and was started again", thread=self.name)

    def problem(self) -> str:
        """What is wrong with the thread, in one sentence; "" if nothing is."""
        now = monotonic()
        if self.is_dead:
            return f"{self.name} does not run."
        if not self._may_stall and self.is_started and now - self._last_run > self._interval_seconds + STALLED_SECONDS:
            return f"{self.name} has made no progress for {int(now - self._last_run)} seconds."
        if now - self._last_problem < REPORT_SECONDS:
            return f"{self.name} failed {int(now - self._last_problem)} seconds ago; see the log."
        return ""

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(self._interval_seconds)
            self._last_run = monotonic()
            try:
                self._task()
            except Exception:
                self.failures += 1
                self._last_problem = monotonic()
                log.exception("background task failed", thread=self.name)
            background_threads.restart_dead()


class BackgroundThreads:
    """The started threads of this process."""

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._threads: tuple[PeriodicThread, ...] = ()

    def __iter__(self) -> Iterator[PeriodicThread]:
        return iter(self._threads)

    def add(self, thread: PeriodicThread) -> None:
        if thread not in self._threads:
            self._threads = (*self._threads, thread)

    def restart_dead(self) -> None:
        for thread in self._threads:
            if thread.is_dead:
                try:
                    thread.start()
                except RuntimeError:  # the system has no room for another thread
                    log.exception("background thread cannot be started", thread=thread.name)

    def problems(self) -> str:
        """One sentence for each thread with a problem."""
        return " ".join(filter(None, (thread.problem() for thread in self._threads)))


background_threads: Final = BackgroundThreads()
