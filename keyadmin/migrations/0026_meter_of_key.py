"""The way from a key to its meter, and an index by which keys are listed in the order of their last use."""

from django.db import migrations, models
from django.db.models import F, Index


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0025_key_lists")]

    operations = [
        # The column stays as it is, without a constraint.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField("meter", "key_id", "key"),
                migrations.AlterField(
                    "meter",
                    "key",
                    models.OneToOneField(
                        to="keyadmin.key",
                        primary_key=True,
                        serialize=False,
                        db_constraint=False,
                        on_delete=models.DO_NOTHING,
                        related_name="meter",
                    ),
                ),
            ]
        ),
        migrations.AddIndex("meter", Index(F("last_used_day").desc(nulls_last=True), name="meter_by_day")),
    ]
