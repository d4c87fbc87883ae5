"""The catalogue's routes as the call path wants them: compiled once in a process for each of its versions."""

from operator import itemgetter
from threading import Lock

from keyadmin.callpath.connection import execute
from keyadmin.core import routes


def table(version: int) -> routes.Table:
    """Those of a version, read if this process has none as new. Newer ones also do: the draw compares."""
    global _table
    known = _table
    if known[0] < version:
        rows = execute("SELECT method, pattern, scope_id, channel_from FROM scope_route", {})
        known = (version, routes.compile(routes.Route(*row) for row in rows))
        with _lock:
            _table = max(known, _table, key=itemgetter(0))
    return known[1]


def knows(version: int) -> bool:
    """Whether `table` would not ask the database."""
    return _table[0] >= version


_lock = Lock()
_table: tuple[int, routes.Table] = (0, routes.compile(()))
