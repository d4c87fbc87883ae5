"""Indices of long lists: keys by status, master keys among all others, ranges by owner."""

from django.db import migrations
from django.db.models import Index, Q
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0027_history_parts")]

    operations = [
        migrations.RemoveIndex("key", "key_not_revoked"),
        migrations.AddIndex(
            "key",
            Index(
                fields=["organisation", "expires_at"],
                include=("id", "bot"),
                condition=Q(revoked_at=None),
                name="key_not_revoked",
            ),
        ),
        migrations.AddIndex("key", Index(fields=["organisation"], condition=Q(kind="master"), name="key_master")),
        migrations.AddIndex("allowlistentry", Index(Coalesce("bot_id", "key_id"), "id", name="allow_list_owner")),
    ]
