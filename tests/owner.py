"""PostgreSQL's roles in tests: live servers, commands and tests themselves are the application, as in production.

Its owner makes databases, sees what others do, and tampers with history.
"""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, LiteralString
from urllib.parse import urlsplit

import psycopg
from django.db import connection

from keyadmin.server.embedded_postgres import OWNER, ROLES


def url_as(role: str, url: str) -> str:
    """The same database, by another role."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}").geturl()


def of_database(url: str) -> dict[str, str]:
    """What tells a process of the database of that URL, with the roles of production."""
    return {name: url_as(role, url) for name, role in ROLES.items()}


def own_url() -> str:
    """The database of this process's tests, as its owner."""
    here = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    return url_as(OWNER, here.geturl())


@contextmanager
def as_owner() -> Generator[None]:
    """Django's connection is the owner's. Not within a transaction."""
    application = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = OWNER
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = application


def ask_as_owner(statement: LiteralString, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of a statement about the database of this process's tests, on a connection of its own."""
    with psycopg.connect(own_url(), autocommit=True) as own:
        cursor = own.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


CLOSE_HISTORY: Final = "REVOKE INSERT ON event FROM keyadmin"


@contextmanager
def history_closed() -> Generator[None]:
    """PostgreSQL refuses every event, whatever transaction is under way."""
    ask_as_owner(CLOSE_HISTORY)
    try:
        yield
    finally:
        ask_as_owner("GRANT INSERT ON event TO keyadmin")


@contextmanager
def history_open(url: str) -> Generator[psycopg.Connection[Any]]:
    """A transaction of who owns the database, and with it the triggers that keep history."""
    with psycopg.connect(url_as(OWNER, url)) as own:
        for table, trigger in _TRIGGERS.items():
            own.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")  # type: ignore[arg-type]
        yield own
        for table, trigger in _TRIGGERS.items():
            own.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")  # type: ignore[arg-type]


_TRIGGERS = {"event": "event_append_only", "chain_head": "chain_head_only_advances"}
