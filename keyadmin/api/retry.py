"""Retry of changes that waited too long for a lock, so that clients that write at the same time both succeed.

A change waits one second for its locks. A lock may be held much longer, and a retry occupies a thread of the process.
Therefore at most a quarter of the threads retry, for RETRY_SECONDS.
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

    def run(self, respond: Callable[[], HttpResponse]) -> HttpResponse:
        """Return the response of `respond`, which is called again after a lock timeout. A timeout changes nothing."""
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
