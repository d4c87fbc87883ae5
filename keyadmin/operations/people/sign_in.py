"""Password sign-in for pages and API: one check of the password, and the limits of failures.

Failures are counted by address, and by address and account together, with the limits of django-allauth, whose adapter
needs the HTTP request; pages and API both use this subclass. `throttle` counts them by account across addresses.
"""

import math
import time
from contextlib import suppress
from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core.internal import ratelimit
from django.contrib.auth import authenticate
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.cache import cache
from django.http import HttpRequest

from keyadmin.callpath.state import state
from keyadmin.conf import conf
from keyadmin.core.email_address import EmailAddressError, normal_form
from keyadmin.core.errors import BusyError
from keyadmin.operations.people import notices, throttle

_ACTIONS: Final = ("login_failed",)
_APP: Final = "allauth.account"
_UNKNOWN_ADDRESS: Final = "unknown"


class SignInAdapter(DefaultAccountAdapter):
    """allauth's adapter, with the client address as keyadmin determines it."""

    #: Seconds that the account, or the known browser, has to wait.
    _account_wait = 0
    #: What `throttle` counts for this attempt.
    _subject = b""

    def get_client_ip(self, request: HttpRequest) -> str:
        return state.client_addresses.find_text(request.META) or _UNKNOWN_ADDRESS

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the attempt. Raises ValidationError if a limit is reached.

        A browser in which this person signed in before has a count of its own, which no other client can use up.
        Clients without a known address share no limit.
        """
        email = str(credentials.get("email", ""))
        device = throttle.known_device(request.COOKIES.get(conf.device_cookie_name, ""), email)
        if not device and self.get_client_ip(request) != _UNKNOWN_ADDRESS:
            super().pre_authenticate(request, **credentials)
        self._subject = throttle.subject_of("browser", device) if device else throttle.subject_of("account", email)
        self._account_wait, failures = throttle.count_guess(self._subject)
        if self._account_wait:
            raise self.validation_error("too_many_login_attempts")
        if failures == throttle.FREE_FAILURES and not device:
            notices.queue_failed_sign_ins(email)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """The active person with these credentials, or None.

        Raises ValidationError after too many failures, and BusyError while too many people sign in.
        Takes the same time for unknown and known accounts. allauth's method would not count the failures of a
        deactivated person with the right password.
        """
        with suppress(EmailAddressError):
            credentials["email"] = normal_form(str(credentials.get("email", "")))
        self.pre_authenticate(request, **credentials)
        try:
            user = authenticate(request, **credentials)
        except BusyError:  # the password was not checked, so this is no failure
            throttle.undo_guess(self._subject)
            if getattr(self, "_login_failed_rl_usage", None):
                self._rollback_login_failed_rl_usage()
            raise
        AuthenticationBackend.unstash_authenticated_user()
        if user is None:
            self.authentication_failed(request, **credentials)
        else:
            throttle.forget(self._subject)
            if getattr(self, "_login_failed_rl_usage", None):
                self._rollback_login_failed_rl_usage()
        return user

    def seconds_left(self, request: HttpRequest, **credentials: Any) -> int:
        """Seconds until these credentials can be tried again; at least 1."""
        if self._account_wait:
            return self._account_wait
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
