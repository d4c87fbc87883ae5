"""The catalogue's routes, loaded and compiled once in each process for each version of the catalogue."""

from operator import itemgetter
from threading import Lock

from psycopg.rows import class_row

from keyadmin.callpath.connection import Database
from keyadmin.core import routes


class RouteTableCache:
    """Keeps the newest route table that this process has loaded. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._newest: tuple[int, routes.Table] = (0, routes.compile_table(()))

    def get(self, version: int) -> routes.Table:
        """The table of that version of the catalogue, or of a newer one: consumption checks the version afterwards.

        Loads the table if this process has only an older one. Raises DatabaseUnavailableError.
        """
        known = self._newest
        if known[0] < version:
            sql = "SELECT method, pattern, scope_id AS scope, channel_from FROM scope_route"
            known = (version, routes.compile_table(self._database.fetch(sql, {}, class_row(routes.Route))))
            with self._lock:
                self._newest = max(known, self._newest, key=itemgetter(0))
        return known[1]

    def has(self, version: int) -> bool:
        """Whether `get` would send no statement."""
        return self._newest[0] >= version
