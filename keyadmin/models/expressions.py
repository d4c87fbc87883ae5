"""Query expressions that Django does not provide."""

from typing import Any, Final

from django.db import models

#: Counts stop here. A result of COUNT_LIMIT + 1 means "more than COUNT_LIMIT".
COUNT_LIMIT: Final = 1_000


class EqualsAny(models.Func):
    """`value = ANY(array)`: whether an array contains a value."""

    template = "(%(expressions)s))"
    arg_joiner = " = ANY("
    output_field = models.BooleanField()


class CappedCount(models.Subquery):
    """The number of rows whose `column` is the annotated row's primary key, at most COUNT_LIMIT + 1."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = models.IntegerField()

    def __init__(self, rows: models.Manager[Any], column: str) -> None:
        # A range of one value makes PostgreSQL use the index. For an equality it may assume that matching rows are
        # common and read the whole table in search of the first thousand, although there is none.
        same_row = {f"{column}__{bound}": models.OuterRef("pk") for bound in ("gte", "lte")}
        super().__init__(rows.filter(**same_row).order_by().values("pk")[: COUNT_LIMIT + 1])
