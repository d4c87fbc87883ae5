"""Clients that send half a request, or do not read the response: others are answered, and these are closed."""

import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
import pytest

from keyadmin.server.embedded_postgres import OWNER
from tests.callpath.faulty import repeated
from tests.integrations.gateway import servers
from tests.integrations.gateway.servers import Verify
from tests.live.servers import Server, gunicorn
from tests.owner import url_as

#: Five times the threads of all workers.
SLOW_CLIENTS: Final = 120
#: Of a megabyte each: a hundred for each worker, which keeps 64 MiB.
LARGE_UPLOADS: Final = 300
OPEN_FILES: Final = 8192
ANSWERED_WITHIN: Final = 1.0
CLOSED_WITHIN: Final = 30.0
PAGE: Final = "/account/login/"
GET: Final = b"GET /api/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n"
FONT: Final = b"GET /static/fonts/inter-latin-wght-normal.woff2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
ANSWERED_AND_HALF: Final = "a whole request and half of the next"
HALF: Final = {
    "silence": b"",
    "one byte": b"G",
    "half a request line": b"GET /keys/ HT",
    "half of the headers": b"POST /api/token HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: whm",
    "headers without a body": b"POST /api/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
    "half of a small body": b"POST /account/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nlogin",
    "half of a large body": b"POST /keys/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n"
    + b"a" * 100_000,
    ANSWERED_AND_HALF: GET + GET[:-1],
    # More than the kernel keeps for a connection.
    "large responses and no reading": FONT * 80,
}
type Pairs = list[tuple[str, str]]


@pytest.fixture(scope="module")
def pages(database_url: str, tmp_path_factory: Any) -> Iterator[Server]:
    """The pages and `/api/` as keyadmin serves them. All workers have answered a page."""
    folder = tmp_path_factory.mktemp("slow")
    with gunicorn(folder, database_url, DJANGO_SETTINGS_MODULE="keyadmin.settings") as server:
        for _ in range(30):
            assert server.request(PAGE).status == 200
        yield server


