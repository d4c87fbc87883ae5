"""Headers of every response of the API."""

from collections.abc import Callable
from time import monotonic

from django.http import HttpRequest, HttpResponseBase

from keyadmin.conf import conf
from keyadmin.core.callers import Caller, current_call
from keyadmin.core.headers import rate_limit


class ApiMiddleware:
    """Add Cache-Control, and RateLimit for a key, to responses under the API prefix.

    It authorises nothing: `api.auth.Authenticator` does. RequestMiddleware adds X-Request-Id.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(conf.api_prefix):
            return self.get_response(request)
        request.META["keyadmin.received_at"] = monotonic()  # resources/verify.py has a deadline
        previous = current_call.set(None)
        try:
            response = self.get_response(request)
        finally:
            current_call.reset(previous)
        response["Cache-Control"] = "no-store"
        caller = getattr(request, "auth", None)
        if isinstance(caller, Caller):
            for name, value in rate_limit(caller.quota).items():
                response[name] = value
        return response
