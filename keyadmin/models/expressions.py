"""Query expressions that Django does not provide."""

from typing import Any, Final

from django.db import models

#: Counts for pages stop here. A count of COUNT_LIMIT + 1 means "more than COUNT_LIMIT".
COUNT_LIMIT: Final = 1_000


class EqualsAny(models.Func):
    """`EqualsAny(value, array)` is `value = ANY(array)`: whether the array contains the value."""

    template = "(%(expressions)s))"
    arg_joiner = " = ANY("
    output_field = models.BooleanField()


class CappedCount(models.Subquery):
    """The number of rows whose `column` is the annotated row's primary key, at most COUNT_LIMIT + 1."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = models.IntegerField()

    def __init__(self, rows: models.Manager[Any], column: str) -> None:
        # Two comparisons instead of an equality, so that PostgreSQL uses the index. For an equality it may estimate
        # that matching rows are frequent, and read the whole table to find the first COUNT_LIMIT.
        same_row = {f"{column}__{bound}": models.OuterRef("pk") for bound in ("gte", "lte")}
        super().__init__(rows.filter(**same_row).order_by().values("pk")[: COUNT_LIMIT + 1])
