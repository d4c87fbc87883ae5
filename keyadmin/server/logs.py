"""Logging: one format for every sink, and nothing key-shaped in any of them.

structlog and the standard library's loggers (Django's, gunicorn's, warnings) end in the same formatter: JSON
lines in production, readable lines elsewhere, on standard error. Every value passes `clean()` last, so what a
message, its arguments, a traceback or a nested value brings in is redacted and its control characters are
escaped.

Bind what belongs to a request with `structlog.contextvars.bind_contextvars(request_id=…)`. The call that a thread has
in hand is told by `current_call`, which costs it less.
"""

import logging.config
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from keyadmin import env
from keyadmin.core.callers import current_call
from keyadmin.core.redaction import clean, clean_field, escape, redact


def name_the_call(logger: WrappedLogger | None, method: str, event: EventDict) -> EventDict:
    """A processor: whatever is logged while a call is answered says whose and which it is."""
    if (call := current_call.get()) is not None:
        event.setdefault("key", str(call[0]))
        event.setdefault("request_id", call[1])
    return event


_SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    name_the_call,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def clean_event(logger: WrappedLogger | None, method: str, event: EventDict) -> EventDict:
    """The last processor before rendering: clean every field; a traceback keeps its lines."""
    traceback = event.pop("exception", None)
    cleaned = {clean(name): clean_field(name, value) for name, value in event.items()}
    if traceback:
        cleaned["exception"] = escape(redact(str(traceback)), keep="\n\t")
    return cleaned


def _without_extras(logger: WrappedLogger | None, method: str, event: EventDict) -> EventDict:
    """Drop structlog's notes to itself."""
    return {name: value for name, value in event.items() if not name.startswith("_")}


def configure(environment: str) -> None:
    """Set structlog and the standard library's logging up; safe to repeat."""
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
    logging.config.dictConfig(standard(environment))


def standard(environment: str) -> dict[str, Any]:
    """The dictionary for logging.config (and gunicorn) that sends every logger through the one formatter."""
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
    # A line costs as much as the decision it tells of; that a call was allowed is counted in any case.
    calls = {"level": "DEBUG"} if env.flag("KEYADMIN_LOG_ALLOWED") else {}
    own: dict[str, Any] = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"keyadmin": formatter},
        "handlers": {"stderr": stderr},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django and gunicorn bring handlers of their own; without them everything reaches the root's.
            "django": own,
            "django.server": own,
            "gunicorn.error": own | {"level": level},
            "keyadmin.calls": own | calls,
            "gunicorn.access": own | {"level": "WARNING"},  # keyadmin logs every request itself
        },
    }
