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
from keyadmin.callpath import circuit_breaker, metrics
from keyadmin.conf import conf
from keyadmin.core import cidr
from keyadmin.core.problems import Answer

PATH: Final = "/metrics"
EVERY: Final = 1.0
"""Seconds between publications."""
_LOOPBACK: Final = cidr.compile([cidr.parse("127.0.0.0/8"), cidr.parse("::1")])
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
        threading.Thread(target=_publish_for_ever, name="metrics", daemon=True).start()


def answer(method: str, peer: str, headers: Mapping[str, Sequence[str]]) -> Answer:
    """To whoever may read, what all processes published; 404 otherwise. Headers by lower-case name."""
    if method not in ("GET", "HEAD") or not _may_read(peer, headers):
        return Answer(404, {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}, b"Not found.\n")
    publish()
    body = _text()
    kind = "text/plain; version=0.0.4; charset=utf-8"
    return Answer(200, {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}, body)


def publish() -> None:
    """Adds what has come since the last time."""
    with _lock:  # two threads would make the instruments twice
        _publisher().publish()


class Publisher:
    """Holds the instruments, which write into the process's files, and what they have been told already."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram  # reads where to write when it is imported

        self._told = metrics.Measures()
        self._decided: dict[str, int] = {}
        self._lost = 0
        self.decisions = Counter("keyadmin_decisions", "Calls decided, by reason; ok is allowed.", ["reason"])
        self.draws = Histogram("keyadmin_draw_seconds", "Time of a draw.", buckets=metrics.BOUNDS)
        self.statements = Counter("keyadmin_statements", "Statements of the call path.")
        self.connected = Counter("keyadmin_connections_opened", "Connections that the call path opened.")
        self.dropped = Counter("keyadmin_outcomes_dropped", "Sums of outcomes that were never written.")
        gauge = partial(Gauge, multiprocess_mode="livesum")
        self.connections = gauge("keyadmin_connections", "Connections of the call path.")
        self.broken = gauge("keyadmin_breaker_open", "Processes that take PostgreSQL for away.")

    def publish(self) -> None:
        from keyadmin.callpath.usage import (
            recorder,  # the applications are not ready when a server's first process starts
        )

        now, told = metrics.read(), self._told
        self._told = now
        for place, (count, before) in enumerate(zip(now.draws, told.draws, strict=True)):
            if count > before:  # the histogram takes one at a time, or a bucket's number this way
                self.draws._buckets[place].inc(count - before)
        self.draws._sum.inc(now.draw_seconds - told.draw_seconds)
        self.statements.inc(now.statements - told.statements)
        self.connected.inc(now.connected - told.connected)
        self.connections.set(now.connections)
        self.broken.set(circuit_breaker.is_broken())
        decided, lost = recorder.decisions(), recorder.dropped()
        for reason, count in decided.items():
            self.decisions.labels(reason).inc(count - self._decided.get(reason, 0))
        self.dropped.inc(lost - self._lost)
        self._decided, self._lost = decided, lost


@cache
def _publisher() -> Publisher:
    return Publisher()


def _publish_for_ever() -> None:
    pause = threading.Event()
    while True:
        publish()
        pause.wait(EVERY)


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
