"""Indices by which keys are counted by status, master keys found among a million others and allow-lists read."""

from django.db import migrations
from django.db.models import Index, Q
from django.db.models.functions import Coalesce

NOT_REVOKED = Q(revoked_at=None)


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0027_history_parts")]

    operations = [
        migrations.RemoveIndex("key", "key_not_revoked"),
        migrations.AddIndex(
            "key",
            Index(
                fields=["organisation", "expires_at"],
                include=("id", "bot"),
                condition=NOT_REVOKED,
                name="key_not_revoked",
            ),
        ),
        migrations.AddIndex("key", Index(fields=["organisation"], condition=Q(kind="master"), name="key_master")),
        migrations.AddIndex("allowlistentry", Index(Coalesce("bot_id", "key_id"), "id", name="allow_list_owner")),
    ]
