"""Counts for people, which stop: nobody needs to know 83,412, and counting that far is slow."""

from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.utils.translation import gettext

from keyadmin.models.expressions import COUNT_LIMIT


def capped(querysets: dict[str, QuerySet[Any]]) -> dict[str, int]:
    """The rows of each, in one statement; COUNT_LIMIT + 1 stands for "more"."""
    return capped_where_few(querysets, {}, "")


def capped_where_few(querysets: dict[str, QuerySet[Any]], others: dict[str, QuerySet[Any]], few: str) -> dict[str, int]:
    """As `capped`; the others are only counted, and told of, where there are no more than COUNT_LIMIT rows of `few`."""
    if not querysets:
        return {}
    parts: list[str] = []
    parameters: list[Any] = []
    for rows in (*querysets.values(), *others.values()):
        sql, values = rows.order_by().values("pk")[: COUNT_LIMIT + 1].query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({sql}) AS counted)")  # noqa: S608 - SQL that Django wrote
        parameters += values
    first = [f"{part} AS c{place}" for place, part in enumerate(parts[: len(querysets)])]
    asked = f"c{list(querysets).index(few)}" if others else ""
    then = [f"CASE WHEN {asked} <= {COUNT_LIMIT} THEN {part} END" for part in parts[len(querysets) :]]
    # What is not asked for is not counted: PostgreSQL does so where it needs to know.
    statement = f"WITH first AS MATERIALIZED (SELECT {', '.join(first)}) SELECT {', '.join(['*', *then])} FROM first"  # noqa: S608
    with connections[next(iter(querysets.values())).db].cursor() as cursor:
        cursor.execute(statement, parameters)
        counts = zip([*querysets, *others], cursor.fetchone(), strict=True)
        return {name: count for name, count in counts if count is not None}


def words(count: int) -> str:
    """`24`, or `1,000+`."""
    return gettext("1,000+") if count > COUNT_LIMIT else f"{count:,}"
