"""Retry a change that waited too long for a lock, so that clients that write at once do not fail each other.

A change waits one second for its locks. A lock may be held much longer, and requests share the threads of a process:
so at most a quarter of the threads retry, for RETRY_SECONDS.
"""

import os
from collections.abc import Callable
from threading import BoundedSemaphore
from time import monotonic
from typing import Final

from django.http import HttpResponse

#: Seconds after the first try in which another try may begin.
RETRY_SECONDS: Final = 3.0


class LockTimeoutResponse(HttpResponse):
    """The response to an operation that changed nothing after it had waited too long for a lock."""


class LockTimeoutRetry:
    """The retries of one process: at most `max_concurrent` at once."""

    def __init__(self, max_concurrent: int) -> None:
        self._max_concurrent = max_concurrent
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._slots = BoundedSemaphore(self._max_concurrent)

    def on_lock_timeout(self, respond: Callable[[], HttpResponse]) -> HttpResponse:
        """Return the response of `respond`, which changes everything or nothing; retry it after a lock timeout."""
        started, response = monotonic(), respond()
        while (
            isinstance(response, LockTimeoutResponse)
            and monotonic() - started < RETRY_SECONDS
            and self._slots.acquire(blocking=False)
        ):
            try:
                response = respond()
            finally:
                self._slots.release()
        return response
