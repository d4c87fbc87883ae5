"""What a request may be, decided by its headers: before its body is read, and before a password is checked.

Bodies are limited in size, and need a Content-Length. Paths that need no credential take a limited number of requests
from each client address, and at most half of the threads: anyone could ask for what such a request costs.
"""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext

from keyadmin.api import errors as api_errors
from keyadmin.callpath.state import state
from keyadmin.conf import conf
from keyadmin.core import cidr
from keyadmin.server.body_sizes import is_open, max_body_size
from keyadmin.web.common import errors

_MAX_CLIENTS: Final = 10_000
_WINDOW_SECONDS: Final = 60.0
_RETRY_SECONDS: Final = 2


class RequestLimitsMiddleware:
    """Answers 411, 413, 429 and 503. It stands behind the middleware that the error pages need."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._throttle = OpenRequestThrottle()
        # A password takes long to check. Such requests leave half of the threads to calls and pages.
        self._slots = threading.BoundedSemaphore(max(1, conf.threads // 2))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if request.method != "POST" or not is_open(request.path_info):
            return self.get_response(request)
        if not self._slots.acquire(blocking=False):
            return _busy(request)
        try:
            return self.get_response(request)
        finally:
            self._slots.release()

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return _refuse(request, 411, "length-required", gettext("Send the body with a Content-Length."))
        limit = max_body_size(request.path_info)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > limit:
            message = gettext("The body may have at most %(size)s KiB.") % {"size": limit // 1024}
            return _refuse(request, 413, "content-too-large", message)
        if request.method == "POST" and is_open(request.path_info):
            seconds = self._throttle.count(state.client_addresses.find_text(request.META) or "unknown")
            return _too_many_requests(request, seconds) if seconds else None
        return None


class OpenRequestThrottle:
    """Counts the requests of each client in this process; the addresses of one IPv6 /64 are one client.

    Wrong passwords have a stricter limit, shared by all processes: operations/people/sign_in.py. This one costs no
    statement.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._window_ends = 0.0
        self._requests: dict[str, int] = {}

    def count(self, address: str) -> int:
        """0, or the seconds after which the client may send such a request again."""
        client = _network(address)
        with self._lock:
            now = monotonic()
            if now >= self._window_ends or len(self._requests) >= _MAX_CLIENTS:
                self._window_ends, self._requests = now + _WINDOW_SECONDS, {}
            self._requests[client] = requests = self._requests.get(client, 0) + 1
            return 0 if requests <= conf.open_requests_per_minute else int(self._window_ends - now) + 1


def _network(address: str) -> str:
    parsed = cidr.address_of(address)
    return f"{parsed.value >> 64:x}" if parsed is not None and parsed.version == 6 else address


def _too_many_requests(request: HttpRequest, seconds: int) -> HttpResponse:
    if request.path_info.startswith(conf.api_prefix):
        return api_errors.too_many_attempts(request, seconds)
    return errors.too_many_attempts_response(request, seconds)


def _busy(request: HttpRequest) -> HttpResponse:
    message = gettext("Many people are signing in at the moment. Try again in a few seconds.")
    answer = api_errors.busy if request.path_info.startswith(conf.api_prefix) else errors.busy
    return answer(request, message, _RETRY_SECONDS)


def _refuse(request: HttpRequest, status: int, slug: str, detail: str) -> HttpResponse:
    if request.path_info.startswith(conf.api_prefix):
        return api_errors.problem(request, status, slug, detail)
    return HttpResponse(f"{detail}\n", status=status, content_type="text/plain; charset=utf-8")
