"""Sign-in with a password, for pages and API: the check of the password, and the rate limit of failures.

Failures are counted by client address, and by client address and account together. With a count by account alone, an
attacker could lock the owner of the account out.

The limits are those of django-allauth. Its adapter needs the HTTP request.
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
    """allauth's adapter, with the client address as keyadmin determines it."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client's address. Clients whose address cannot be determined share one limit."""
        return client_ip(request.META, conf.trusted_proxies) or _UNKNOWN_ADDRESS

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """The active person with these credentials, or None. Raises ValidationError after too many failures.

        Takes the same time for unknown and known accounts. allauth's method would not count the failures of a
        deactivated person with the right password.
        """
        self.pre_authenticate(request, **credentials)
        user = authenticate(request, **credentials)
        AuthenticationBackend.unstash_authenticated_user()
        if user is None:
            self.authentication_failed(request, **credentials)
        else:
            self._rollback_login_failed_rl_usage()
        return user

    def seconds_left(self, request: HttpRequest, **credentials: Any) -> int:
        """Seconds until the account of these credentials can be tried again, at least 1."""
        return seconds_left(request, self._get_login_attempts_cache_key(request, **credentials))

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        login = str(credentials.get("email", "")).strip().lower()
        return f"{ratelimit.get_ip(request)} {login}"


def seconds_left(request: HttpRequest, key: str | None = None) -> int:
    """Seconds until no limit denies this request any more, at least 1. `key` is allauth's cache key of the account."""
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
