"""Health for load balancers: `/healthz` says that the process is alive, `/readyz` whether it can decide calls.

Both answer without a credential and reveal no secret. They answer before the host name, HTTPS and the session are
checked. `/readyz` also names workers that have stopped and background threads that have failed. That does not make it
fail: the process still decides calls, and a load balancer that takes it out of service would not repair them.
"""

import json
import threading
from collections.abc import Callable
from functools import cache
from time import monotonic
from typing import Final, NamedTuple

from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from psycopg.rows import scalar_row, tuple_row

from keyadmin import __version__
from keyadmin.callpath.background import background_threads
from keyadmin.callpath.connection import DatabaseUnavailableError, StatementFailedError
from keyadmin.callpath.state import state
from keyadmin.conf import conf
from keyadmin.core.problems import Response
from keyadmin.server import worker_status

PATHS: Final = ("/healthz", "/readyz")
#: Seconds for which a result is reused, so that frequent requests do not load PostgreSQL.
CACHE_SECONDS: Final = 1.0


class Readiness(NamedTuple):
    """Name of a check → what is wrong. `failures` keep the process from deciding calls, `warnings` do not."""

    failures: dict[str, str]
    warnings: dict[str, str]


class HealthMiddleware:
    """Responds to PATHS in the web server."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in PATHS:
            return self.get_response(request)
        response = answer(request.path_info)
        return HttpResponse(response.body, status=response.status, headers=response.headers)


def answer(path: str) -> Response:
    """The response for a path of PATHS: 200, or 503 with the checks that failed."""
    if path == "/healthz":
        return _response(200, {"status": "ok", "version": __version__})
    readiness = _CHECKER.readiness()
    status = "unavailable" if readiness.failures else "ok"
    return _response(503 if readiness.failures else 200, {"status": status, **readiness.failures, **readiness.warnings})


class ReadinessChecker:
    """Runs the checks, at most once in CACHE_SECONDS for all threads of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._checked_at = -CACHE_SECONDS
        self._readiness = Readiness({}, {})

    def readiness(self) -> Readiness:
        """The result of the checks. It takes at most KEYADMIN_CALL_DEADLINE_SECONDS."""
        with self._lock:
            if monotonic() - self._checked_at > CACHE_SECONDS:
                self._readiness = _check()
                self._checked_at = monotonic()
            return self._readiness


_CHECKER: Final = ReadinessChecker()


def _check() -> Readiness:
    problems = background_threads.problems()
    background_threads.restart_dead()
    if dead := [thread.name for thread in background_threads if thread.is_dead]:
        return Readiness({"threads": f"Not running: {', '.join(dead)}."}, {})
    warnings = {"threads": problems} if problems else {}
    state.database.start_call()
    try:
        missing = {"migrations": _missing_migrations(), "peppers": _missing_peppers()}
        failures = {check: f"Missing: {', '.join(sorted(names))}." for check, names in missing.items() if names}
        if "migrations" not in failures and (text := worker_status.warning(worker_status.read())):
            warnings["worker"] = text
    except StatementFailedError:
        return Readiness({"database": "PostgreSQL refuses a statement. The log says why."}, warnings)
    except DatabaseUnavailableError:
        return Readiness({"database": "PostgreSQL does not answer in time."}, warnings)
    return Readiness(failures, warnings)


def _missing_migrations() -> set[str]:
    """Names of the newest migrations that are not applied, such as `keyadmin.0002_outbox`."""
    if state.database.fetch("SELECT to_regclass('django_migrations')::text", {}, scalar_row) == [None]:
        return {"all of them"}
    applied = set(state.database.fetch("SELECT app, name FROM django_migrations", {}, tuple_row))
    return {f"{app}.{name}" for app, name in _newest_migrations() - applied}


def _missing_peppers() -> set[str]:
    """Ids of peppers that stored secrets need and this process lacks: calls with those keys would be denied with 401.

    The statement reads one entry of the index for each pepper, not one for each secret.
    """
    if state.database.fetch("SELECT to_regclass('secret')::text", {}, scalar_row) == [None]:
        return set()
    pepper_ids = state.database.fetch(_PEPPERS_IN_USE, {}, scalar_row)
    return {str(pepper_id) for pepper_id in pepper_ids if pepper_id not in conf.peppers}


@cache
def _newest_migrations() -> frozenset[tuple[str, str]]:
    """The last migrations of every application, from the files."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.leaf_nodes())


def _response(status: int, document: dict[str, str]) -> Response:
    body = json.dumps(document).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
    }
    return Response(status, headers, body)


_PEPPERS_IN_USE: Final = """
    WITH RECURSIVE used (id) AS (
        SELECT min(pepper_id) FROM secret
        UNION ALL
        SELECT (SELECT min(pepper_id) FROM secret WHERE pepper_id > used.id) FROM used WHERE used.id IS NOT NULL
    )
    SELECT id FROM used WHERE id IS NOT NULL
"""