@pytest.fixture(scope="module")
def gateway(database_url: str, tmp_path_factory: Any) -> Iterator[Verify]:
    with servers.verify(tmp_path_factory.mktemp("slow-verify"), database_url) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def _many_files() -> Iterator[None]:
    """Room for the connections of all slow clients."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, OPEN_FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def slow_clients() -> Iterator[Callable[[int, bytes], list[socket.socket]]]:
    """Opens SLOW_CLIENTS connections to a port, fewer for large responses, and sends the same bytes on each.

    For uploads of a megabyte it opens LARGE_UPLOADS.
    """
    with ExitStack() as stack:

        def open_connections(port: int, data: bytes) -> list[socket.socket]:
            connections = []
            large = len(data) >= 1_000_000
            for _ in range(30 if FONT in data else LARGE_UPLOADS if large else SLOW_CLIENTS):
                connection = stack.enter_context(socket.socket())
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                connection.connect(("127.0.0.1", port))
                connection.sendall(data)
                connections.append(connection)
            return connections

        yield open_connections


def expect_quick(request: Callable[[], int], status: int, times: int = 10, within: float = ANSWERED_WITHIN) -> None:
    for _ in range(times):
        began = time.monotonic()
        assert request() == status
        assert time.monotonic() - began <= within


def expect_closed(server: Server) -> None:
    """Expects that the server closes the connections to all clients. A client that does not read cannot see it."""
    deadline = time.monotonic() + CLOSED_WITHIN
    while connections_of(server):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def connections_of(server: Server) -> int:
    """Connections that clients have opened and that the server has not closed."""
    found = (psutil.Process(worker).net_connections("tcp") for worker in server.workers())
    states = (psutil.CONN_ESTABLISHED, psutil.CONN_CLOSE_WAIT)
    return sum(one.status in states and one.laddr.port == server.port for connections in found for one in connections)


@pytest.mark.parametrize("kind", HALF)
def test_slow_clients_delay_no_page_and_no_call(
    pages: Server, slow_clients: Callable[[int, bytes], list[socket.socket]], kind: str
) -> None:
    clients = slow_clients(pages.port, HALF[kind])
    if kind == ANSWERED_AND_HALF:
        for client in clients:  # the whole requests are work like any other: only what follows them is slow
            assert client.recv(1)
    expect_quick(lambda: pages.request("/healthz").status, 200)
    expect_quick(lambda: pages.request(PAGE).status, 200)
    expect_quick(lambda: pages.request("/api/whoami").status, 401)
    expect_quick(lambda: pages.request("/readyz").status, 200)


def test_slow_clients_of_every_kind_are_closed(
    pages: Server, slow_clients: Callable[[int, bytes], list[socket.socket]]
) -> None:
    for data in HALF.values():
        slow_clients(pages.port, data)
    expect_closed(pages)


def test_client_that_sends_a_byte_a_second_is_closed(pages: Server) -> None:
    with socket.create_connection(("127.0.0.1", pages.port)) as client:
        deadline = time.monotonic() + CLOSED_WITHIN
        with pytest.raises(ConnectionError):  # noqa: PT012 - the server closes at some moment
            for byte in HALF["half of a large body"]:
                client.sendall(bytes([byte]))
                time.sleep(0.2)
                assert time.monotonic() < deadline


@pytest.mark.parametrize("kind", ["half of the headers", "headers without a body", "half of a large body"])
def test_slow_clients_delay_no_decision(
    gateway: Verify, slow_clients: Callable[[int, bytes], list[socket.socket]], kind: str
) -> None:
    data = HALF[kind].replace(b"/api/token", b"/verify").replace(b"/keys/", b"/verify")
    slow_clients(gateway.server.port, data)
    expect_quick(lambda: gateway.server.request("/healthz").status, 200)
    expect_quick(lambda: gateway.request().status, 401)
    expect_closed(gateway.server)


def test_more_connections_than_fit_close_those_that_wait_longest(database_url: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(gunicorn(tmp_path, database_url, DJANGO_SETTINGS_MODULE="keyadmin.settings"))
        for _ in range(20):
            assert server.request(PAGE).status == 200
        for _ in range(3500):  # three workers of a thousand connections
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port))).sendall(b"GET /")
        expect_quick(lambda: server.request("/healthz").status, 200)
        expect_quick(lambda: server.request(PAGE).status, 200)


def test_healthz_answers_while_every_thread_is_busy(database_url: str, pages: Server) -> None:
    cookie = [("Cookie", "sessionid=" + "a" * 32)]
    with psycopg.connect(url_as(OWNER, database_url)) as holder:
        holder.execute("LOCK TABLE django_session IN ACCESS EXCLUSIVE MODE")
        with repeated(lambda: pages.request("/keys/", cookie), thread_count=40):
            time.sleep(0.3)
            expect_quick(lambda: pages.request("/healthz").status, 200, times=5)


def test_large_requests_that_wait_for_a_thread_take_limited_memory(
    database_url: str, pages: Server, slow_clients: Callable[[int, bytes], list[socket.socket]]
) -> None:
    upload = (
        b"POST /keys/create/ HTTP/1.1\r\nHost: localhost\r\nCookie: sessionid=%s\r\nContent-Length: 1000000\r\n\r\n"
        % (b"a" * 32)
    ) + b"a" * 1_000_000
    before = max(psutil.Process(worker).memory_info().rss for worker in pages.workers())
    with psycopg.connect(url_as(OWNER, database_url)) as holder:
        holder.execute("LOCK TABLE django_session IN ACCESS EXCLUSIVE MODE")
        clients = slow_clients(pages.port, upload)
        # The servers and this test handle 300 MB on the same processors.
        expect_quick(lambda: pages.request("/healthz").status, 200, times=5, within=5.0)
        after = max(psutil.Process(worker).memory_info().rss for worker in pages.workers())
    assert after - before < 250 * 2**20
    answers = [client.recv(100) for client in clients]
    assert sum(answer.startswith(b"HTTP/1.1 503") for answer in answers) > len(answers) // 3
    assert pages.request(PAGE).status == 200


def test_slow_upload_within_the_deadline_is_accepted(pages: Server) -> None:
    """A whole request in pieces, with `Expect: 100-continue`."""
    head = b"POST /api/token HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    with socket.create_connection(("127.0.0.1", pages.port), timeout=10) as client:
        for piece in (head[:20], head[20:-1], head[-1:]):
            client.sendall(piece)
            time.sleep(0.2)
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"nul")
        time.sleep(0.2)
        client.sendall(b"l")
        assert client.recv(1000).startswith(b"HTTP/1.1 422")
