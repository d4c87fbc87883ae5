"""Counts for display that stop at COUNT_LIMIT ("1,000+"), because an exact count of a large table is slow."""

from typing import Any

from django.db import connections
from django.db.models import QuerySet
from django.utils.translation import gettext

from keyadmin.models.expressions import COUNT_LIMIT

__all__ = ["COUNT_LIMIT", "capped_counts", "capped_counts_if_small", "format_count"]


def capped_counts(querysets: dict[str, QuerySet[Any]]) -> dict[str, int]:
    """The number of rows of each QuerySet, by name, in one statement. COUNT_LIMIT + 1 means "more than COUNT_LIMIT"."""
    return capped_counts_if_small(querysets, {}, "")


def capped_counts_if_small(
    querysets: dict[str, QuerySet[Any]], optional: dict[str, QuerySet[Any]], condition: str
) -> dict[str, int]:
    """As `capped_counts`. `optional` is counted only if `querysets[condition]` has at most COUNT_LIMIT rows.

    Otherwise the names in `optional` are missing in the result.
    """
    if not querysets:
        return {}
    parts: list[str] = []
    parameters: list[Any] = []
    for rows in (*querysets.values(), *optional.values()):
        sql, values = rows.order_by().values("pk")[: COUNT_LIMIT + 1].query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({sql}) AS counted)")  # noqa: S608 - SQL made by Django
        parameters += values
    required = [f"{part} AS c{index}" for index, part in enumerate(parts[: len(querysets)])]
    column = f"c{list(querysets).index(condition)}" if optional else ""
    # PostgreSQL evaluates the subquery of a CASE only when its condition is true.
    conditional = [f"CASE WHEN {column} <= {COUNT_LIMIT} THEN {part} END" for part in parts[len(querysets) :]]
    statement = (
        f"WITH first AS MATERIALIZED (SELECT {', '.join(required)}) "  # noqa: S608 - SQL made by Django
        f"SELECT {', '.join(['*', *conditional])} FROM first"
    )
    with connections[next(iter(querysets.values())).db].cursor() as cursor:
        cursor.execute(statement, parameters)
        counts = zip([*querysets, *optional], cursor.fetchone(), strict=True)
        return {name: count for name, count in counts if count is not None}


def format_count(count: int) -> str:
    """`24`, or `1,000+` for more than COUNT_LIMIT."""
    return gettext("1,000+") if count > COUNT_LIMIT else f"{count:,}"
