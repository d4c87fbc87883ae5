"""The meters that count calls, and the versions that make cached snapshots stale.

Neither has a foreign key: the lock that a foreign key takes would deadlock with operations.
"""

from typing import Final
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

#: Cells of a meter: 60 full minutes and the current one.
CELLS: Final = 61
#: The subject of the version of what all organisations share: scopes, routes, tiers and system roles.
CATALOGUE: Final = UUID(int=0)


class Version(models.Model):
    """A counter that every change to its subject increments. A snapshot with an older number is stale.

    There is one row for each organisation and one for the catalogue. The version of a key is in its meter.
    """

    subject = models.UUIDField(primary_key=True)
    number = models.BigIntegerField(default=1)

    class Meta:
        db_table = "version"

    def __str__(self) -> str:
        return f"{self.subject} {self.number}"


class Meter(models.Model):
    """The calls of a key: minute by minute for the rolling hour, and in total."""

    #: Not a foreign key in the database; see above.
    key = models.OneToOneField(
        "keyadmin.Key", primary_key=True, db_constraint=False, on_delete=models.DO_NOTHING, related_name="meter"
    )
    version = models.BigIntegerField(default=1)
    #: The minute of the newest cell, in minutes since the epoch.
    minute = models.BigIntegerField(default=0)
    #: Sum of all cells.
    used = models.BigIntegerField(default=0)
    #: Calls by minute, the newest first: `cells[1]` in SQL, `cells[0]` here.
    cells = ArrayField(models.IntegerField(), size=CELLS)
    total = models.BigIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True)
    last_used_ip = models.GenericIPAddressField(null=True)
    #: Written only when the day changes: an update that changes no indexed column is cheaper (heap-only tuple, HOT).
    last_used_day = models.DateField(null=True, db_index=True)

    class Meta:
        db_table = "meter"
        # For lists by last use, in which keys that were never used come last.
        indexes = (models.Index(models.F("last_used_day").desc(nulls_last=True), name="meter_by_day"),)
        constraints = (
            models.CheckConstraint(condition=models.Q(cells__len=CELLS), name="meter_cells_61"),
            models.CheckConstraint(condition=models.Q(used__gte=0), name="meter_used_not_negative"),
        )

    def __str__(self) -> str:
        return str(self.key_id)
