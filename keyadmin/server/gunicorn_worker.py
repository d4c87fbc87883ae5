"""A gunicorn worker with threads whose threads never wait for a client.

gunicorn's own threaded worker reads requests and writes responses in its threads: a few clients that send half a
request, or that do not read the response, stop it. gunicorn leaves this to a buffering proxy; keyadmin also has to
answer without one. Here the event loop receives each request as a whole before a thread gets it, and sends what a
client has not taken when the thread is done:

    receiving → (a thread handles the request) → sending → receiving the next request, or closing

Receiving and sending have deadlines. Where connections or memory run short, the connection that has waited longest in
its state is closed. A request that would take too much memory until it gets a thread is answered 503. `/healthz` has a
thread of its own, and so have `/readyz` and `/metrics` together.

New connections are shared evenly with the other workers: gateways keep their connections open, and without the delay in
`accept` the worker that wakes first would accept a whole burst of them and serve them alone.
"""

import errno
import select
import selectors
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from time import monotonic, sleep
from typing import Any, Final

from gunicorn import http
from gunicorn.errors import ConfigError
from gunicorn.http.body import Body
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import TConn, ThreadWorker

from keyadmin.server.body_sizes import MAX_BODY_SIZE, MAX_OPEN_BODY_SIZE, max_body_size

#: Seconds in which the request line and the headers must have arrived, from the first byte or the connection on.
HEAD_SECONDS: Final = 10.0
#: Seconds in which the body must have arrived, from the end of the headers on.
BODY_SECONDS: Final = 15.0
#: Seconds in which the client must have taken the rest of a response, and for which a thread waits for it at most.
SEND_SECONDS: Final = 20.0
#: Seconds for which a connection is kept after the response, so that the client gets it whole.
CLOSE_SECONDS: Final = 2.0
#: Seconds for which a worker that stops waits for requests, and for clients that read.
STOP_SECONDS: Final = 0.5
MAX_HEAD_SIZE: Final = 65_536
#: Bytes of a response that wait for the client without a thread. Pages are smaller; exports are not.
MAX_UNSENT_SIZE: Final = 512 * 1024
#: Bytes of unfinished requests and responses in one process.
MAX_BUFFERED_SIZE: Final = 64 * 1024 * 1024
#: Bytes of complete requests that wait for a thread or have one, in one process.
MAX_QUEUED_SIZE: Final = 32 * 1024 * 1024
#: Bytes that one process receives at most before it checks MAX_BUFFERED_SIZE again.
_CHECK_SIZE: Final = 8 * 1024 * 1024
#: Bytes that are received and thrown away after an error, so that the client reads the response before it notices.
MAX_DISCARDED_SIZE: Final = 8 * 1024 * 1024
_RECEIVE_SIZE: Final = 65_536
_CHECK_SECONDS: Final = 1.0
#: Seconds to wait for each connection that the worker already has, so that a worker with fewer may accept first.
_DELAY_PER_CONNECTION_SECONDS: Final = 0.000_05
#: The delay stops growing here: the event loop of a busy worker must not stand still for long.
_MAX_CONNECTIONS_COUNTED: Final = 4
_TIMED_OUT: Final = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"
#: Paths that have threads of their own, by the name of the pool.
_PROBE_POOLS: Final = {"/healthz": "health", "/readyz": "probes", "/metrics": "probes"}


class ClientSocket(socket.socket):
    """A non-blocking socket that keeps what the client does not take yet."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        super().setblocking(False)
        self.unsent = bytearray()

    def setblocking(self, flag: bool) -> None:
        """gunicorn makes the sockets of its threads blocking; this one stays as it is."""

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send or keep all data. Waits for the client only while it has left MAX_UNSENT_SIZE bytes.

        Raises BrokenPipeError if it leaves them for SEND_SECONDS.
        """
        self.unsent += data
        self.flush()
        deadline = monotonic() + SEND_SECONDS
        while len(self.unsent) > MAX_UNSENT_SIZE:
            poll = select.poll()
            poll.register(self, select.POLLOUT)
            if not poll.poll(max(0.0, deadline - monotonic()) * 1000):
                raise BrokenPipeError(errno.EPIPE, "the client does not read the response")
            self.flush()

    def flush(self) -> None:
        """Send what the client takes now. Raises OSError if the connection is broken."""
        while self.unsent:
            try:
                sent = self.send(self.unsent)
            except BlockingIOError:
                return
            del self.unsent[:sent]


