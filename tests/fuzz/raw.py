"""Requests with bytes that no client library sends, to the real server of pages and API."""

from itertools import product
from typing import Final

from django.conf import settings

from tests.fuzz.results import Results
from tests.fuzz.world import World
from tests.live.client import Connection

PART: Final = "raw bytes by HTTP"
_PATHS: Final = (
    *(
        b"/keys/?q=\xff",
        b"/keys/\xff/",
        b"/keys/?q=a\xed\xa0\x80",
        b"/\xc0\xaf",
        b"/keys/?\xff=\xff",
        b"//keys/",
        b"/keys//",
    ),
    *(
        b"/keys/..;/",
        b"/keys/%2e%2e/",
        b"/keys/?" + b"a=1&" * 1500,
        b"/api/keys?q=\xff",
        b"/api/keys/\xff",
        b"/api//keys",
    ),
    *(
        b"http://evil.example/keys/",
        b"*",
        b"/static/../keyadmin/settings.py",
        b"/static/%2e%2e/x",
        b"/static/\xff",
        b"/%00",
    ),
)
_HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    *((b"X-Nothing", b"x"), (b"Accept-Language", b"\xff;q=9"), (b"Accept", b"\xff"), (b"User-Agent", b"\xff" * 4000)),
    *(
        (b"Content-Type", b"a/b; charset=\xff"),
        (b"Content-Type", b"multipart/form-data; boundary=\xff"),
        (b"Host", b"\xff"),
    ),
    *((b"HX-Current-URL", b"http://[\xff"), (b"HX-Request", b"\xff"), (b"Referer", b"\xff"), (b"Origin", b"\xff")),
    *((b"X-Forwarded-For", b"\xff"), (b"X-Request-Id", b"\xff" * 300), (b"Range", b"bytes=9-1"), (b"Range", b"\xff")),
    *(
        (b"If-None-Match", b'"\xff'),
        (b"If-Modified-Since", b"\xff"),
        (b"If-Match", b"\xff"),
        (b"Idempotency-Key", b"\xff"),
    ),
    *(
        (b"Cookie", b"sessionid=\xff; csrftoken=\xff"),
        (b"Cookie", b"keyadmin_organisation=\xff; keyadmin_theme=\xff; =;;"),
    ),
    *(
        (b"Content-Length", b"-1"),
        (b"Content-Length", b"9" * 400),
        (b"Transfer-Encoding", b"chunked"),
        (b"Expect", b"x"),
    ),
)


class RawRun:
    """Sends every path with every header, with a session and a key. A server may close the connection instead."""

    def __init__(self, world: World, port: int, results: Results) -> None:
        self._world, self._port, self._results = world, port, results

    def run(self) -> None:
        role = "system administrator"
        for number, (path, header) in enumerate(product(_PATHS, _HEADERS)):
            caller = self._world.caller(role)
            cookie = f"{settings.SESSION_COOKIE_NAME}={caller.session}".encode()
            token = caller.headers["Authorization"].encode()
            given = [header] + [(b"Cookie", cookie)] * (header[0] != b"Cookie") + [(b"Authorization", token)]
            method = ("GET", "POST", "HEAD")[number % 3]
            status = self._status(path, given, method)
            is_past = status not in (0, 400, 401, 411, 413, 414, 431)
            self._results.count(PART, f"{method} {path[:30]!r}", role, status, is_valid=True, is_past=is_past)
            if status >= 500:
                self._results.fail(part=PART, role=role, status=status, request=f"{method} {path[:100]!r} {header!r}")

    def _status(self, path: bytes, headers: list[tuple[bytes, bytes]], method: str) -> int:
        try:
            with Connection(self._port, timeout=5) as connection:
                return connection.request(path, headers, method, b"x=%ff").status
        except Exception:  # no answer, or one that is no HTTP
            return 0
