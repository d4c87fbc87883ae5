"""What is at which path, in plain ASGI: no Django request, no middleware, no session."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from keyadmin.core import problems
from keyadmin.core.request_id import request_id
from keyadmin.integrations.gateway import responses
from keyadmin.integrations.gateway.responses import Answer
from keyadmin.integrations.gateway.verify import close, verify
from keyadmin.server import health, metrics

log = structlog.get_logger("keyadmin.integrations.gateway")
_asker = ThreadPoolExecutor(1, thread_name_prefix="health")


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    try:
        answer = await _answer(scope)
    except Exception:
        log.exception("broken")
        answer = _problem(500, "internal-error", "It has been noted. Try again in a moment.")
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _answer(scope: Any) -> Answer:
    path = scope["path"]
    if path == "/verify":
        return await verify(scope)
    if path in health.PATHS:
        loop = asyncio.get_running_loop()
        return responses.plain(await loop.run_in_executor(_asker, health.answer, path))
    if path == metrics.PATH:
        peer = scope["client"][0] if scope["client"] else ""
        headers = {name.decode("latin-1").lower(): [value.decode("latin-1")] for name, value in scope["headers"]}
        loop = asyncio.get_running_loop()
        return responses.plain(await loop.run_in_executor(_asker, metrics.answer, scope["method"], peer, headers))
    return _problem(404, "not-found", "There is nothing at this path.")


def _problem(status: int, slug: str, detail: str) -> Answer:
    own_id = request_id()
    return responses.problem(problems.problem(status, slug, detail, own_id), own_id)


async def _live(receive: Any, send: Any) -> None:
    """From the worker's start to its end."""
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    close()
    await send({"type": "lifespan.shutdown.complete"})
