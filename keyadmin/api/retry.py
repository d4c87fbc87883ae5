"""Who was held up by others' changes is tried again, so that clients who write at once do not fail each other.

A change waits for a second; then it has not happened. Somebody may hold what it waits for much longer, and calls
share the threads: so at most a quarter of them try again, and only for so long.
"""

from collections.abc import Callable
from threading import BoundedSemaphore
from time import monotonic
from typing import Final

from django.http import HttpResponse

from keyadmin.conf import conf

#: Seconds after the first try in which another one is begun.
LONGEST: Final = 3.0

_slots = BoundedSemaphore(max(1, conf.threads // 4))


def patiently(answer: Callable[[], HttpResponse]) -> HttpResponse:
    """The answer to a request that changes all or nothing, so that it can be tried again."""
    began, response = monotonic(), answer()
    while _is_held_up(response) and monotonic() - began < LONGEST and _slots.acquire(blocking=False):
        try:
            response = answer()
        finally:
            _slots.release()
    return response


def _is_held_up(response: HttpResponse) -> bool:
    return getattr(response, "is_held_up", False)
