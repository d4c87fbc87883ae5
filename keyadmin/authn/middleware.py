"""For Django: paths under the API's prefix are closed unless there is a Caller, who is then `request.caller`."""

from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from keyadmin.authn.authenticate import Call, authenticate
from keyadmin.authn.credentials import CREDENTIALS, present, single
from keyadmin.authn.verdict import Caller
from keyadmin.foundation import refusals, routes, tokens
from keyadmin.foundation.client_ip import client_address
from keyadmin.foundation.refusals import Reason, Refusal

log = structlog.get_logger("keyadmin.calls")


class KeyMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(settings.KEYADMIN_API_PREFIX):
            return self.get_response(request)
        verdict = decide(request)
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


def decide(request: HttpRequest) -> Caller | Refusal:
    """The verdict on a request: by its headers, its path as sent where the server tells, its true address."""
    if request.method == "TRACE":
        return Refusal(Reason.METHOD)
    meta = request.META
    headers = {name: [meta[key]] for name, key in _HEADERS.items() if key in meta}
    token = present(headers)
    if not isinstance(token, tokens.Token):
        return token
    path = meta.get("RAW_URI", request.path_info).partition("?")[0]
    try:
        channel, person = single(headers, "x-channel"), single(headers, "on-behalf-of")
    except ValueError:
        return Refusal(Reason.UNDECIDABLE)
    if not routes.canonical(path):
        return Refusal(Reason.UNDECIDABLE)
    trusted, forwarded = settings.KEYADMIN_TRUSTED_PROXIES, headers.get("x-forwarded-for", [])
    address = client_address(meta.get("REMOTE_ADDR", ""), forwarded, trusted)
    return authenticate(token, Call(str(request.method), path, address, channel, person))


_HEADERS = {
    name: "HTTP_" + name.upper().replace("-", "_")
    for name in (*CREDENTIALS, "on-behalf-of", "x-channel", "x-forwarded-for")
}
