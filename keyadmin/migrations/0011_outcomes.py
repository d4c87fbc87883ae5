"""What became of calls: the refusals by reason, and by which scope, address and secret calls passed."""

from django.db import migrations, models

from keyadmin.migrations._sql import from_files

_LEDGER = from_files("ledger")


class Migration(migrations.Migration):
    dependencies = [
        ("keyadmin", "0010_password_reset_verbs"),
    ]

    operations = [
        migrations.CreateModel(
            name="AddressDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key_id", "day", "address", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_id", models.UUIDField()),
                ("day", models.DateField()),
                ("address", models.GenericIPAddressField()),
                ("count", models.BigIntegerField()),
                ("weight", models.BigIntegerField()),
            ],
            options={
                "db_table": "address_day",
            },
        ),
        migrations.CreateModel(
            name="LastDenial",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key_id", "reason", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_id", models.UUIDField()),
                (
                    "reason",
                    models.CharField(
                        choices=[
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
                        ],
                        max_length=16,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("address", models.GenericIPAddressField(null=True)),
            ],
            options={
                "db_table": "last_refusal",
            },
        ),
        migrations.CreateModel(
            name="ScopeDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key_id", "day", "scope", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_id", models.UUIDField()),
                ("day", models.DateField()),
                ("scope", models.CharField(max_length=60)),
                ("count", models.BigIntegerField()),
            ],
            options={
                "db_table": "scope_day",
            },
        ),
        migrations.CreateModel(
            name="SecretUse",
            fields=[
                ("secret_id", models.UUIDField(primary_key=True, serialize=False)),
                ("last_used_at", models.DateTimeField()),
            ],
            options={
                "db_table": "secret_use",
            },
        ),
        migrations.RemoveConstraint(
            model_name="usagehour",
            name="usage_hour_outcome_known",
        ),
        migrations.RunSQL(_LEDGER.reverse_sql or "", _LEDGER.sql),
        migrations.AlterField(
            model_name="usagehour",
            name="outcome",
            field=models.CharField(
                choices=[
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
                ],
                max_length=16,
            ),
        ),
        _LEDGER,
        from_files("outcomes"),
        migrations.AddConstraint(
            model_name="usagehour",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "outcome__in",
                        [
                            "ok",
                            "revoked",
                            "expired",
                            "paused",
                            "address",
                            "unmapped",
                            "scope",
                            "channel",
                            "impersonation",
                            "on_behalf_of",
                            "limited",
                        ],
                    )
                ),
                name="usage_hour_outcome_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="lastdenial",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "reason__in",
                        [
                            "revoked",
                            "expired",
                            "paused",
                            "address",
                            "unmapped",
                            "scope",
                            "channel",
                            "impersonation",
                            "on_behalf_of",
                            "limited",
                        ],
                    )
                ),
                name="last_refusal_reason_known",
            ),
        ),
    ]
