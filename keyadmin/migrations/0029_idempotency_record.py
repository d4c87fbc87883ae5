"""Idempotency records under the names that the field uses."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0028_long_lists")]

    operations = [
        migrations.RemoveConstraint("idempotencyrecord", "done_once_unique"),
        migrations.AlterModelTable("idempotencyrecord", "idempotency_record"),
        migrations.RenameField("idempotencyrecord", "nonce", "idempotency_key"),
        migrations.RenameField("idempotencyrecord", "asked", "request_digest"),
        migrations.RenameField("idempotencyrecord", "made", "result_id"),
        migrations.AddConstraint(
            "idempotencyrecord",
            models.UniqueConstraint(fields=("actor_id", "idempotency_key"), name="idempotency_record_unique"),
        ),
    ]
