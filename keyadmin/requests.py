"""What every request has, whichever door it takes: an id, and one line in the log."""

import re
import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from keyadmin.foundation import cidr

log = structlog.get_logger("keyadmin.request")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestMiddleware:
    """Takes over a well-formed `X-Request-Id` or makes one, and answers with it. Logs the path, never the query."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        request.META["keyadmin.request_id"] = request_id
        if not _from_trusted_proxy(request):
            request.META.pop("HTTP_X_FORWARDED_PROTO", None)  # anybody could say that they came by https
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began = time.perf_counter()
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        milliseconds = round((time.perf_counter() - began) * 1000, 1)
        log.info("request", method=request.method, path=request.path, status=response.status_code, ms=milliseconds)
        return response


def _from_trusted_proxy(request: HttpRequest) -> bool:
    peer = cidr.address_of(request.META.get("REMOTE_ADDR", ""))
    return peer is not None and cidr.contains(settings.KEYADMIN_TRUSTED_PROXIES, peer)
