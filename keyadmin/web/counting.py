"""Counts for people, which stop: nobody needs to know 83,412, and counting that far is slow."""

from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.utils.translation import gettext

from keyadmin.models.counts import LIMIT


def capped(querysets: dict[str, QuerySet[Any]]) -> dict[str, int]:
    """The rows of each, in one statement; LIMIT + 1 stands for "more"."""
    parts: list[str] = []
    parameters: list[Any] = []
    for rows in querysets.values():
        sql, values = rows.order_by().values("pk")[: LIMIT + 1].query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({sql}) AS counted)")  # noqa: S608 - SQL that Django wrote
        parameters += values
    if not parts:
        return {}
    connection = connections[next(iter(querysets.values())).db]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", parameters)
        return dict(zip(querysets, cursor.fetchone(), strict=True))


def words(count: int) -> str:
    """`24`, or `1,000+`."""
    return gettext("1,000+") if count > LIMIT else f"{count:,}"
