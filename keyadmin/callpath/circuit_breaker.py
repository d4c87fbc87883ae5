"""A circuit breaker for PostgreSQL: after a failure, calls are denied at once instead of waiting for a time-out.

It opens for OPEN_SECONDS. Then one caller tries, and the others are denied until that trial has succeeded. The pages'
database backend shares it. Libraries count failures per function; one failure of this server concerns every caller.
"""

from threading import Lock
from time import monotonic
from typing import Final

#: Seconds for which no request is allowed after a failure.
OPEN_SECONDS: Final = 0.5
#: Seconds after which a trial that reported neither success nor failure is given up, and another one is allowed.
TRIAL_SECONDS: Final = 2.0


class CircuitBreaker:
    """Closed while the server answers. A caller that was allowed must record a success or a failure."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._has_failed = False
        self._open_until = 0.0

    def record_failure(self) -> None:
        """The server did not answer: opens the breaker."""
        with self._lock:
            self._has_failed, self._open_until = True, monotonic() + OPEN_SECONDS

    def record_success(self) -> None:
        """The server answered: closes the breaker."""
        if self._has_failed:
            self._has_failed = False

    def allow_request(self) -> bool:
        """Whether to send a statement now. While open, True is the answer for a trial only."""
        if not self._has_failed:
            return True
        with self._lock:
            now = monotonic()
            if now < self._open_until:
                return False
            self._open_until = now + TRIAL_SECONDS
        return True

    def is_open(self) -> bool:
        """Whether requests are denied now, because of a failure or a trial in progress. Starts no trial."""
        return self._has_failed and monotonic() < self._open_until