class RequestReader:
    """The requests of one connection: bytes in, then one complete request after another. Knows no socket.

    gunicorn's parser reads from here as from a socket; `feed` says when it can do so without waiting.
    """

    def __init__(self, cfg: Any, client: Any) -> None:
        self.request: Any = None
        self.error: Exception | None = None
        self._cfg = cfg
        self._buffer = bytearray()
        self._searched = 0
        self._missing = 0
        self._parser = http.get_parser(cfg, self, client)

    def __len__(self) -> int:
        """Bytes of the request that have arrived."""
        return len(self._buffer) + int(self._parser.unreader.buf.getbuffer().nbytes)

    def recv(self, size: int) -> bytes:
        """The next bytes, for the parser; b"" if no more have arrived."""
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def feed(self, data: bytes) -> bool:
        """Whether a request is complete, or an error makes it needless to wait for the rest."""
        self._buffer += data
        if self.request is None and self.error is None and self._has_head():
            self._parse_head()
        return self.error is not None or (self.request is not None and len(self) >= self._missing)

    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body. True once."""
        expects = self.request is not None and self.error is None and self.request._expected_100_continue
        if expects:
            self.request._expected_100_continue = False  # gunicorn would send it when it calls the application
        return bool(expects)

    def __next__(self) -> Any:
        """The complete request, for gunicorn. Raises the error of an incomplete one."""
        if self.error is not None:
            raise self.error
        return self.request

    def finish_body(self, deadline: float | None = None) -> bool:
        """Skip what the application has not read. For gunicorn."""
        return bool(self._parser.finish_body(deadline=deadline))

    def next_request(self) -> None:
        """Forget the request that was answered. What arrived after it belongs to the next one."""
        self._buffer[:0] = self._parser.unreader.take_buffered()
        self.request, self._searched, self._missing = None, 0, 0

    def _has_head(self) -> bool:
        """Whether the parser can decide about the headers: they are complete, or wrong already."""
        if self._buffer.find(b"\r\n\r\n", max(0, self._searched - 3)) >= 0 or self._has_bare_line_feed():
            return True
        self._searched = len(self._buffer)
        if self._searched > MAX_HEAD_SIZE:
            self.error = LimitRequestHeaders(f"more than {MAX_HEAD_SIZE} bytes")
        return False

    def _has_bare_line_feed(self) -> bool:
        start = self._buffer.find(b"\n", self._searched)
        while start >= 0:
            if self._buffer[start - 1 : start] != b"\r":
                return True
            start = self._buffer.find(b"\n", start + 1)
        return False

    def _parse_head(self) -> None:
        try:
            self.request = next(self._parser)
        except Exception as error:  # gunicorn answers it, in a thread
            self.error = error
            return
        request = self.request
        length = getattr(request.body.reader, "length", None)
        if length is None or (length > MAX_OPEN_BODY_SIZE and length > max_body_size(request.path)):
            # The application refuses it, by its headers, and the connection is closed.
            request.body = Body(_RefusedBody())
            request._expected_100_continue = False
            request.force_close()
        else:
            self._missing = length


class _RefusedBody:
    """A body that was not received: chunked, or too large."""

    def read(self, size: int) -> bytes:
        raise OSError(errno.EMSGSIZE, f"the body is chunked or larger than {MAX_BODY_SIZE} bytes")


class Connection(TConn):  # type: ignore[misc, unused-ignore]
    """A connection of the event loop, or of the thread that handles its request."""

    def __init__(self, cfg: Any, sock: ClientSocket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.initialized = True  # nothing is left to do in the thread
        self.forget_request()
        #: Bytes of the request that waits for a thread or has one.
        self.queued = 0
        self.is_open = True
        self.since = monotonic()
        self.deadline = self.since + HEAD_SECONDS
        self.keeps_alive = False
        self.discarded = 0
        #: What the event loop does with the connection; None while a thread has it.
        self.on_ready: Callable[[Connection], None] | None = None

    def forget_request(self) -> None:
        """Drop everything that was received."""
        self.parser = self.reader = RequestReader(self.cfg, self.client)

    @property
    def buffered(self) -> int:
        return len(self.reader) + len(self.sock.unsent)


class Worker(ThreadWorker):
    """The worker class that `gunicorn_conf` names."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        #: The connections that the event loop waits for.
        self._waiting: set[Connection] = set()
        #: Bytes of the requests that wait for a thread or have one.
        self._queued_size = 0
        self._next_check = 0.0
        self._received_since_check = 0

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """TLS belongs to a proxy: a handshake would be one more thing to wait for."""
        if cfg.is_ssl:
            raise ConfigError("keyadmin's worker speaks no TLS. Put a proxy in front, and remove certfile and keyfile.")

    def init_process(self) -> None:
        self._probe_pools = {name: ThreadPoolExecutor(1, name) for name in set(_PROBE_POOLS.values())}
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection. The event loop calls this when there is one."""
        if self.cfg.workers > 1:
            sleep(min(self.nr_conns, _MAX_CONNECTIONS_COUNTED) * _DELAY_PER_CONNECTION_SECONDS)
        try:
            accepted, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._close_longest_waiting()
            return
        self.nr_conns += 1
        connection = Connection(self.cfg, ClientSocket(accepted), client, listener.getsockname())
        self._wait(connection, selectors.EVENT_READ, self._receive, HEAD_SECONDS)
        self._on_ready(connection, None)
        if self.nr_conns >= self.worker_connections:
            self._close_longest_waiting()

    def enqueue_req(self, conn: Connection) -> None:
        """Give a complete request to a thread, or answer 503 if too many bytes of requests wait for one."""
        self._stop_waiting(conn)
        path = conn.reader.request.path if conn.reader.request is not None else ""
        pool = self._probe_pools[_PROBE_POOLS[path]] if path in _PROBE_POOLS else self.tpool
        size = len(conn.reader)
        if pool is self.tpool and self._queued_size + size > MAX_QUEUED_SIZE:
            conn.forget_request()
            conn.sock.unsent += _BUSY
            conn.keeps_alive = False
            self._send(conn)
            return
        future = pool.submit(self.handle, conn)
        conn.queued = size
        self._queued_size += size
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def finish_request(self, conn: Connection, fs: "Future[bool]") -> None:
        """The thread is done. The event loop calls this."""
        self._queued_size -= conn.queued
        conn.queued = 0
        conn.keeps_alive = not fs.cancelled() and fs.exception() is None and bool(fs.result())
        self._attempt(conn, self._send)

    def murder_pending(self) -> None:
        """Close connections that are late, or that take too much memory. Every round of the event loop calls this."""
        now = monotonic()
        if self.alive and now < self._next_check:
            return
        self._next_check, self._received_since_check = now + _CHECK_SECONDS, 0
        for connection in [waiting for waiting in self._waiting if waiting.deadline < now]:
            if connection.on_ready == self._receive and len(connection.reader):
                connection.sock.unsent += _TIMED_OUT
            self._close(connection)
        while self._waiting and sum(connection.buffered for connection in self._waiting) > MAX_BUFFERED_SIZE:
            self._close_longest_waiting()

    def murder_keepalived(self, force: bool = False) -> None:
        """When the worker stops, give requests that have not arrived STOP_SECONDS; `force`: close all connections."""
        if force:
            for connection in list(self._waiting):
                self._close(connection)
        elif not self.alive:
            latest = monotonic() + STOP_SECONDS
            for connection in self._waiting:
                connection.deadline = min(connection.deadline, latest)

    def _wait(
        self, connection: Connection, events: int, on_ready: Callable[[Connection], None], seconds: float
    ) -> None:
        """Call `on_ready` for each of these events, for this number of seconds at most."""
        self._stop_waiting(connection)
        connection.since = monotonic()
        connection.deadline = connection.since + seconds
        connection.on_ready = on_ready
        self._waiting.add(connection)
        self.poller.register(connection.sock, events, partial(self._on_ready, connection))

    def _stop_waiting(self, connection: Connection) -> None:
        if connection.on_ready is not None:
            connection.on_ready = None
            self._waiting.discard(connection)
            self.poller.unregister(connection.sock)

    def _on_ready(self, connection: Connection, sock: Any) -> None:
        if connection.on_ready is not None:  # else an earlier event has closed it
            self._attempt(connection, connection.on_ready)

    def _attempt(self, connection: Connection, step: Callable[[Connection], None]) -> None:
        """A step that closes the connection if it fails."""
        try:
            step(connection)
        except OSError:
            self._close(connection)
        except Exception:
            self.log.exception("Error on a connection")
            self._close(connection)

    def _receive(self, connection: Connection) -> None:
        """Receive what has arrived of a request."""
        try:
            data = connection.sock.recv(_RECEIVE_SIZE)
        except BlockingIOError:
            return
        if not data:
            self._close(connection)
            return
        self._received_since_check += len(data)
        if self._received_since_check > _CHECK_SIZE:
            self._next_check = 0.0
        was_idle, had_head = not len(connection.reader), connection.reader.request is not None
        if connection.reader.feed(data):
            self.enqueue_req(connection)
            return
        if was_idle:
            connection.deadline = monotonic() + HEAD_SECONDS
        if connection.reader.request is not None and not had_head:
            connection.deadline = monotonic() + BODY_SECONDS
            if connection.reader.expects_continue():
                connection.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _send(self, connection: Connection) -> None:
        """Send the rest of the response. Then receive the next request, or close."""
        connection.sock.flush()
        if connection.sock.unsent:
            if connection.on_ready is None:
                self._wait(connection, selectors.EVENT_WRITE, self._send, SEND_SECONDS)
            return
        if not connection.keeps_alive:
            connection.sock.shutdown(socket.SHUT_WR)
            self._wait(connection, selectors.EVENT_READ, self._discard, CLOSE_SECONDS)
            self._on_ready(connection, None)
            return
        connection.reader.next_request()
        if connection.reader.feed(b""):  # the client did not wait for the response
            self.enqueue_req(connection)
            return
        seconds = HEAD_SECONDS if len(connection.reader) else self.cfg.keepalive
        self._wait(connection, selectors.EVENT_READ, self._receive, seconds)

    def _discard(self, connection: Connection) -> None:
        """Throw away what the client still sends. To close at once could take the response away from it."""
        try:
            data = connection.sock.recv(_RECEIVE_SIZE)
        except BlockingIOError:
            return
        connection.discarded += len(data)
        if not data or connection.discarded > MAX_DISCARDED_SIZE:
            self._close(connection)

    def _close_longest_waiting(self) -> None:
        if self._waiting:
            self._close(min(self._waiting, key=lambda connection: connection.since))

    def _close(self, connection: Connection) -> None:
        self._stop_waiting(connection)
        if connection.is_open:
            connection.is_open = False
            self.nr_conns -= 1
            with suppress(OSError):
                connection.sock.flush()
            connection.sock.close()
