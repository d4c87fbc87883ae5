"""KeyMiddleware: requests under KEYADMIN_CLOSED_PREFIXES need an API key that is allowed the call.

`request.caller` is the Caller of a request that passes. The middleware is sync and async. In an async project, calls
are decided in a few threads, each with its own connection, because the call path blocks.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Token
from time import monotonic
from typing import Any, Final, cast

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import Resolver404, resolve

from keyadmin.callpath.request import REQUEST_HEADERS, decide
from keyadmin.callpath.state import state
from keyadmin.conf import conf
from keyadmin.core import environ, problems
from keyadmin.core.callers import Caller, Verdict, current_call
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.core.headers import key_headers
from keyadmin.core.headers import request_id as valid_request_id
from keyadmin.core.routes import Match
from keyadmin.integrations.django.decorators import ATTRIBUTE, requirement_of, uses_requires

log = structlog.get_logger("keyadmin.calls")
_stdlib_log = logging.getLogger("keyadmin.calls")

MAX_THREADS: Final = 8
QUEUE_TIMEOUT_SECONDS: Final = 0.8
"""Seconds that an async call may wait for a thread. With the deadline of the decision, it takes two at most."""


class KeyRequest(HttpRequest):
    """A request that KeyMiddleware let pass. For the type checker: KeyMiddleware sets `caller`."""

    #: The key of the call, and the person for whom it acts.
    caller: Caller


class KeyMiddleware:
    """Let a request pass if its API key is allowed the call, else return the denial. See the module."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._executor: ThreadPoolExecutor | None = None
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)
            self._executor = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="keyadmin-calls")

    def __call__(self, request: HttpRequest) -> Any:
        if not request.path_info.startswith(tuple(conf.closed_prefixes)):
            return self.get_response(request)
        if "keyadmin.request_id" not in request.META:
            request.META["keyadmin.request_id"] = valid_request_id()
        if self._executor:
            return self._call_async(request, self._executor)
        verdict = _authorize(request)
        if isinstance(verdict, Denial):
            return _denied(request, verdict)
        previous = _set_current_call(request, verdict)
        try:
            return _with_headers(self.get_response(request), verdict)
        finally:
            current_call.reset(previous)

    async def _call_async(self, request: HttpRequest, executor: ThreadPoolExecutor) -> HttpResponseBase:
        loop = asyncio.get_running_loop()
        verdict = await loop.run_in_executor(executor, _authorize_unless_late, request, monotonic())
        if isinstance(verdict, Denial):
            return _denied(request, verdict)
        previous = _set_current_call(request, verdict)
        try:
            return _with_headers(await self.get_response(request), verdict)
        finally:
            current_call.reset(previous)


def _authorize(request: HttpRequest) -> Verdict:
    """Decide and count the call. The Caller of an allowed call becomes `request.caller`."""
    meta, scope = request.META, getattr(request, "scope", None)
    path = environ.sent_path(meta, scope, request.path_info)
    headers = environ.sent_headers(REQUEST_HEADERS, meta, scope)
    peer = meta.get("REMOTE_ADDR", "")
    verdict = decide(
        str(request.method),
        path,
        headers,
        peer,
        declared_route=_required_match(request),
        is_plain_http=not request.is_secure(),
    )
    if isinstance(verdict, Caller):
        cast(KeyRequest, request).caller = verdict
    return verdict


def _authorize_unless_late(request: HttpRequest, queued_at: float) -> Verdict:
    """As `_authorize`, unless the call has waited for a thread for too long: then it is denied as unavailable."""
    if monotonic() - queued_at < QUEUE_TIMEOUT_SECONDS:
        return _authorize(request)
    return Denial(DenialReason.UNAVAILABLE, retry_after=1)


def _required_match(request: HttpRequest) -> Match | None:
    """Return the Match that `requires()` declares for the request's view. None: the catalogue's routes decide."""
    urlconf = getattr(request, "urlconf", None) or settings.ROOT_URLCONF
    if not uses_requires(urlconf):
        return None
    try:
        match = resolve(request.path_info, urlconf)
    except Resolver404:
        return None
    requirement = requirement_of(match.func, request.method)
    setattr(request, ATTRIBUTE, requirement)
    return requirement.match(match) if requirement else None


def _set_current_call(request: HttpRequest, caller: Caller) -> Token[Any]:
    """Add the key's id to every log line of this request. Return the token that resets it."""
    previous = current_call.set((caller.key.id, request.META["keyadmin.request_id"]))
    if _stdlib_log.isEnabledFor(logging.DEBUG):  # cheaper than structlog's own check
        log.debug("allowed")
    return previous


def _denied(request: HttpRequest, denial: Denial) -> HttpResponse:
    request_id = request.META["keyadmin.request_id"]
    address = state.client_addresses.find_text(request.META) or ""
    log.info("denied", reason=denial.reason.label, key=str(denial.key or ""), address=address, request_id=request_id)
    response = problems.denial_response(denial, request_id)
    return HttpResponse(response.body, status=response.status, headers=response.headers)


def _with_headers(response: HttpResponseBase, caller: Caller) -> HttpResponseBase:
    response["Cache-Control"] = "no-store"
    for name, value in key_headers(caller.quota, caller.expires_at).items():
        response[name] = value
    return response
