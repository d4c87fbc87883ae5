"""keyadmin's middleware with every check but the draw: no warm call asks the database, none is counted."""

from collections.abc import Callable
from typing import Any

from benchmarks.apps.guarded import *  # noqa: F403

MIDDLEWARE = ["benchmarks.apps.undrawn.undraw", "keyadmin.integrations.django.KeyMiddleware"]


def undraw(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    from keyadmin.callpath import limits

    drawn = limits.ConsumeResult(limits.ConsumeOutcome.DRAWN, 1, None)
    limits.draw = lambda snapshot, cost, address: drawn
    return get_response
