"""For Django: paths under KEYADMIN_CLOSED_PREFIXES are closed unless there is a Caller, who is then `request.caller`.

Sync and async. In an async project decisions run in a few threads of their own, each with its own connection.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Token
from time import monotonic
from typing import Any, Final
from urllib.parse import quote, unquote

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve

from keyadmin.callpath.request import REQUEST_HEADERS, decide
from keyadmin.conf import conf
from keyadmin.core import problems
from keyadmin.core.callers import Caller, Verdict, current_call
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.core.headers import rate_limit, request_id
from keyadmin.core.routes import Match
from keyadmin.integrations.django.decorators import has_marks, mark_of

log = structlog.get_logger("keyadmin.calls")
_plain_log = logging.getLogger("keyadmin.calls")

THREADS: Final = 8
QUEUES_FOR: Final = 0.8
"""Seconds that an async call waits for a thread. Its decision takes one more at most: two in all."""


class KeyMiddleware:
    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path_info.startswith(tuple(conf.closed_prefixes)):
            return self.get_response(request)
        if getattr(request, "keyadmin_passes", False):  # somebody before this one has decided: api/people_tokens.py
            return self.get_response(request)
        request.META["keyadmin.began"] = monotonic()
        if "keyadmin.request_id" not in request.META:
            request.META["keyadmin.request_id"] = request_id()
        if self._is_async:
            return self._awaited(request)
        verdict = _decide(request)
        if isinstance(verdict, Denial):
            return _refused(request, verdict)
        in_hand = _take_in_hand(request, verdict)
        try:
            return _answered(self.get_response(request), verdict)
        finally:
            current_call.reset(in_hand)

    async def _awaited(self, request: HttpRequest) -> HttpResponseBase:
        verdict = await asyncio.get_running_loop().run_in_executor(_pool, _in_time, request, monotonic())
        if isinstance(verdict, Denial):
            return _refused(request, verdict)
        in_hand = _take_in_hand(request, verdict)
        try:
            return _answered(await self.get_response(request), verdict)
        finally:
            current_call.reset(in_hand)


def _decide(request: HttpRequest) -> Verdict:
    """Whether the call may be made. The caller of one that may is `request.caller`."""
    peer = request.META.get("REMOTE_ADDR", "")
    verdict = decide(str(request.method), _path(request), _headers(request), peer, needs=_needs(request))
    if isinstance(verdict, Caller):
        request.caller = verdict  # type: ignore[attr-defined]
    return verdict


def _in_time(request: HttpRequest, asked: float) -> Verdict:
    return _decide(request) if monotonic() - asked < QUEUES_FOR else Denial(DenialReason.UNAVAILABLE, retry_after=1)


def _take_in_hand(request: HttpRequest, caller: Caller) -> Token[Any]:
    """One line for the decision, if asked for; whatever else is logged for the request names the key too."""
    in_hand = current_call.set((caller.key.id, request.META["keyadmin.request_id"]))
    if _plain_log.isEnabledFor(logging.DEBUG):
        log.debug("allowed")
    return in_hand


def _refused(request: HttpRequest, refusal: Denial) -> HttpResponse:
    own_id = request.META["keyadmin.request_id"]
    log.info("denied", reason=refusal.reason.label, key=str(refusal.key or ""), request_id=own_id)
    answer = problems.denial_response(refusal, own_id)
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers)


def _answered(response: HttpResponseBase, caller: Caller) -> HttpResponseBase:
    response["Cache-Control"] = "no-store"
    for name, value in rate_limit(caller.quota).items():
        response[name] = value
    return response


def _needs(request: HttpRequest) -> Match | None:
    """What the view that the path leads to is marked with. None: keyadmin's endpoints and the catalogue say it."""
    urls = getattr(request, "urlconf", None)
    if not has_marks(urls):
        return None
    try:
        match = resolve(request.path_info, urls)
    except Resolver404:
        return None
    mark = mark_of(match.func, request.method)
    request.keyadmin_mark = mark  # type: ignore[attr-defined]
    return mark.needs(match) if mark else None


def _path(request: HttpRequest) -> str:
    """The path as sent, below where the project is mounted (SCRIPT_NAME): the one that its routes mean.

    "", which is undecidable, where the server leads the call elsewhere than what was sent says. From a server that
    does not tell what was sent, the path that is routed by.
    """
    scope = getattr(request, "scope", {})
    raw = scope.get("raw_path") or request.META.get("RAW_URI") or request.META.get("REQUEST_URI")
    if not raw:
        return quote(request.path_info, safe="/~:@!$&'()*+,;=")
    sent = (raw.decode("latin-1") if isinstance(raw, bytes) else raw).partition("?")[0]
    if unquote(sent) == request.path_info:
        return sent
    mount = request.META.get("SCRIPT_NAME", "").rstrip("/")
    below = sent.removeprefix(mount) or "/"
    return below if mount and sent.startswith(mount) and unquote(below) == request.path_info else ""


def _headers(request: HttpRequest) -> dict[str, list[str]]:
    """Under ASGI as they came, repeated ones too; a WSGI server has joined or dropped them."""
    scope = getattr(request, "scope", None)
    if scope is None:
        return {name: [request.META[key]] for name, key in _WSGI.items() if key in request.META}
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        if (known := name.decode("latin-1").lower()) in _WSGI:
            headers.setdefault(known, []).append(value.decode("latin-1"))
    return headers


_WSGI = {name: "HTTP_" + name.upper().replace("-", "_") for name in REQUEST_HEADERS}
_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="keyadmin-calls")
