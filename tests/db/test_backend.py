"""The probe of the pages' database backend."""

import gc

from psycopg.conninfo import make_conninfo

from keyadmin.db.backend.base import server_responds


def test_probe_of_the_server_leaves_no_connection_open(database_url: str) -> None:
    """A connection that is deleted while it is open raises a warning, which fails the test."""
    assert server_responds(database_url)
    gc.collect()


def test_rejected_connection_counts_as_a_response(database_url: str) -> None:
    assert server_responds(make_conninfo(database_url, dbname="nowhere"))
