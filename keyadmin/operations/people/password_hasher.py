"""Argon2id for people's passwords: in at most half of the threads of a process, and one hash at a time.

One hash takes 100 MiB and a tenth of a second of several processors. Django's hasher has no limit: a flood of sign-ins
would take threads and processors away from calls. The thread that hashes has a low priority, which the threads that
Argon2 starts inherit.
"""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.contrib.auth.hashers import Argon2PasswordHasher
from django.utils.translation import gettext

from keyadmin.conf import conf
from keyadmin.core.errors import BusyError

#: Seconds that a thread waits for its turn.
MAX_WAIT_SECONDS: Final = 2.0
_NICENESS: Final = 10
_RETRY_SECONDS: Final = 2


class HashingThread:
    """The thread of this process that hashes passwords, one after another."""

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0
        self._executor = ThreadPoolExecutor(1, "password-hasher", _lower_priority)

    def run[Result](self, hash_password: Callable[[], Result]) -> Result:
        """The result of the function. Raises BusyError if too many threads wait, or if its turn does not come."""
        with self._lock:
            if self._waiting >= max(1, conf.threads // 2):
                raise _busy()
            self._waiting += 1
        try:
            future = self._executor.submit(hash_password)
            try:
                return future.result(MAX_WAIT_SECONDS)
            except TimeoutError:
                if future.cancel():
                    raise _busy() from None
                return future.result()  # it has begun
        finally:
            with self._lock:
                self._waiting -= 1


class BoundedArgon2PasswordHasher(Argon2PasswordHasher):
    """Django's hasher. `encode` and `verify` raise BusyError when there is no room."""

    def encode(self, password: str, salt: str) -> str:
        encode = super().encode
        return str(hashing_thread.run(lambda: encode(password, salt)))

    def verify(self, password: str, encoded: str) -> bool:
        verify = super().verify
        return bool(hashing_thread.run(lambda: verify(password, encoded)))


def _lower_priority() -> None:
    if sys.platform == "linux":  # elsewhere a process has one priority for all its threads
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _busy() -> BusyError:
    return BusyError(gettext("Many people are signing in at the moment. Try again in a few seconds."), _RETRY_SECONDS)


hashing_thread: Final = HashingThread()
