"""keyadmin's middleware with every check but consumption: a warm call sends no statement, and is not counted."""

from collections.abc import Callable
from typing import Any

from benchmarks.apps.guarded import *  # noqa: F403

MIDDLEWARE = ["benchmarks.apps.without_consume.skip_consume", "keyadmin.integrations.django.KeyMiddleware"]


def skip_consume(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    from keyadmin.callpath.limits import ConsumeOutcome, ConsumeResult
    from keyadmin.callpath.state import state

    result = ConsumeResult(ConsumeOutcome.CONSUMED, 1, None)
    state.limits.consume = lambda *_: result  # type: ignore[method-assign]
    return get_response
