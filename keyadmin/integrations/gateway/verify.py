"""`/verify`: a gateway asks whether a request that it received may pass.

Only trusted proxies (KEYADMIN_TRUSTED_PROXIES) are answered: whatever is told here about a request, anybody else could
have made up. The verdict is that of every door, by `authn.decide`.
"""

import asyncio
import logging
from functools import lru_cache, partial
from time import perf_counter
from typing import Any, Final

import structlog

from keyadmin import env
from keyadmin.callpath.authorize import authenticate, glance, settle
from keyadmin.callpath.connection import DatabaseUnavailableError
from keyadmin.callpath.request import question
from keyadmin.callpath.usage import recorder
from keyadmin.conf import conf
from keyadmin.core import cidr, problems
from keyadmin.core.callers import Verdict
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.core.request_id import request_id
from keyadmin.integrations.gateway import responses
from keyadmin.integrations.gateway.batcher import Batch
from keyadmin.integrations.gateway.executor import FairExecutor
from keyadmin.integrations.gateway.forwarded_request import (
    NGINX,
    AmbiguousForwardedRequestError,
    ForwardedRequest,
    original,
    read,
)
from keyadmin.integrations.gateway.responses import Answer

THREADS: Final = env.integer("KEYADMIN_VERIFY_THREADS", 4, minimum=2, maximum=64)

log = structlog.get_logger("keyadmin.calls")
_plain_log = logging.getLogger("keyadmin.calls")
_own: "_Deciders | None" = None
_UNAVAILABLE: Final = Denial(DenialReason.UNAVAILABLE, retry_after=1)


async def verify(scope: Any) -> Answer:
    """The answer to a gateway's question. The question's own method, path and query say nothing."""
    began = perf_counter()
    peer = scope["client"][0] if scope["client"] else ""
    if not _is_trusted(peer):
        return _for_strangers()
    headers = read(scope["headers"])
    own_id = request_id(*headers.get("x-request-id", [""])[:1])
    try:
        asked = original(headers)
        verdict = await _decided(asked, headers, peer)
        about = {"method": asked.method, "path": asked.path}
    except AmbiguousForwardedRequestError as unclear:
        verdict = recorder.noted(Denial(DenialReason.UNDECIDABLE))
        about = {"detail": str(unclear)}
    if isinstance(verdict, Denial):
        answer = responses.refused(verdict, own_id, by_nginx=any(name in headers for name in NGINX))
    else:
        answer = responses.allowed(verdict, own_id)
    if isinstance(verdict, Denial) or _plain_log.isEnabledFor(logging.DEBUG):
        took = round((perf_counter() - began) * 1000, 1)
        _note(verdict, request_id=own_id, status=answer.status, ms=took, **about)
    return answer


async def _decided(asked: ForwardedRequest, headers: dict[str, list[str]], peer: str) -> Verdict:
    """By what this process remembers and a draw from the event loop; whatever needs more than that, in a thread."""
    read = question(asked.method, asked.path, headers, peer)
    if isinstance(read, Denial):
        return recorder.noted(read)
    token, call = read
    own = _deciders()
    admitted, is_stale = glance(token, call), False
    if admitted is not None and own.batch.takes(admitted.snapshot):
        try:
            drawn = await own.batch.draw(admitted)
        except DatabaseUnavailableError:
            return recorder.noted(_UNAVAILABLE)
        verdict = drawn and settle(admitted, drawn)
        if verdict:
            recorder.note(verdict, call.address, call.cost, call)
            return verdict
        is_stale = drawn is not None
    lane = token.value
    return await own.desk.ask(lane, partial(authenticate, token, call, stale=is_stale)) or recorder.noted(_UNAVAILABLE)


class _Deciders:
    """Where calls of one event loop are decided."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.batch, self.desk = Batch(loop), FairExecutor[Verdict](loop, THREADS)

    def close(self) -> None:
        self.desk.close()
        self.batch.close()


def _deciders() -> _Deciders:
    global _own
    if _own is None:
        _own = _Deciders()
    return _own


def close() -> None:
    """Before the process ends: decide what is in line, and write what calls came to."""
    if _own is not None:
        _own.close()
    recorder.flush()


def _note(verdict: Verdict, **fields: Any) -> None:
    """The line in the log: which request, what it asked for, which key, and why not."""
    if isinstance(verdict, Denial):
        log.info("refused", reason=verdict.reason.label, key=str(verdict.key or ""), **fields)
    else:
        log.debug("allowed", key=str(verdict.key.id), **fields)


@lru_cache(maxsize=256)
def _is_trusted(peer: str) -> bool:
    address = cidr.address_of(peer)
    is_trusted = address is not None and cidr.contains(conf.trusted_proxies, address)
    if not is_trusted:
        log.warning("/verify answers gateways only", peer=peer, setting="KEYADMIN_TRUSTED_PROXIES")
    return is_trusted


def _for_strangers() -> Answer:
    own_id = request_id()
    detail = "Only a gateway that KEYADMIN_TRUSTED_PROXIES names is answered here."
    return responses.problem(problems.problem(403, "not-a-gateway", detail, own_id), own_id)
