"""Access to the test database as its owner.

Servers, commands and tests connect with the application's role, as in production. The owner creates databases, reads
the activity of other sessions and tampers with history.
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
    """The URL of the same database with another role."""
    parts = urlsplit(url)
    return parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}").geturl()


def database_environ(url: str) -> dict[str, str]:
    """The environment variables with which a process uses that database, with the roles of production."""
    return {name: url_as(role, url) for name, role in ROLES.items()}


def owner_url() -> str:
    """The URL of this process's test database with its owner's role."""
    test_database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    return url_as(OWNER, test_database.geturl())


@contextmanager
def as_owner() -> Generator[None]:
    """Django connects as the owner. Use it outside a transaction."""
    application = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = OWNER
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = application


def execute_as_owner(statement: LiteralString, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Execute a statement in the test database as its owner, on a new connection; returns the rows."""
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        cursor = owner.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


REJECT_EVENTS: Final = "REVOKE INSERT ON event FROM keyadmin"


@contextmanager
def events_rejected() -> Generator[None]:
    """PostgreSQL rejects every event, also in open transactions."""
    execute_as_owner(REJECT_EVENTS)
    try:
        yield
    finally:
        execute_as_owner("GRANT INSERT ON event TO keyadmin")


@contextmanager
def append_only_disabled(url: str) -> Generator[psycopg.Connection[Any]]:
    """A transaction of the database's owner, with the triggers disabled that make history append-only."""
    with psycopg.connect(url_as(OWNER, url)) as owner:
        for table, trigger in _TRIGGERS.items():
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        yield owner
        for table, trigger in _TRIGGERS.items():
            owner.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


_TRIGGERS = {"event": "event_append_only", "chain_head": "chain_head_only_advances"}
