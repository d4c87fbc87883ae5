"""An HTTP client that sends any bytes: tests send requests that well-behaved clients refuse to send."""

import json
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPMessage, HTTPResponse
from types import TracebackType
from typing import Any, Final, Self

#: KEYADMIN_METRICS_TOKEN of all servers that tests start, and the header with it.
METRICS_TOKEN: Final = "for-tests-only-metrics"
METRICS_HEADERS: Final = [("Authorization", f"Bearer {METRICS_TOKEN}")]

type Headers = Iterable[tuple[str | bytes, str | bytes]]


@dataclass(frozen=True)
class Response:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def without_id(self) -> tuple[int, list[tuple[str, str]], Any]:
        """Status, headers and body without the request id and the date, to compare two responses."""
        volatile = ("date", "x-request-id")
        headers = sorted((name, value) for name, value in self.headers.items() if name.lower() not in volatile)
        request_id = self.headers["X-Request-Id"].encode()
        assert self.body.count(request_id) == 1
        return self.status, headers, self.body.replace(request_id, b"")


class Connection:
    """One connection to a server. The same worker responds to all requests on it."""

    def __init__(self, port: int, timeout: float = 20) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)

    def request(self, path: str | bytes, headers: Headers = (), method: str = "GET", body: bytes = b"") -> Response:
        lines = [b" ".join([method.encode(), _bytes(path), b"HTTP/1.1"])]
        lines += [_bytes(name) + b": " + _bytes(value) for name, value in (("Host", "localhost"), *headers)]
        if method in ("POST", "PUT", "PATCH"):
            lines.append(b"Content-Length: %d" % len(body))
        self.socket.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        response = HTTPResponse(self.socket, method=method)
        try:
            response.begin()
            return Response(response.status, response.headers, response.read())
        finally:
            response.close()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
