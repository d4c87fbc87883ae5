"""No log or table contains a secret, wherever in a request it was sent, and whatever failed."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connection

from keyadmin.core.tokens import KeyFormat, mint
from tests.fixtures.committed_rows import CommittedRows, CreatedKey, Pairs
from tests.live.client import METRICS_HEADERS, Connection
from tests.live.servers import Server, free_port, gunicorn, run_server

PASSWORD: Final = "correct-horse-staple-battery"
CREDENTIALS: Final = ("X-API-Key", "Authorization")
#: Where secrets do not belong, and turn up.
HEADERS: Final = (
    *CREDENTIALS,
    "X-API-Key-Secret",
    "X-API-Key-Id",
    "X_API_Key",
    "Api-Key",
    "Cookie",
    "Referer",
    "User-Agent",
    "X-Request-Id",
    "On-Behalf-Of",
    "X-Channel",
    "X-Forwarded-For",
    "X-Original-URI",
    "X-Original-Method",
    "X-Forwarded-Uri",
    "Accept-Language",
    "Host",
    "Origin",
    "Content-Type",
    "X-Anything",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    return Path(tmp_path_factory.mktemp("sinks"))


@pytest.fixture(scope="module")
def pages(database_url: str, folder: Path) -> Iterator[Server]:
    with gunicorn(folder, database_url, KEYADMIN_TRUSTED_PROXIES="127.0.0.1", KEYADMIN_LOG_ALLOWED="1") as server:
        yield server


@pytest.fixture(scope="module")
def gateway(database_url: str, folder: Path) -> Iterator[Server]:
    port = free_port()
    environ = {"DATABASE_URL": database_url, "KEYADMIN_TRUSTED_PROXIES": "127.0.0.1"}
    environ |= {"DJANGO_SETTINGS_MODULE": "tests.example.settings", "KEYADMIN_LOG_ALLOWED": "1"}
    command = [sys.executable, "-m", "keyadmin.server.verify_server", "--port", str(port)]
    with run_server(command, port, folder / "gateway", environ) as server:
        yield server


def forms(secret: str) -> list[str]:
    """The secret with typical mistakes of pasting."""
    pasted = ("{}", "Bearer {}", "Basic {}", "key={}; x", "/api/chats?api_key={}", "a,{}", "/api/chats/{}")
    return [form.format(secret) for form in pasted]


def send(server: Server, path: str, headers: Pairs, method: str = "GET", body: bytes = b"") -> None:
    """Sends requests whose result does not matter."""
    with suppress(OSError, ValueError):
        server.request(path, headers, method, body)


def send_everywhere(server: Server, created: CreatedKey, secret: str) -> None:
    proper = [("X-Original-Method", "GET"), ("X-Original-URI", "/api/chats"), ("X-Forwarded-For", "203.0.113.9")]
    paths = ("/api/chats", "/verify", "/keys/", "/metrics", "/readyz")
    # Every header with every form, and both with every path. All triples, which take four times as long, only where
    # credentials belong.
    for number, name in enumerate(HEADERS):
        for form, value in enumerate(forms(secret)):
            for path in paths if name in CREDENTIALS else (paths[(number + form) % len(paths)],):
                send(server, path, [*proper, (name, value)])
    for path in paths:
        for place in (f"{path}?api_key={secret}", f"{path}/{secret}", f"{path}/{secret}/../x", f"{path}%2f{secret}"):
            send(server, place, created.headers)
            send(server, place, [])
    body = json.dumps({"key": secret, "path": secret, "method": secret, secret: 1, "calls": secret}).encode()
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
        for path in ("/api/verify", "/verify", "/account/login/", "/api/marked/explodes"):
            for sent in (body, f"login={secret}&password={secret}&key={secret}".encode(), b"{" + secret.encode()):
                send(server, path, [*created.headers, ("Content-Type", kind)], "POST", sent)
    send(server, f"/api/marked/explodes?token={secret}", created.headers)


def send_broken(server: Server, secret: str) -> None:
    """Sends bytes that are not HTTP."""
    end = "\r\n\r\n"
    for raw in (
        f"{secret}{end}",
        f"GET {secret}{end}",
        f"GET / HTTP/9.{secret}{end}",
        f"{secret} / HTTP/1.1{end}",
        f"GET / HTTP/1.1\r\nX-API-Key {secret}{end}",
        f"GET / HTTP/1.1\r\n{secret}: x{end}",
        f"GET / HTTP/1.1\r\nX-API-Key: {secret}\x00{end}",
        f"GET / HTTP/1.1\r\nX-API-Key: {secret * 200}{end}",
        f"POST / HTTP/1.1\r\nContent-Length: {secret}{end}",
        f"POST / HTTP/1.1\r\nTransfer-Encoding: {secret}{end}",
        f"GET /{secret * 200} HTTP/1.1\r\nHost: x{end}",
        f"GET / HTTP/1.1\r\nHost: {secret}{end}",
    ):
        with Connection(server.port, timeout=2) as connection, suppress(OSError):
            connection.socket.sendall(raw.encode())
            connection.socket.recv(65536)


def dump() -> str:
    """All values of all tables."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        values = []
        for table in tables:
            cursor.execute(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM \"{table}\" t")  # noqa: S608
            values.append(str(cursor.fetchone()[0]))
    return "\n".join(values)


