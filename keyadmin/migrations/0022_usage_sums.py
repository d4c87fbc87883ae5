"""Sums of usage by day, of keys, bots, organisations and everybody; how long usage is kept, and what finds the old."""

from django.db import migrations, models

_OUTCOMES = [
    ("ok", "Allowed"),
    ("revoked", "Revoked"),
    ("expired", "Expired"),
    ("paused", "Paused"),
    ("address", "IP not allowed"),
    ("unmapped", "Nothing opens this call"),
    ("scope", "No permission"),
    ("channel", "Channel not allowed"),
    ("impersonation", "May not act for a person"),
    ("on_behalf_of", "Nobody to act for"),
    ("limited", "Limited"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("keyadmin", "0021_last_call"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key_id", "day", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_id", models.UUIDField()),
                ("day", models.DateField()),
                ("allowed", models.BigIntegerField()),
                ("denied", models.BigIntegerField()),
            ],
            options={
                "db_table": "key_day",
            },
        ),
        migrations.CreateModel(
            name="UsageDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "subject",
                        "part",
                        "day",
                        "outcome",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("subject", models.UUIDField()),
                ("part", models.CharField(choices=[("all", "All keys"), ("own", "Keys of no bot")], max_length=3)),
                ("day", models.DateField()),
                ("outcome", models.CharField(choices=_OUTCOMES, max_length=16)),
                ("count", models.BigIntegerField()),
            ],
            options={
                "db_table": "usage_day",
            },
        ),
        migrations.CreateModel(
            name="UsageRollUp",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("hours_until", models.DateTimeField()),
                ("days_until", models.DateTimeField()),
            ],
            options={
                "db_table": "usage_roll_up",
            },
        ),
        migrations.AddField(
            model_name="organisation",
            name="usage_days",
            field=models.PositiveIntegerField(default=400),
        ),
        migrations.AddIndex(
            model_name="addressday",
            index=models.Index(fields=["day"], name="address_day_day"),
        ),
        migrations.AddIndex(
            model_name="scopeday",
            index=models.Index(fields=["day"], name="scope_day_day"),
        ),
        migrations.AddIndex(
            model_name="usagehour",
            index=models.Index(fields=["hour"], name="usage_hour_hour"),
        ),
        migrations.AddConstraint(
            model_name="organisation",
            constraint=models.CheckConstraint(
                condition=models.Q(("usage_days__range", (90, 3650))), name="organisation_usage_days_range"
            ),
        ),
        migrations.AddIndex(
            model_name="keyday",
            index=models.Index(fields=["day"], name="key_day_day"),
        ),
        migrations.AddConstraint(
            model_name="usageday",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", [value for value, _ in _OUTCOMES])), name="usage_day_outcome_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="usageday",
            constraint=models.CheckConstraint(
                condition=models.Q(("part__in", ["all", "own"])), name="usage_day_part_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="usagerollup",
            constraint=models.CheckConstraint(condition=models.Q(("id", 1)), name="usage_roll_up_single"),
        ),
    ]
