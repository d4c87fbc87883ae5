"""How often a row has been changed."""

from django.db import models


class Revised(models.Model):
    """`revision` counts what was done to the row, so that who edits what has changed since they read it is told."""

    revision = models.PositiveIntegerField(default=1, db_default=1)

    class Meta:
        abstract = True
