"""Counts that stop: nobody needs to know 83,412, and counting that far is slow."""

from typing import Any, Final

from django.db import models

#: One more stands for "more".
LIMIT: Final = 1_000


class CappedCount(models.Subquery):
    """How many rows a QuerySet with OuterRef has, LIMIT + 1 at most: an annotation."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = models.IntegerField()

    def __init__(self, queryset: Any) -> None:
        super().__init__(queryset.order_by().values("pk")[: LIMIT + 1])
