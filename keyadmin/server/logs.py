"""Logging: one format for all loggers, without secrets.

structlog and the loggers of the standard library (Django's, gunicorn's, warnings) use the same formatter: JSON lines in
production, readable lines elsewhere, on standard error. Every value passes `clean()` last. So keys in a message, its
arguments, a traceback or a nested value are redacted, and control characters are escaped.

Logging never blocks: a thread writes the lines. While standard error takes nothing, such as a pipe that is not read or
a full disk, lines beyond MAX_QUEUED_LINES are dropped and counted.

Bind the values of a request with `structlog.contextvars.bind_contextvars(request_id=…)`. The call path uses
`current_call` instead, which is faster.
"""

import atexit
import logging.config
import os
import queue
import select
import threading
import traceback
from time import monotonic
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from keyadmin import env
from keyadmin.core.callers import current_call
from keyadmin.core.redaction import clean, clean_field, escape, redact

#: Lines that wait to be written. A line takes about half a kilobyte.
MAX_QUEUED_LINES: Final = 2000
#: Seconds that a process which ends waits for its last lines to be written.
FLUSH_SECONDS: Final = 2.0
_STDERR: Final = 2
#: Loggers whose messages contain the path of the request.
_LOGGERS_OF_PATHS: Final = ("django.request", "django.security.csrf", "gunicorn.error")


class LogWriter:
    """Writes lines to standard error from a thread of its own. A forked child starts with an empty queue.

    logging's QueueHandler is not used: its listener does not survive a fork, and a full queue makes it write a
    traceback to the same blocked pipe.
    """

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset)
        atexit.register(self.flush)

    def _reset(self) -> None:
        #: Lines since the process started that were not written.
        self.dropped = 0
        self._queue: queue.Queue[str] = queue.Queue(MAX_QUEUED_LINES)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def write(self, line: str) -> None:
        """Queues a line. Never waits for the reader of standard error."""
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self._drop()
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def flush(self) -> None:
        """Waits until all lines have been written, for FLUSH_SECONDS at most."""
        deadline = monotonic() + FLUSH_SECONDS
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks and (left := deadline - monotonic()) > 0:
                self._queue.all_tasks_done.wait(left)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            line = self._queue.get()
            try:
                _write_all(f"{line}\n".encode(errors="backslashreplace"))
            except OSError:  # no reader, or a full disk
                self._drop()
            finally:
                self._queue.task_done()

    def _drop(self) -> None:
        with self._lock:
            self.dropped += 1


def _write_all(data: bytes) -> None:
    while data:
        try:
            data = data[os.write(_STDERR, data) :]
        except BlockingIOError:  # another process has made the pipe non-blocking
            select.select([], [_STDERR], [])


writer: Final = LogWriter()


class QueuedHandler(logging.Handler):
    """The only handler. It formats in the calling thread, whose context the line needs, and does not write."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            writer.write(self.format(record))
        except Exception:  # logging's own handleError() writes to standard error, which may block
            writer.write(escape(redact(traceback.format_exc()), keep="\n\t"))


def add_current_call(logger: WrappedLogger | None, method: str, event: EventDict) -> EventDict:
    """A processor that adds the key and the request id of the call that this thread decides."""
    if (call := current_call.get()) is not None:
        key, request_id = call
        event.setdefault("key", str(key))
        event.setdefault("request_id", request_id)
    return event


_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    add_current_call,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def clean_event(logger: WrappedLogger | None, method: str, event: EventDict) -> EventDict:
    """The last processor before rendering: it cleans every field. A traceback keeps its line breaks."""
    traceback = event.pop("exception", None)
    cleaned = {clean(name): clean_field(name, value) for name, value in event.items()}
    if event.get("logger") in _LOGGERS_OF_PATHS:
        cleaned["event"] = clean_field("path", event.get("event"))
    if traceback:
        cleaned["exception"] = escape(redact(str(traceback)), keep="\n\t")
    return cleaned


def _without_extras(logger: WrappedLogger | None, method: str, event: EventDict) -> EventDict:
    """Remove the fields that structlog adds for itself."""
    return {name: value for name, value in event.items() if not name.startswith("_")}


def configure(environment: str) -> None:
    """Configure structlog and the logging of the standard library. It may be called again."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(True)
    logging.config.dictConfig(logging_config(environment))


def logging_config(environment: str) -> dict[str, Any]:
    """The configuration for logging.config and gunicorn. All loggers use the same formatter."""
    renderer: Processor
    if environment == "production":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _SHARED,
        "processors": [_without_extras, structlog.processors.format_exc_info, clean_event, renderer],
    }
    stderr = {"class": "keyadmin.server.logs.QueuedHandler", "formatter": "keyadmin"}
    level = "INFO" if environment == "production" else "WARNING"
    # Writing a line takes as long as deciding the call. Allowed calls are counted in any case.
    calls = {"level": "DEBUG"} if env.flag("KEYADMIN_LOG_ALLOWED") else {}
    own: dict[str, Any] = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"keyadmin": formatter},
        "handlers": {"stderr": stderr},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Without handlers of their own, the loggers of Django and gunicorn use that of the root.
            "django": own,
            "django.server": own,
            "gunicorn.error": own | {"level": level},
            "keyadmin.calls": own | calls,
            "gunicorn.access": own | {"level": "WARNING"},  # keyadmin logs every request itself
        },
    }
