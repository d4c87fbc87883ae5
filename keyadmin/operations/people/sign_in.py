"""Who signs in, by either door: one check of the password, and one count of failures.

Failures are counted by address, and by address and account together: counting by account alone would let anybody
lock its owner out.
"""

import math
import time
from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core.internal import ratelimit
from django.contrib.auth import authenticate
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.cache import cache
from django.http import HttpRequest

from keyadmin.conf import conf
from keyadmin.core.request_origin import client_ip

_ACTIONS: Final = ("login", "login_failed", "reset_password", "reset_password_from_key")
_APP: Final = "allauth.account"
_UNKNOWN_ADDRESS: Final = "unknown"


class SignInAdapter(DefaultAccountAdapter):
    """`authenticate` raises ValidationError for who has failed too often, and else takes the same time for all."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """People whose address cannot be told share their limits."""
        return client_ip(request.META, conf.trusted_proxies) or _UNKNOWN_ADDRESS

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """The library's own would let a deactivated person who knows the password past the count of failures."""
        self.pre_authenticate(request, **credentials)
        user = authenticate(request, **credentials)
        AuthenticationBackend.unstash_authenticated_user()
        if user is None:
            self.authentication_failed(request, **credentials)
        else:
            self._rollback_login_failed_rl_usage()
        return user

    def seconds_left(self, request: HttpRequest, **credentials: Any) -> int:
        """Until who has failed too often may try again; at least 1."""
        return seconds_left(request, self._get_login_attempts_cache_key(request, **credentials))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        login = str(credentials.get("email", "")).strip().lower()
        return f"{ratelimit.get_ip(request)} {login}"


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
