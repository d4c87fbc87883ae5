"""Counts that stop: nobody needs to know 83,412, and counting that far is slow."""

from typing import Any, Final

from django.db import models

#: One more stands for "more".
LIMIT: Final = 1_000


class CappedCount(models.Subquery):
    """How many rows have the annotated row's primary key in a column, LIMIT + 1 at most."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = models.IntegerField()

    def __init__(self, rows: models.Manager[Any], column: str) -> None:
        # A range of one value, which an index finds. Of an equality PostgreSQL may think that every so many rows fulfil
        # it, and read all of them in search of the first thousand where none does.
        asked = {f"{column}__{bound}": models.OuterRef("pk") for bound in ("gte", "lte")}
        super().__init__(rows.filter(**asked).order_by().values("pk")[: LIMIT + 1])
