"""Keeps the hash up to which the chain is verified, and finds failed sign-ins by each of their client addresses.

A verification from before has no hash, so the next one starts at the first event. The index keeps the terms of existing
events: those with several client addresses, which no release has recorded, are found by these only after
`REINDEX INDEX CONCURRENTLY event_search_terms`.
"""

from typing import ClassVar

from django.db import migrations, models

from keyadmin.migrations import _sql


class Migration(migrations.Migration):
    dependencies: ClassVar = [("keyadmin", "0019_key_by_prefix")]

    operations: ClassVar = [
        migrations.AddField("chaincheck", "hash", models.BinaryField(default=b"", db_default=b"")),
        *_sql.run("event_terms_of_addresses"),
    ]
