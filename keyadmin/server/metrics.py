"""Prometheus metrics: each process publishes its own every second, and `/metrics` of any process has the sums of all.

The processes of one server share a folder of files, as prometheus_client's multiprocess mode needs it. The folders of
all servers of this machine are side by side in KEYADMIN_METRICS_DIR. The state of background work comes from the
database. `/metrics` answers requests with KEYADMIN_METRICS_TOKEN; all others get 404. The address of a client proves
nothing: a reverse proxy on this machine passes on requests of the whole world.
"""

import hmac
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from keyadmin import __version__, env
from keyadmin.callpath.background import PeriodicThread, background_threads
from keyadmin.callpath.metrics import CONSUME_BUCKETS, Measurements
from keyadmin.conf import conf
from keyadmin.core.problems import Response
from keyadmin.server import logs

if TYPE_CHECKING:
    from prometheus_client import Metric

    from keyadmin.server.worker_status import WorkerStatus

PATH: Final = "/metrics"
PUBLISH_INTERVAL_SECONDS: Final = 1.0
_FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"


class MetricsMiddleware:
    """Responds to `/metrics` in the web server."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info != PATH:
            return self.get_response(request)
        response = answer(str(request.method), [request.META.get("HTTP_AUTHORIZATION", "")])
        return HttpResponse(response.body, status=response.status, headers=response.headers)


def prepare(server: str) -> None:
    """Create the folder of a server in its first process, before it starts any other process.

    Removes the folders of servers that have ended. Raises InvalidVariableError.
    """
    root = _root()
    try:
        env.private_folder(root)
        for folder in root.iterdir():
            if not _is_alive(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
        own = root / f"{server}-{os.getpid()}"
        shutil.rmtree(own, ignore_errors=True)
        own.mkdir(mode=0o700)
    except OSError as error:
        raise env.InvalidVariableError(
            f"{error.filename or root} cannot be used: {error.strerror}. Set KEYADMIN_METRICS_DIR."
        ) from error
    os.environ[_FOLDER_VARIABLE] = str(own)


def start() -> None:
    """Start to publish, in a process that decides calls. Call it after the fork."""
    if _FOLDER_VARIABLE in os.environ:
        _PUBLISHER.thread.start()


def answer(method: str, authorization: Sequence[str]) -> Response:
    """The metrics of all processes, or 404 for a client that may not read them.

    `authorization`: the values of the headers of that name.
    """
    if method not in ("GET", "HEAD") or not _may_read(authorization):
        return Response(
            404, {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}, b"Not found.\n"
        )
    _PUBLISHER.publish()
    body = _exposition()
    media_type = "text/plain; version=0.0.4; charset=utf-8"
    headers_sent = {"Content-Type": media_type, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
    return Response(200, headers_sent, body)


class _Published(NamedTuple):
    """The values that a process has published so far."""

    measurements: Measurements
    decisions: dict[str, int]
    usage_dropped: int
    log_lines_dropped: int
    #: By the name of the background thread.
    thread_failures: dict[str, int]
    thread_restarts: dict[str, int]


class Publisher:
    """Adds to prometheus_client's instruments what has been counted since the last time."""

    def __init__(self) -> None:
        self.thread = PeriodicThread("metrics", PUBLISH_INTERVAL_SECONDS, self.publish)
        self._lock = threading.Lock()
        self._instruments: _Instruments | None = None
        self._published = _Published(Measurements(), {}, 0, 0, {}, {})

    def publish(self) -> None:
        """Publish the counts of this process."""
        from keyadmin.callpath.state import (
            state,
        )  # imports models, but the first process of a server never sets up Django

        with self._lock:
            if self._instruments is None:
                self._instruments = _Instruments()
            now = _Published(
                state.metrics.read(),
                state.usage.decisions,
                state.usage.dropped,
                logs.writer.dropped,
                {thread.name: thread.failures for thread in background_threads},
                {thread.name: thread.restarts for thread in background_threads},
            )
            self._instruments.add(now, self._published, is_breaker_open=state.circuit_breaker.is_open())
            self._published = now


