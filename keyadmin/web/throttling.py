"""How long somebody who has tried too often must wait.

Failed sign-ins are counted by address, and by address and account together: counting by account alone would let
anybody lock its owner out.
"""

import math
import time
from typing import Final

from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

_ACTIONS: Final = ("login", "login_failed", "reset_password", "reset_password_from_key")
_APP: Final = "allauth.account"


def account_key(address: str, login: str) -> str:
    """What failures of one account from one address are counted by."""
    return f"{address} {login.strip().lower()}"


def seconds_left(request: HttpRequest, key: str | None = None) -> int:
    """Until the first of the limits that this request has reached lets it through again; at least 1."""
    now = time.time()
    waits = [1.0]
    for action in _ACTIONS:
        for rate in ratelimit.get_rates(app=_APP, action=action):
            if rate.per == "user" or (rate.per == "key" and key is None):
                continue
            name = ratelimit.get_cache_key(request, app=_APP, action=action, rate=rate, key=key)
            hits: list[float] = cache.get(name, [])  # newest first
            if len(hits) >= rate.amount:
                waits.append(hits[rate.amount - 1] + rate.duration - now)
    return math.ceil(max(waits))
