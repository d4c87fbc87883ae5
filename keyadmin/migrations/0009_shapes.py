"""Shapes of digests, networks, public keys and counts that operations promise, kept by the database too."""

from django.db import migrations, models
from django.db.models.functions import Length
from django.db.models.lookups import Exact, GreaterThan

from keyadmin.models.network import Masklen


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0008_allow_list_index")]

    operations = [
        migrations.AddConstraint(
            model_name="allowlistentry",
            constraint=models.CheckConstraint(
                condition=GreaterThan(Masklen("network"), 0), name="allow_list_no_slash_0"
            ),
        ),
        migrations.AddConstraint(
            model_name="key",
            constraint=models.CheckConstraint(
                condition=~models.Q(kind="public") | models.Q(expires_at__isnull=True),
                name="key_public_never_expires",
            ),
        ),
        migrations.AddConstraint(
            model_name="secret",
            constraint=models.CheckConstraint(condition=Exact(Length("digest"), 32), name="secret_digest_length"),
        ),
        migrations.AddConstraint(
            model_name="usagehour",
            constraint=models.CheckConstraint(
                condition=models.Q(("count__gte", 0)), name="usage_hour_count_not_negative"
            ),
        ),
    ]
