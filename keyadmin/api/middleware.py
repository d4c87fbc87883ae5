"""Middleware of the API: HTTPS, and headers of every response."""

from collections.abc import Callable
from time import monotonic

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from keyadmin.callpath.credentials import CREDENTIAL_HEADERS, has_credential
from keyadmin.callpath.state import state
from keyadmin.conf import conf
from keyadmin.core import environ, problems
from keyadmin.core.callers import Caller, current_call
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.core.headers import key_headers
from keyadmin.core.key_shapes import contains_key

log = structlog.get_logger("keyadmin.calls")


class HttpsMiddleware:
    """Deny a call of the API that sends a secret over plain HTTP, if KEYADMIN_REQUIRE_HTTPS is set.

    A redirect to HTTPS would hide that the secret is exposed. A secret can be in a credential header, in the body of a
    POST to /api/token, or by mistake in the URL. Other requests are redirected by SecurityMiddleware.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        is_call = request.path_info.startswith((conf.api_prefix, *conf.closed_prefixes))
        if not (is_call and conf.require_https) or request.is_secure() or not _sends_secret(request):
            return self.get_response(request)
        denial, request_id = Denial(DenialReason.HTTPS_REQUIRED), request.META["keyadmin.request_id"]
        state.usage.record_denial(denial)
        address = state.client_addresses.find_text(request.META) or ""
        log.info("denied", reason=denial.reason.label, address=address, request_id=request_id)
        response = problems.denial_response(denial, request_id)
        return HttpResponse(response.body, status=response.status, headers=response.headers)


def _sends_secret(request: HttpRequest) -> bool:
    headers = environ.sent_headers(CREDENTIAL_HEADERS, request.META, getattr(request, "scope", None))
    is_read = request.method in ("GET", "HEAD", "OPTIONS")
    return not is_read or has_credential(headers) or contains_key(request.get_full_path())


class ApiMiddleware:
    """Add Cache-Control, and for a key RateLimit and its expiry, to responses under the API prefix.

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
            for name, value in key_headers(caller.quota, caller.expires_at).items():
                response[name] = value
        return response