class _Instruments:
    """prometheus_client's instruments, which write to the files of this process."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram  # reads PROMETHEUS_MULTIPROC_DIR when it is imported

        self.decisions = Counter("keyadmin_decisions", "Calls decided, by reason; ok is allowed.", ["reason"])
        self.consumes = Histogram(
            "keyadmin_consume_seconds", "Time to count a call against its limit.", buckets=CONSUME_BUCKETS
        )
        self.statements = Counter("keyadmin_statements", "Statements of the call path.")
        self.connections_opened = Counter("keyadmin_connections_opened", "Connections that the call path opened.")
        self.usage_dropped = Counter("keyadmin_usage_dropped", "Usage counts that were never written.")
        self.log_lines_dropped = Counter(
            "keyadmin_log_lines_dropped", "Lines that were not logged, because the log was blocked or full."
        )
        self.thread_failures = Counter(
            "keyadmin_background_failures", "Runs of background threads that failed.", ["thread"]
        )
        self.thread_restarts = Counter(
            "keyadmin_background_restarts", "Background threads that had ended and were started again.", ["thread"]
        )
        gauge = partial(Gauge, multiprocess_mode="livesum")
        self.connections = gauge("keyadmin_connections", "Open connections of the call path.")
        self.circuit_breakers_open = gauge(
            "keyadmin_circuit_breakers_open", "Processes that send no statements because PostgreSQL did not answer."
        )

    def add(self, now: _Published, before: _Published, *, is_breaker_open: bool) -> None:
        """Add the difference to the counters, and set the gauges."""
        current, previous = now.measurements, before.measurements
        buckets = zip(current.consumes_by_bucket, previous.consumes_by_bucket, strict=True)
        for index, (count, count_before) in enumerate(buckets):
            if count > count_before:  # Histogram.observe takes one value at a time
                self.consumes._buckets[index].inc(count - count_before)
        self.consumes._sum.inc(current.consume_seconds - previous.consume_seconds)
        self.statements.inc(current.statements - previous.statements)
        self.connections_opened.inc(current.connections_opened - previous.connections_opened)
        self.connections.set(current.open_connections)
        self.circuit_breakers_open.set(is_breaker_open)
        self.usage_dropped.inc(now.usage_dropped - before.usage_dropped)
        self.log_lines_dropped.inc(now.log_lines_dropped - before.log_lines_dropped)
        for counter, counts, counts_before in (
            (self.decisions, now.decisions, before.decisions),
            (self.thread_failures, now.thread_failures, before.thread_failures),
            (self.thread_restarts, now.thread_restarts, before.thread_restarts),
        ):
            for label, count in counts.items():
                counter.labels(label).inc(count - counts_before.get(label, 0))


_PUBLISHER: Final = Publisher()


class AllProcessesCollector:
    """The sums over the files of all processes. A process that has ended keeps its counters and loses its gauges."""

    def collect(self) -> Iterable["Metric"]:
        from prometheus_client.multiprocess import MultiProcessCollector

        files = [str(file) for file in _root().glob("*/*.db") if _is_current(file)]
        merge: Callable[..., Iterable[Metric]] = MultiProcessCollector.merge  # untyped in the library
        return merge(files, accumulate=True)


class InstallationCollector:
    """The release, and the state of background work. Without a database, only the release."""

    def collect(self) -> Iterable["Metric"]:
        from prometheus_client.core import GaugeMetricFamily

        from keyadmin.callpath.connection import DatabaseUnavailableError
        from keyadmin.callpath.state import state
        from keyadmin.server import worker_status

        build = GaugeMetricFamily("keyadmin_build_info", "The release of keyadmin.", labels=["version"])
        build.add_metric([__version__], 1)
        yield build
        state.database.start_call()
        try:
            status = worker_status.read()
        except DatabaseUnavailableError:
            return
        yield from _background_work_metrics(status)


def _background_work_metrics(status: "WorkerStatus") -> Iterable["Metric"]:
    from prometheus_client.core import GaugeMetricFamily

    yield GaugeMetricFamily("keyadmin_outbox_jobs", "Jobs that wait in the outbox.", status.waiting_jobs)
    yield GaugeMetricFamily(
        "keyadmin_outbox_oldest_job_seconds", "Age of the oldest job that waits.", status.oldest_job_age or 0
    )
    yield GaugeMetricFamily(
        "keyadmin_outbox_failed_jobs", "Jobs that failed permanently in the last 30 days.", status.failed_jobs
    )
    if status.worker_age is not None:
        yield GaugeMetricFamily(
            "keyadmin_worker_seen_seconds", "Seconds since a worker was seen last.", status.worker_age
        )
    runs = GaugeMetricFamily(
        "keyadmin_maintenance_last_success_timestamp_seconds", "Last success of each maintenance task.", labels=["task"]
    )
    for task, timestamp in status.maintenance_runs.items():
        runs.add_metric([task], timestamp)
    yield runs


def _exposition() -> bytes:
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

    installation = CollectorRegistry()
    installation.register(InstallationCollector())
    if _FOLDER_VARIABLE not in os.environ:
        return generate_latest(REGISTRY) + generate_latest(installation)
    installation.register(AllProcessesCollector())
    return generate_latest(installation)


def _is_current(file: Path) -> bool:
    """Whether the values in a process's file count. Gauges count only while the process runs."""
    return not file.name.startswith("gauge_live") or _is_alive(file.stem.replace("_", "-"))


def _is_alive(name: str) -> bool:
    """Whether the process whose id ends the name is running."""
    digits = name.rpartition("-")[2]
    if not digits.isdecimal() or int(digits) == 0:
        return False
    try:
        os.kill(int(digits), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it runs as another user
        return True
    return True


def _may_read(authorization: Sequence[str]) -> bool:
    if not conf.metrics_token or len(authorization) != 1:
        return False
    scheme, _, token = authorization[0].partition(" ")
    expected = conf.metrics_token.encode()
    return scheme.lower() == "bearer" and hmac.compare_digest(
        token.strip(" ").encode("utf-8", "surrogateescape"), expected
    )


def _root() -> Path:
    folder = env.text("KEYADMIN_METRICS_DIR", "")
    return Path(folder).absolute() if folder else env.local_folder() / "metrics"
