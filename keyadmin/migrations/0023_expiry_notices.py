"""Who was told of which key's end."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0022_usage_sums")]

    operations = [
        migrations.CreateModel(
            name="ExpiryNotice",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key_id",
                        "person_id",
                        "expires_at",
                        "days",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("key_id", models.UUIDField()),
                ("person_id", models.UUIDField()),
                ("expires_at", models.DateTimeField()),
                ("days", models.PositiveSmallIntegerField()),
                ("begun_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "expiry_notice"},
        ),
        migrations.AddConstraint(
            model_name="expirynotice",
            constraint=models.CheckConstraint(
                condition=models.Q(("days__in", (1, 7, 14))), name="expiry_notice_days_known"
            ),
        ),
    ]
