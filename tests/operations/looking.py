"""What tests look at afterwards."""

from typing import Any
from uuid import UUID

from django.db import connection, models

from keyadmin.models import Event, Meter, Version
from keyadmin.models.meter import CATALOGUE


def latest() -> Event:
    event: Event = Event.objects.order_by("-number").first()
    return event


def meter_version(key: models.Model) -> int:
    return Meter.objects.get(key_id=key.pk).version


def version(subject: models.Model | UUID = CATALOGUE) -> int:
    return Version.objects.get(subject=subject.pk if isinstance(subject, models.Model) else subject).number


def dump() -> dict[str, list[Any]]:
    """Every row of every table."""
    rows = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1')  # noqa: S608 - names from the database
            rows[table] = cursor.fetchall()
    return rows
