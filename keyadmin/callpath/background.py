"""Background threads that survive errors."""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger("keyadmin.background")


class PeriodicThread:
    """Runs `task` every `interval` seconds in a daemon thread. An exception is logged, and the next run takes place."""

    def __init__(self, name: str, interval: float, task: Callable[[], None]) -> None:
        self.name = name
        self._interval = interval
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
            pause.wait(self._interval)
            try:
                self._task()
            except Exception:
                log.exception("background task failed", thread=self.name)
