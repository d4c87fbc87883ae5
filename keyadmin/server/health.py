"""Whether this process lives (`/healthz`), and whether it can decide calls (`/readyz`): for load balancers.

Nobody signs in for either, and neither tells a secret. They are answered before hosts, https and sessions are
looked at.
"""

import json
import threading
from collections.abc import Callable
from functools import cache
from time import monotonic
from typing import Final

from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from psycopg.rows import scalar_row, tuple_row

from keyadmin.callpath.connection import DatabaseUnavailableError
from keyadmin.callpath.state import state
from keyadmin.conf import conf
from keyadmin.core.problems import Response

PATHS: Final = ("/healthz", "/readyz")
#: Seconds for which an answer is good: whoever asks all the time does not ask PostgreSQL all the time.
FRESH: Final = 1.0

_lock = threading.Lock()
_known: tuple[float, dict[str, str]] = (0.0, {})


class HealthMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in PATHS:
            return self.get_response(request)
        made = answer(request.path_info)
        return HttpResponse(made.body, status=made.status, headers=made.headers)


def answer(path: str) -> Response:
    """200, or 503 and which check failed."""
    failing = failures() if path == "/readyz" else {}
    body = json.dumps({"status": "unavailable" if failing else "ok", **failing}).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
    }
    return Response(503 if failing else 200, headers, body)


def failures() -> dict[str, str]:
    """What keeps this process from deciding calls: a check's name → what is wrong. Takes a second at most."""
    global _known
    with _lock:
        if monotonic() - _known[0] > FRESH:
            _known = (monotonic(), _checked())
        return _known[1]


def _checked() -> dict[str, str]:
    if dead := state.dead_threads():
        return {"threads": f"Not running: {', '.join(dead)}."}
    state.database.start_call()
    try:
        lacking = {"migrations": _missing_migrations(), "peppers": _missing_peppers()}
    except DatabaseUnavailableError:
        return {"database": "PostgreSQL does not answer in time."}
    return {check: f"Missing: {', '.join(sorted(names))}." for check, names in lacking.items() if names}


def _missing_migrations() -> set[str]:
    if state.database.fetch("SELECT to_regclass('django_migrations')::text", {}, scalar_row) == [None]:
        return {"all of them"}
    applied = set(state.database.fetch("SELECT app, name FROM django_migrations", {}, tuple_row))
    return {f"{app}.{name}" for app, name in _newest_migrations() - applied}


def _missing_peppers() -> set[str]:
    """Peppers that secrets are under and this machine lacks: their keys would be answered 401, as if wrong.

    The index is asked for each pepper once, not for each secret.
    """
    if state.database.fetch("SELECT to_regclass('secret')::text", {}, scalar_row) == [None]:
        return set()
    found = state.database.fetch(_PEPPERS_IN_USE, {}, scalar_row)
    return {str(number) for number in found if number not in conf.peppers}


@cache
def _newest_migrations() -> frozenset[tuple[str, str]]:
    """The last ones of every application, from the files."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).graph.leaf_nodes())


_PEPPERS_IN_USE: Final = """
    WITH RECURSIVE used (id) AS (
        SELECT min(pepper_id) FROM secret
        UNION ALL
        SELECT (SELECT min(pepper_id) FROM secret WHERE pepper_id > used.id) FROM used WHERE used.id IS NOT NULL
    )
    SELECT id FROM used WHERE id IS NOT NULL
"""
