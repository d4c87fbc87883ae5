"""A circuit breaker for PostgreSQL: after a failure, calls are denied at once instead of waiting for a time-out.

After a failure it is open for OPEN_SECONDS. Then one statement is sent as a trial, and all others are denied until the
trial has succeeded. The pages' database backend uses the same breaker.

No library is used: those count several failures of one function before they open, while one failure of PostgreSQL
concerns all statements of the process.
"""

from threading import Lock
from time import monotonic
from typing import Final

import structlog

log = structlog.get_logger("keyadmin.callpath")

#: Seconds after a failure in which no statement is sent.
OPEN_SECONDS: Final = 0.5
#: Seconds after which another trial may start, if the last one has recorded neither success nor failure.
TRIAL_SECONDS: Final = 2.0


class CircuitBreaker:
    """Closed while PostgreSQL answers. After `allow_request` returned True, record a success or a failure."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._has_failed = False
        self._open_until = 0.0

    def record_failure(self, reason: str = "") -> None:
        """Opens the breaker, because the server did not answer. `reason` is for the log."""
        with self._lock:
            was_closed = not self._has_failed
            self._has_failed, self._open_until = True, monotonic() + OPEN_SECONDS
        if was_closed:
            log.warning("circuit breaker opened: PostgreSQL does not answer", reason=reason)

    def record_success(self) -> None:
        """Closes the breaker, because the server answered."""
        if not self._has_failed:
            return
        with self._lock:
            has_closed, self._has_failed = self._has_failed, False
        if has_closed:
            log.warning("circuit breaker closed: PostgreSQL answers again")

    def allow_request(self) -> bool:
        """Whether to send a statement now. After a failure, True starts a trial."""
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
