"""Questions about PostgreSQL's arrays that Django has no words for."""

from django.db import models


class IsOneOf(models.Func):
    """Whether a value is in an array."""

    template = "(%(expressions)s))"
    arg_joiner = " = ANY("
    output_field = models.BooleanField()
