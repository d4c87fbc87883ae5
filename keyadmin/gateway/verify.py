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
from django.conf import settings

from keyadmin import env
from keyadmin.authn.credentials import CREDENTIALS
from keyadmin.authn.decide import decide
from keyadmin.authn.verdict import Verdict
from keyadmin.foundation import cidr, refusals
from keyadmin.foundation.refusals import Reason, Refusal
from keyadmin.foundation.request_id import request_id
from keyadmin.gateway import answers
from keyadmin.gateway.answers import Answer
from keyadmin.gateway.desk import Desk
from keyadmin.gateway.original import NGINX, Original, Unclear, original, read
from keyadmin.outcomes import tally

THREADS: Final = env.integer("KEYADMIN_VERIFY_THREADS", 4, minimum=2, maximum=64)

log = structlog.get_logger("keyadmin.calls")
_plain_log = logging.getLogger("keyadmin.calls")
_desk: Desk[Verdict] | None = None


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
    except Unclear as unclear:
        verdict = tally.noted(Refusal(Reason.UNDECIDABLE))
        about = {"detail": str(unclear)}
    if isinstance(verdict, Refusal):
        answer = answers.refused(verdict, own_id, by_nginx=any(name in headers for name in NGINX))
    else:
        answer = answers.allowed(verdict, own_id)
    if isinstance(verdict, Refusal) or _plain_log.isEnabledFor(logging.DEBUG):
        took = round((perf_counter() - began) * 1000, 1)
        _note(verdict, request_id=own_id, status=answer.status, ms=took, **about)
    return answer


async def _decided(asked: Original, headers: dict[str, list[str]], peer: str) -> Verdict:
    """In a thread, unless there is no credential and so nothing to ask the database."""
    global _desk
    deciding = partial(decide, asked.method, asked.path, headers, peer)
    lane = next((headers[name][0] for name in CREDENTIALS if name in headers), None)
    if lane is None:
        return deciding()
    if _desk is None:
        _desk = Desk(asyncio.get_running_loop(), THREADS)
    return await _desk.ask(lane, deciding) or tally.noted(Refusal(Reason.UNAVAILABLE, retry_after=1))


def close() -> None:
    """Before the process ends: decide what is in line, and write what calls came to."""
    if _desk is not None:
        _desk.close()
    tally.flush()


def _note(verdict: Verdict, **fields: Any) -> None:
    """The line in the log: which request, what it asked for, which key, and why not."""
    if isinstance(verdict, Refusal):
        log.info("refused", reason=verdict.reason.label, key=str(verdict.key or ""), **fields)
    else:
        log.debug("allowed", key=str(verdict.key.id), **fields)


@lru_cache(maxsize=256)
def _is_trusted(peer: str) -> bool:
    address = cidr.address_of(peer)
    is_trusted = address is not None and cidr.contains(settings.KEYADMIN_TRUSTED_PROXIES, address)
    if not is_trusted:
        log.warning("/verify answers gateways only", peer=peer, setting="KEYADMIN_TRUSTED_PROXIES")
    return is_trusted


def _for_strangers() -> Answer:
    own_id = request_id()
    detail = "Only a gateway that KEYADMIN_TRUSTED_PROXIES names is answered here."
    return answers.problem(refusals.problem(403, "not-a-gateway", detail, own_id), own_id)
