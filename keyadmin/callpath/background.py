"""Background threads that keep running after an error."""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger("keyadmin.background")


class PeriodicThread:
    """Runs `task` every `interval_seconds` in a daemon thread. An exception is logged and the thread continues."""

    def __init__(self, name: str, interval_seconds: float, task: Callable[[], None]) -> None:
        self.name = name
        self._interval_seconds = interval_seconds
        self._task = task
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def is_started(self) -> bool:
        return self._thread is not None

    @property
    def is_dead(self) -> bool:
        """Whether the thread was started and has ended."""
        return self._thread is not None and not self._thread.is_alive()

    def start(self) -> None:
        """Starts the thread. A second call does nothing."""
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                thread.start()
                self._thread = thread

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(self._interval_seconds)
            try:
                self._task()
            except Exception:
                log.exception("background task failed", thread=self.name)
