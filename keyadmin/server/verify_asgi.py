"""The ASGI application of the verify server: `/verify`, `/healthz`, `/readyz` and `/metrics`.

Plain ASGI: no Django request, no middleware, no session. granian loads `keyadmin.server.verify_asgi:application`.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import django
import structlog

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keyadmin.settings")
django.setup()

from keyadmin.core import problems  # noqa: E402 - models can be imported after setup() only
from keyadmin.core.headers import request_id as valid_request_id  # noqa: E402
from keyadmin.integrations.gateway import responses  # noqa: E402
from keyadmin.integrations.gateway.responses import AsgiResponse  # noqa: E402
from keyadmin.integrations.gateway.verify import VerifyEndpoint  # noqa: E402
from keyadmin.server import health, logs, metrics, processes  # noqa: E402

log = structlog.get_logger("keyadmin.integrations.gateway")


class VerifyApplication:
    """The ASGI callable. Each worker process has one."""

    def __init__(self) -> None:
        self._endpoint: VerifyEndpoint | None = None
        #: `/readyz` and `/metrics` block, so they do not run in the event loop.
        self._blocking = ThreadPoolExecutor(1, thread_name_prefix="health")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        try:
            response = await self._respond(scope)
        except Exception:
            log.exception("unhandled error")
            response = _problem(500, "internal-error", "The error has been logged. Try again in a moment.")
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _respond(self, scope: Any) -> AsgiResponse:
        path = scope["path"]
        if path == "/verify":
            if self._endpoint is None:
                self._endpoint = VerifyEndpoint()
            return await self._endpoint.handle(scope)
        if path == "/healthz":
            return responses.as_asgi(health.answer(path))
        if path == "/readyz":
            return await self._in_thread(health.answer, path)
        if path == metrics.PATH:
            authorization = [
                value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"authorization"
            ]
            return await self._in_thread(metrics.answer, scope["method"], authorization)
        return _problem(404, "not-found", "There is nothing at this path. Gateways use /verify.")

    async def _in_thread(self, function: Callable[..., problems.Response], *arguments: Any) -> AsgiResponse:
        loop = asyncio.get_running_loop()
        return responses.as_asgi(await loop.run_in_executor(self._blocking, function, *arguments))

    async def _lifespan(self, receive: Any, send: Any) -> None:
        """Handle the events of the worker's start and end. At the end, close the endpoint."""
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        if self._endpoint is not None:
            self._endpoint.close()
        logs.writer.flush()
        await send({"type": "lifespan.shutdown.complete"})


def _problem(status: int, slug: str, detail: str) -> AsgiResponse:
    request_id = valid_request_id()
    return responses.problem(problems.problem_response(status, slug, detail, request_id), request_id)


processes.end_with_granian()
metrics.start()
application: Final = VerifyApplication()
