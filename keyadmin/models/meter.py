"""A key's meter, and the versions that make a cached snapshot stale.

Neither has a foreign key: the lock a foreign key takes would deadlock with an operation's.
"""

from typing import Final
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

#: Whole minutes in the window plus the running one.
CELLS: Final = 61
#: The subject of the catalogue's version (scopes, routes, tiers, system roles).
CATALOGUE: Final = UUID(int=0)


class Version(models.Model):
    """A counter that every change to its subject bumps: one row an organisation, one for the catalogue."""

    subject = models.UUIDField(primary_key=True)
    number = models.BigIntegerField(default=1)

    class Meta:
        db_table = "version"

    def __str__(self) -> str:
        return f"{self.subject} {self.number}"


class Meter(models.Model):
    """Counts a key's calls: the last rolling hour minute by minute, and in total."""

    #: No constraint, only the way from a key to its meter.
    key = models.OneToOneField(
        "keyadmin.Key", primary_key=True, db_constraint=False, on_delete=models.DO_NOTHING, related_name="meter"
    )
    version = models.BigIntegerField(default=1)
    #: Minutes since the epoch of `cells[1]`, the newest cell.
    minute = models.BigIntegerField(default=0)
    #: Sum of all cells.
    used = models.BigIntegerField(default=0)
    #: Calls by minute, newest first; 61 of them.
    cells = ArrayField(models.IntegerField(), size=CELLS)
    total = models.BigIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True)
    last_used_ip = models.GenericIPAddressField(null=True)
    #: Written when the day changes, so that the index it carries does not cost the other updates theirs.
    last_used_day = models.DateField(null=True, db_index=True)

    class Meta:
        db_table = "meter"
        # The last used first, and the never used last.
        indexes = (models.Index(models.F("last_used_day").desc(nulls_last=True), name="meter_by_day"),)
        constraints = (
            models.CheckConstraint(condition=models.Q(cells__len=CELLS), name="meter_cells_61"),
            models.CheckConstraint(condition=models.Q(used__gte=0), name="meter_used_not_negative"),
        )

    def __str__(self) -> str:
        return str(self.key_id)
