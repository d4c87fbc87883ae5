"""The outermost middleware: the request ID, headers of untrusted proxies, and one line in the log for each request."""

import re
import time
from collections.abc import Callable
from functools import lru_cache

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from keyadmin.api import errors as api_errors
from keyadmin.conf import conf
from keyadmin.core import cidr
from keyadmin.core.headers import request_id as valid_request_id

log = structlog.get_logger("keyadmin.request")
_SESSION_KEY = re.compile(r"[a-z0-9]{8,40}")


class RequestMiddleware:
    """Sets `X-Request-Id`, and logs each request with its path but without its query string.

    Only a trusted proxy may send `X-Request-Id` and `X-Forwarded-Proto`. A request in another encoding than UTF-8 is
    refused, because programs would read its text in different ways.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        meta, trusted = request.META, _from_trusted_proxy(request)
        proposed_id = meta.get("HTTP_X_REQUEST_ID", "") if trusted else ""
        request_id = meta["keyadmin.request_id"] = valid_request_id(proposed_id)
        if not trusted:
            meta.pop("HTTP_X_FORWARDED_PROTO", None)  # any client could send it
            if "HTTP_X_FORWARDED_FOR" in meta:
                _warn_of_untrusted_proxy(meta.get("REMOTE_ADDR", ""))
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        try:
            response = self._respond(request)
            response["X-Request-Id"] = request_id
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            caller = getattr(request, "caller", None)
            key = {"key": str(caller.key.id)} if caller else {}
            log.info(
                "request", method=request.method, path=request.path, status=response.status_code, ms=milliseconds, **key
            )
        finally:
            structlog.contextvars.clear_contextvars()
        return response

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        charset = request.content_params.get("charset", "utf-8") if request.content_params else "utf-8"
        if charset.lower() not in ("utf-8", "utf8"):
            return _wrong_charset(request)
        # The session store would pass any other text to PostgreSQL, which rejects NUL characters.
        session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        if session and not _SESSION_KEY.fullmatch(session):
            del request.COOKIES[settings.SESSION_COOKIE_NAME]
        return self.get_response(request)


def _wrong_charset(request: HttpRequest) -> HttpResponse:
    if request.path_info.startswith(conf.api_prefix):
        return api_errors.problem(request, 415, "unsupported-media-type", "Send the body in UTF-8.")
    return HttpResponse("Send the request in UTF-8.", status=400, content_type="text/plain; charset=utf-8")


@lru_cache(maxsize=256)
def _warn_of_untrusted_proxy(peer: str) -> None:
    """Warn once per peer: a proxy that is not configured hides the address of every client."""
    log.warning("X-Forwarded-For from an untrusted peer is ignored", peer=peer, setting="KEYADMIN_TRUSTED_PROXIES")


def _from_trusted_proxy(request: HttpRequest) -> bool:
    peer = cidr.address_of(request.META.get("REMOTE_ADDR", ""))
    return peer is not None and cidr.contains(conf.trusted_proxies, peer)
