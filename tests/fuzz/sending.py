"""Sends a request: to the WSGI application in this process, or to a server by HTTP."""

import logging
import threading
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Final, Protocol

from django.core import mail
from django.db import connections
from django.test import RequestFactory

from keyadmin.callpath.state import state
from keyadmin.server.wsgi_handler import Handler
from tests.live.client import Connection

#: Any well-formed value is a valid cookie: the forms' tokens are derived from it.
CSRF_SECRET: Final = "fuzz" * 8


@dataclass
class Request:
    """`path` is percent-encoded, with its query."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""

    def __str__(self) -> str:
        shown = {name: value[:120] for name, value in self.headers.items() if name not in _SECRET}
        return f"{self.method} {self.path[:500]} {shown} {self.content_type!r} {self.body[:1000]!r}"


_SECRET: Final = ("Cookie", "Authorization", "X-API-Key", "X-API-Key-Secret")


@dataclass
class Answer:
    """Status 0: no answer. `error` is the traceback of a 5xx, if it happened in this process."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    error: str = ""

    @property
    def html(self) -> str:
        is_html = self.headers.get("Content-Type", "").startswith("text/html")
        return self.body.decode(errors="replace") if is_html else ""


class Sender(Protocol):
    def send(self, request: Request) -> Answer: ...


def send_twice(sender: Sender, request: Request) -> list[Answer]:
    """The answers to the same request, sent twice at the same time."""

    def send(_: int) -> Answer:
        try:
            return sender.send(request)
        finally:
            connections.close_all()
            state.database.discard()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(send, range(2)))


class InProcess:
    """The WSGI application with all middleware."""

    def __init__(self) -> None:
        self._handler = Handler()
        self._environ = _Environ()
        self._errors = _LastError()
        logging.getLogger().addHandler(self._errors)

    def close(self) -> None:
        logging.getLogger().removeHandler(self._errors)

    def send(self, request: Request) -> Answer:
        self._errors.text = ""
        mail.outbox.clear()
        content_type = request.content_type or "application/octet-stream"
        environ: Any = self._environ.generic(
            request.method, request.path, request.body, content_type, headers=dict(request.headers)
        )
        started: list[tuple[str, list[tuple[str, str]]]] = []
        handle: Any = self._handler
        try:
            pieces = handle(environ, lambda status, headers: started.append((status, headers)))
            body = b"".join(pieces)
            pieces.close()
        except Exception:
            return Answer(500, {}, b"", traceback.format_exc()[-6000:])
        [(status, headers)] = started
        code = int(status[:3])
        return Answer(code, dict(headers), body, self._errors.text[-6000:] if code >= 500 else "")


class _Environ(RequestFactory):
    """Makes the WSGI environ of a request."""

    def request(self, **request: Any) -> Any:
        return self._base_environ(**request)  # type: ignore[attr-defined]


class OverHttp:
    """A server on this machine. Each thread keeps one connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._threads = threading.local()

    def close(self) -> None:
        """Close the connection of this thread."""
        connection: Connection | None = getattr(self._threads, "connection", None)
        self._threads.connection = None
        if connection is not None:
            connection.close()

    def send(self, request: Request) -> Answer:
        headers = [(name.encode("latin-1", "replace"), _line(value)) for name, value in request.headers.items()]
        if request.content_type:
            headers.append((b"Content-Type", _line(request.content_type)))
        body = request.body if request.method in ("POST", "PUT", "PATCH") else b""
        for _attempt in range(2):  # the server may have closed the connection after the previous answer
            try:
                if getattr(self._threads, "connection", None) is None:
                    self._threads.connection = Connection(self._port)
                answer = self._threads.connection.request(request.path, headers, request.method, body)
            except (OSError, HTTPException):
                self.close()
                continue
            if answer.headers.get("Connection", "").lower() == "close":
                self.close()
            return Answer(answer.status, dict(answer.headers.items()), answer.body)
        return Answer(0, {}, b"", "the server closed the connection without an answer")


def _line(value: str) -> bytes:
    """The value as bytes, without what would end the header."""
    data = value.encode("utf-8", "surrogatepass")
    return data.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")


class _LastError(logging.Handler):
    """Keeps the traceback of the last error that was logged."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(Exception):
            info = record.exc_info or (record.msg.get("exc_info") if isinstance(record.msg, dict) else None)
            error = info[1] if isinstance(info, tuple) else info
            if isinstance(error, BaseException):
                self.text = "".join(traceback.format_exception(error))
            elif record.levelno >= logging.ERROR:
                self.text = record.getMessage()
