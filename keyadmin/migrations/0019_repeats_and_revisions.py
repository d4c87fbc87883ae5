"""For clients of the API: whatever an Idempotency-Key made is remembered, and whatever two may edit has a revision."""

from django.db import migrations, models

NOUNS = ("allowlistentry", "bot", "channel", "organisation", "person", "scope", "tier")


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0018_draw")]

    operations = [
        migrations.RemoveConstraint(model_name="issuedonce", name="issued_once_unique"),
        migrations.RenameModel(old_name="IssuedOnce", new_name="IdempotencyRecord"),
        migrations.AlterModelTable(name="idempotencyrecord", table="done_once"),
        migrations.RenameField(model_name="idempotencyrecord", old_name="key_id", new_name="made"),
        migrations.AlterField(model_name="idempotencyrecord", name="made", field=models.CharField(max_length=64)),
        migrations.AddField(
            model_name="idempotencyrecord", name="asked", field=models.CharField(blank=True, default="", max_length=64)
        ),
        migrations.AddConstraint(
            model_name="idempotencyrecord",
            constraint=models.UniqueConstraint(fields=("actor_id", "nonce"), name="done_once_unique"),
        ),
        *(
            migrations.AddField(
                model_name=noun, name="revision", field=models.PositiveIntegerField(db_default=1, default=1)
            )
            for noun in NOUNS
        ),
        migrations.AlterField(
            model_name="key", name="revision", field=models.PositiveIntegerField(db_default=1, default=1)
        ),
    ]
