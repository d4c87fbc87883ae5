"""The catalogue's routes, compiled once per process and catalogue version."""

from operator import itemgetter
from threading import Lock

from psycopg.rows import class_row

from keyadmin.callpath.connection import Database
from keyadmin.core import routes


class RouteTableCache:
    """Keeps the newest route table that this process has loaded."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._newest: tuple[int, routes.Table] = (0, routes.compile_table(()))

    def get(self, version: int) -> routes.Table:
        """The table of that catalogue version or a newer one; `consume` compares versions afterwards.

        Loads the table if this process has none that new. Raises DatabaseUnavailableError.
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
