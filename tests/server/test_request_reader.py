"""RequestReader: bytes of one connection → complete requests. It knows no socket, so these tests need none."""

from typing import Any, Final

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import InvalidHeader, InvalidRequestLine, LimitRequestHeaders

from keyadmin.server.body_sizes import MAX_BODY_SIZE, MAX_OPEN_BODY_SIZE
from keyadmin.server.gunicorn_worker import MAX_HEAD_SIZE, RequestReader

GET: Final = b"GET /keys/?q=a HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST: Final = b"POST /keys/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\nhello world"


def reader() -> RequestReader:
    return RequestReader(Config(), ("127.0.0.1", 1))


def fed_bytewise(one: RequestReader, data: bytes) -> list[int]:
    """The numbers of bytes after which the reader says that it is complete."""
    return [count for count, byte in enumerate(data, start=1) if one.feed(bytes([byte]))]


@pytest.mark.parametrize("data", [GET, POST, b"\r\n" + GET])
def test_request_is_complete_with_its_last_byte(data: bytes) -> None:
    one = reader()
    assert fed_bytewise(one, data) == [len(data)]
    request = next(one)
    assert request.path == "/keys/"
    assert request.body.read() == data.partition(b"\r\n\r\n" if data[:1] != b"\r" else b"?")[2][: 11 * (data is POST)]


@pytest.mark.parametrize("split", range(1, len(GET + POST + GET), 7))
def test_pipelined_requests_are_read_one_after_another(split: int) -> None:
    one, data = reader(), GET + POST + GET
    seen: list[tuple[str, bytes]] = []

    def take() -> None:
        request = next(one)
        seen.append((request.method, request.body.read()))
        assert one.finish_body()
        one.next_request()

    for part in (data[:split], data[split:], b"", b""):
        if one.feed(part):
            take()
    while one.feed(b""):
        take()
    assert seen == [("GET", b""), ("POST", b"hello world"), ("GET", b"")]
    assert len(one) == 0


def test_body_that_the_application_did_not_read_is_skipped() -> None:
    one = reader()
    assert one.feed(POST + GET)
    assert next(one).method == "POST"
    assert one.finish_body()
    one.next_request()
    assert one.feed(b"")
    assert next(one).method == "GET"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"GET / HTTP/1.1\nHost: localhost\n", InvalidRequestLine),
        (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n", InvalidHeader),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD_SIZE, LimitRequestHeaders),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 120 + b"\r\n", LimitRequestHeaders),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", InvalidHeader),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", InvalidHeader),
    ],
)
def test_error_does_not_wait_for_the_rest(data: bytes, error: type[Exception]) -> None:
    one = reader()
    assert one.feed(data)
    with pytest.raises(error):
        next(one)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/keys/", f"Content-Length: {MAX_BODY_SIZE + 1}"),
        ("/api/token", f"Content-Length: {MAX_OPEN_BODY_SIZE + 1}"),
        ("/account/login/", f"Content-Length: {10**18}"),
        ("/keys/", "Transfer-Encoding: chunked"),
    ],
)
def test_refused_body_is_not_waited_for_and_cannot_be_read(path: str, headers: str) -> None:
    one = reader()
    assert one.feed(f"POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{headers}\r\n\r\n".encode())
    assert not one.expects_continue()
    request: Any = next(one)
    assert request.should_close()
    with pytest.raises(OSError, match="body"):
        request.body.read()


def test_continue_is_sent_once_before_the_body() -> None:
    one = reader()
    assert not one.feed(POST.replace(b"Host", b"Expect: 100-continue\r\nHost")[:-11])
    assert one.expects_continue()
    assert not one.expects_continue()
    assert one.feed(b"hello world")
    assert next(one).body.read() == b"hello world"
