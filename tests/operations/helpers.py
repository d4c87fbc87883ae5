"""Helpers of tests of operations: issue a key, and read what an operation wrote."""

from typing import Any
from uuid import UUID

from django.db import connection, models

from keyadmin.models import Event, Key, Meter, Organisation, Person, Version
from keyadmin.models.meter import CATALOGUE
from keyadmin.operations import keys
from tests.factories import OPERATOR, as_actor


def issue(actor: Person | Key | None, organisation: Organisation, **values: Any) -> keys.IssuedKey:
    """Issue a key with valid defaults for all other values. None acts as the operator."""
    values = {"name": "CI", "scopes": ["chats:read"]} | values
    return keys.issue(actor=as_actor(actor) if actor else OPERATOR, organisation=organisation.id, **values)


def latest_event() -> Event:
    """The newest event of the whole history."""
    return Event.objects.latest("number")


def meter_version(key: models.Model) -> int:
    return Meter.objects.get(key_id=key.pk).version


def version(subject: models.Model | UUID = CATALOGUE) -> int:
    return Version.objects.get(subject=subject.pk if isinstance(subject, models.Model) else subject).number


def dump() -> dict[str, list[Any]]:
    """Every row of every table, by table."""
    with connection.cursor() as cursor:
        rows: dict[str, list[Any]] = {table: [] for table in connection.introspection.table_names(cursor)}
        selects = [f"SELECT '{table}', t::text FROM \"{table}\" t" for table in rows]  # noqa: S608 - from the database
        cursor.execute(" UNION ALL ".join(selects) + " ORDER BY 1, 2")
        for table, row in cursor.fetchall():
            rows[table].append(row)
    return rows
