"""Indices by which lists of a million keys are sorted, filtered and searched."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations
from django.db.models import F, Index, Q
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0024_chain_head")]

    operations = [
        TrigramExtension(),
        migrations.AddIndex("key", Index(fields=["name", "id"], name="key_by_name")),
        migrations.AddIndex("key", Index(F("expires_at").desc(nulls_last=True), F("id").desc(), name="key_by_expiry")),
        migrations.AddIndex(
            "key", Index(fields=["revoked_at"], condition=Q(revoked_at__isnull=False), name="key_revoked")
        ),
        migrations.AddIndex(
            "key",
            GinIndex(
                *(OpClass(Upper(column), "gin_trgm_ops") for column in ("name", "key_id", "recognition")),
                name="key_search",
            ),
        ),
    ]
