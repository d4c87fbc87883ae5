"""Prometheus: every process publishes its measures each second, and any of them answers `/metrics` for all.

The processes of a server share a folder of files, as prometheus_client's multiprocess mode wants it; the servers'
folders lie in KEYADMIN_METRICS_DIR side by side. Who may read: programs on this machine, and holders of
KEYADMIN_METRICS_TOKEN. To everybody else there is nothing here.
"""

import hmac
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import psutil
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from keyadmin import env
from keyadmin.callpath.background import PeriodicThread
from keyadmin.callpath.metrics import CONSUME_BUCKETS, Measurements
from keyadmin.conf import conf
from keyadmin.core import cidr
from keyadmin.core.problems import Response

PATH: Final = "/metrics"
EVERY: Final = 1.0
"""Seconds between publications."""
_LOOPBACK: Final = cidr.compile_networks([cidr.parse("127.0.0.0/8"), cidr.parse("::1")])
_lock = threading.Lock()
#: What a proxy adds: its own address is then not the reader's.
_PROXIED: Final = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via")


class MetricsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info != PATH:
            return self.get_response(request)
        headers = {name.lower(): [value] for name, value in request.headers.items()}
        made = answer(str(request.method), request.META.get("REMOTE_ADDR", ""), headers)
        return HttpResponse(made.body, status=made.status, headers=made.headers)


def prepare(server: str) -> None:
    """Gives the server that this process is the first of a folder, before any other process of it starts.

    Folders of servers that have ended are removed. Raises EnvironmentProblem.
    """
    root = _root()
    try:
        env.private_folder(root)
        for old in root.iterdir():
            if not _is_alive(old.name):
                shutil.rmtree(old, ignore_errors=True)
        own = root / f"{server}-{os.getpid()}"
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir(mode=0o700)
    except OSError as error:
        raise env.InvalidVariableError(
            f"{error.filename or root} cannot be used: {error.strerror}. Set KEYADMIN_METRICS_DIR."
        ) from error
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(own)


def start() -> None:
    """Publishes from now on, in a process that decides calls."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        PeriodicThread("metrics", EVERY, publish).start()


def answer(method: str, peer: str, headers: Mapping[str, Sequence[str]]) -> Response:
    """To whoever may read, what all processes published; 404 otherwise. Headers by lower-case name."""
    if method not in ("GET", "HEAD") or not _may_read(peer, headers):
        return Response(
            404, {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}, b"Not found.\n"
        )
    publish()
    body = _text()
    kind = "text/plain; version=0.0.4; charset=utf-8"
    return Response(200, {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}, body)


def publish() -> None:
    """Adds what has come since the last time."""
    with _lock:  # two threads would make the instruments twice
        _publisher().publish()


class Publisher:
    """Holds the instruments, which write into the files of this process, and the totals published so far."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram  # reads where to write when it is imported

        self._published = Measurements()
        self._published_decisions: dict[str, int] = {}
        self._published_dropped = 0
        self.decisions = Counter("keyadmin_decisions", "Calls decided, by reason; ok is allowed.", ["reason"])
        self.consumes = Histogram(
            "keyadmin_consume_seconds", "Time to count a call against its limit.", buckets=CONSUME_BUCKETS
        )
        self.statements = Counter("keyadmin_statements", "Statements of the call path.")
        self.connections_opened = Counter("keyadmin_connections_opened", "Connections that the call path opened.")
        self.usage_dropped = Counter("keyadmin_usage_dropped", "Usage counts that were never written.")
        gauge = partial(Gauge, multiprocess_mode="livesum")
        self.connections = gauge("keyadmin_connections", "Open connections of the call path.")
        self.circuit_breakers_open = gauge(
            "keyadmin_circuit_breakers_open", "Processes that send no statements because PostgreSQL did not answer."
        )

    def publish(self) -> None:
        """Adds to the instruments what this process has counted since the last time."""
        from keyadmin.callpath.state import state  # the master process publishes nothing, and has no models

        totals, published = state.metrics.read(), self._published
        self._published = totals
        buckets = zip(totals.consumes_by_bucket, published.consumes_by_bucket, strict=True)
        for index, (count, before) in enumerate(buckets):
            if count > before:  # Histogram.observe takes one value at a time
                self.consumes._buckets[index].inc(count - before)
        self.consumes._sum.inc(totals.consume_seconds - published.consume_seconds)
        self.statements.inc(totals.statements - published.statements)
        self.connections_opened.inc(totals.connections_opened - published.connections_opened)
        self.connections.set(totals.open_connections)
        self.circuit_breakers_open.set(state.circuit_breaker.is_open())
        decisions, dropped = state.usage.decisions, state.usage.dropped
        for reason, count in decisions.items():
            self.decisions.labels(reason).inc(count - self._published_decisions.get(reason, 0))
        self.usage_dropped.inc(dropped - self._published_dropped)
        self._published_decisions, self._published_dropped = decisions, dropped


@cache
def _publisher() -> Publisher:
    return Publisher()


def _text() -> bytes:
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    registry.register(_Everybody())
    return generate_latest(registry)


class _Everybody:
    """The sum of the files of all processes. Of one that has ended, its counts; it holds nothing any more."""

    def collect(self) -> Iterable[Any]:
        from prometheus_client.multiprocess import MultiProcessCollector

        files = [str(file) for file in _root().glob("*/*.db") if _counts(file)]
        collected: Iterable[Any] = MultiProcessCollector.merge(files, accumulate=True)
        return collected


def _counts(file: Path) -> bool:
    return not file.name.startswith("gauge_live") or _is_alive(file.stem.replace("_", "-"))


def _is_alive(name: str) -> bool:
    """Whether the process whose number ends the name runs."""
    number = name.rpartition("-")[2]
    return number.isdecimal() and psutil.pid_exists(int(number))


def _may_read(peer: str, headers: Mapping[str, Sequence[str]]) -> bool:
    given = headers.get("authorization", ())
    if token := conf.metrics_token.encode():
        expected = b"Bearer " + token
        if len(given) == 1 and hmac.compare_digest(given[0].encode("utf-8", "surrogateescape"), expected):
            return True
    address = cidr.address_of(peer)
    is_direct = not any(name in headers for name in _PROXIED)
    return address is not None and cidr.contains(_LOOPBACK, address) and is_direct


def _root() -> Path:
    folder = env.text("KEYADMIN_METRICS_DIR", "")
    return Path(folder).absolute() if folder else env.local() / "metrics"
