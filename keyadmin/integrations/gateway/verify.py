"""`/verify`: decides a request that a gateway received.

Only trusted proxies (KEYADMIN_TRUSTED_PROXIES) get a decision; any other client could invent the request that it
describes, and gets 403. The rules are those of every integration, in `keyadmin.callpath`.
"""

import asyncio
import logging
from functools import lru_cache, partial
from time import perf_counter
from typing import Any, Final

import structlog

from keyadmin import env
from keyadmin.callpath.authorize import authorize, authorize_from_cache, verdict_of
from keyadmin.callpath.connection import DatabaseUnavailableError
from keyadmin.callpath.request import parse_request
from keyadmin.callpath.state import state
from keyadmin.conf import conf
from keyadmin.core import cidr, problems
from keyadmin.core.callers import Verdict
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.core.headers import request_id as valid_request_id
from keyadmin.integrations.gateway import responses
from keyadmin.integrations.gateway.batcher import AsyncConsumeBatcher
from keyadmin.integrations.gateway.executor import FairExecutor
from keyadmin.integrations.gateway.forwarded_request import (
    NGINX_HEADERS,
    AmbiguousForwardedRequestError,
    ForwardedRequest,
    parse_forwarded_request,
    relevant_headers,
)
from keyadmin.integrations.gateway.responses import AsgiResponse

log = structlog.get_logger("keyadmin.calls")
_stdlib_log = logging.getLogger("keyadmin.calls")
_UNAVAILABLE: Final = Denial(DenialReason.UNAVAILABLE, retry_after=1)


class VerifyEndpoint:
    """The endpoint. Create it in the running event loop, to which it belongs."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        threads = env.integer("KEYADMIN_VERIFY_THREADS", 4, minimum=2, maximum=64)
        self.batcher = AsyncConsumeBatcher(loop)
        self.executor = FairExecutor[Verdict](loop, threads)

    async def handle(self, scope: Any) -> AsgiResponse:
        """The response to a gateway's request with this ASGI scope. Its own method, path and query are ignored."""
        started = perf_counter()
        peer = scope["client"][0] if scope["client"] else ""
        if not _is_trusted(peer):
            return _not_a_gateway()
        headers = relevant_headers(scope["headers"])
        request_id = valid_request_id(*headers.get("x-request-id", [""])[:1])
        try:
            request = parse_forwarded_request(headers)
            verdict = await self._decide(request, headers, peer)
            fields = {"method": request.method, "path": request.path}
        except AmbiguousForwardedRequestError as error:
            verdict = state.usage.record_denial(Denial(DenialReason.AMBIGUOUS_REQUEST))
            fields = {"detail": str(error)}
        if isinstance(verdict, Denial):
            is_nginx = any(name in headers for name in NGINX_HEADERS)
            response = responses.denied(verdict, request_id, body_in_header=is_nginx)
        else:
            response = responses.allowed(verdict, request_id)
        if isinstance(verdict, Denial) or _stdlib_log.isEnabledFor(logging.DEBUG):
            address = state.client_addresses.find(peer, headers.get("x-forwarded-for", ()))
            fields["address"] = address.text if address else ""
            milliseconds = round((perf_counter() - started) * 1000, 1)
            _log_verdict(verdict, request_id=request_id, status=response.status, ms=milliseconds, **fields)
        return response

    def close(self) -> None:
        """Decide the calls in the queue and write usage. Call it before the process ends."""
        self.executor.close()
        self.batcher.close()
        state.usage.flush()

    async def _decide(self, request: ForwardedRequest, headers: dict[str, list[str]], peer: str) -> Verdict:
        """Decide with the cached snapshot and a batched consumption if possible, else in a thread."""
        parsed = parse_request(request.method, request.path, headers, peer, is_plain_http=request.is_plain_http)
        if isinstance(parsed, Denial):
            return state.usage.record_denial(parsed)
        token, call = parsed
        authorized, is_stale = authorize_from_cache(token, call), False
        if authorized is not None and self.batcher.can_accept(authorized.snapshot):
            try:
                result = await self.batcher.consume(authorized)
            except DatabaseUnavailableError:
                return state.usage.record_denial(_UNAVAILABLE)
            verdict = result and verdict_of(authorized, result)
            if verdict:
                state.usage.record(verdict, call.address, call.cost, call)
                return verdict
            is_stale = result is not None
        decision = await self.executor.submit(token.value, partial(authorize, token, call, is_stale=is_stale))
        return decision or state.usage.record_denial(_UNAVAILABLE)


def _log_verdict(verdict: Verdict, **fields: Any) -> None:
    if isinstance(verdict, Denial):
        log.info("denied", reason=verdict.reason.label, key=str(verdict.key or ""), **fields)
    else:
        log.debug("allowed", key=str(verdict.key.id), **fields)


@lru_cache(maxsize=256)
def _is_trusted(peer: str) -> bool:
    """Whether the peer is a trusted proxy. The result is cached, so that a warning is logged once for each peer."""
    address = cidr.address_of(peer)
    is_trusted = address is not None and cidr.contains(conf.trusted_proxies, address)
    if not is_trusted:
        log.warning("/verify answers gateways only", peer=peer, setting="KEYADMIN_TRUSTED_PROXIES")
    return is_trusted


def _not_a_gateway() -> AsgiResponse:
    request_id = valid_request_id()
    detail = "Only gateways may use /verify. Add the address of this gateway to KEYADMIN_TRUSTED_PROXIES."
    return responses.problem(problems.problem_response(403, "not-a-gateway", detail, request_id), request_id)
