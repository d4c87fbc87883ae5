"""Logging: one format for all loggers, without secrets.

structlog and the loggers of the standard library (Django's, gunicorn's, warnings) use the same formatter: JSON lines in
production, readable lines elsewhere, on standard error. Every value passes `clean()` last. So keys in a message, its
arguments, a traceback or a nested value are redacted, and control characters are escaped.

Bind the values of a request with `structlog.contextvars.bind_contextvars(request_id=…)`. The call path uses
`current_call` instead, which is faster.
"""

import logging.config
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from keyadmin import env
from keyadmin.core.callers import current_call
from keyadmin.core.redaction import clean, clean_field, escape, redact


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
    stderr = {"class": "logging.StreamHandler", "formatter": "keyadmin", "stream": "ext://sys.stderr"}
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