def test_no_log_or_table_contains_a_secret(pages: Server, gateway: Server, rows: CommittedRows, folder: Path) -> None:
    created = rows.key(scopes=("chats:read", "keys:verify"), limit=10**6)
    unknown, compact = mint("kad"), mint("kad", KeyFormat.COMPACT)
    for server in (pages, gateway):
        for secret in (created.token.value, created.token.secret, unknown.value, compact.value):
            send_everywhere(server, created, secret)
            send_broken(server, secret)
    send(pages, "/account/login/", [], "POST", f"login=a@example.com&password={PASSWORD}".encode())
    time.sleep(2)  # what is written every second
    sinks = {path.name: path.read_text(errors="replace") for path in (folder / "log", folder / "gateway")}
    sinks |= {"database": dump()}
    for number, server in enumerate((pages, gateway)):
        sinks[f"metrics {number}"] = server.request("/metrics", METRICS_HEADERS).body.decode()
    hidden = {created.token.value, created.token.secret, unknown.value, unknown.secret, compact.value, PASSWORD}
    for name, sink in sinks.items():
        assert sink
        for secret in hidden | {secret[:-6] for secret in hidden if len(secret) > 40}:
            assert secret.lower() not in sink.lower(), name
    assert "ValueError: ('cannot read [redacted]" in sinks["log"]
    assert str(created.key.id) in sinks["log"]
    assert str(created.key.id) in sinks["gateway"]


def logged_decision(log: Path, request_id: str, word: str) -> str:
    """The only line with the request id and the word. A thread of the server writes it after the response."""
    deadline = time.monotonic() + 10
    while not (lines := [line for line in log.read_text().splitlines() if request_id in line and word in line]):
        assert time.monotonic() < deadline, (log.name, word)
        time.sleep(0.05)
    assert len(lines) == 1, lines
    return lines[0]


def test_every_decision_is_logged_with_request_id_and_key(
    pages: Server, gateway: Server, rows: CommittedRows, folder: Path
) -> None:
    created = rows.key()
    proper = [("X-Original-Method", "GET"), ("X-Original-URI", "/api/chats"), ("X-Forwarded-For", "203.0.113.9")]
    for server, path, log in ((pages, "/api/chats", "log"), (gateway, "/verify", "gateway")):
        for method, word in (("GET", "allowed"), ("POST", "denied")):
            asked = [(name, method if name == "X-Original-Method" else value) for name, value in proper]
            answer = server.request(path, [*created.headers, *asked], method if server is pages else "GET")
            line = logged_decision(folder / log, answer.headers["X-Request-Id"], word)
            assert str(created.key.id) in line
