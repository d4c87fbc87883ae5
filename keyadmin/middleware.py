"""For Django: paths under the API's prefix are closed unless there is a Caller, who is then `request.caller`."""

from collections.abc import Callable
from time import monotonic

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from keyadmin.authn.decide import HEADERS, decide
from keyadmin.authn.verdict import Verdict
from keyadmin.foundation import refusals
from keyadmin.foundation.refusals import Refusal

log = structlog.get_logger("keyadmin.calls")


class KeyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(settings.KEYADMIN_API_PREFIX):
            return self.get_response(request)
        request.META["keyadmin.began"] = monotonic()
        verdict = _verdict(request)
        if isinstance(verdict, Refusal):
            log.info("refused", reason=verdict.reason.label, key=str(verdict.key or ""))
            answer = refusals.answer(verdict, request.META.get("keyadmin.request_id", ""))
            return HttpResponse(answer.body, status=answer.status, headers=answer.headers)
        structlog.contextvars.bind_contextvars(key=str(verdict.key.id))
        request.caller = verdict  # type: ignore[attr-defined]
        response = self.get_response(request)
        for name, value in {"Cache-Control": "no-store", **refusals.rate_limit(verdict.quota)}.items():
            response[name] = value
        return response


def _verdict(request: HttpRequest) -> Verdict:
    """By the path as sent where the server tells it."""
    meta = request.META
    headers = {name: [meta[key]] for name, key in _HEADERS.items() if key in meta}
    path = meta.get("RAW_URI", request.path_info).partition("?")[0]
    return decide(str(request.method), path, headers, meta.get("REMOTE_ADDR", ""))


_HEADERS = {name: "HTTP_" + name.upper().replace("-", "_") for name in HEADERS}
