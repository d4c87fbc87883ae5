"""Adds a note to the entries of allow-lists, and finds events of notes by the addresses in them.

The new function returns the same terms for all existing events, so the index stays valid.
"""

from typing import ClassVar

from django.db import migrations, models

from keyadmin.migrations import _sql


class Migration(migrations.Migration):
    dependencies: ClassVar = [("keyadmin", "0012_bulk_revocation")]

    operations: ClassVar = [
        migrations.AddField(
            "allowlistentry", "note", models.CharField(blank=True, db_default="", default="", max_length=200)
        ),
        *_sql.run("event_terms_of_notes"),
    ]
