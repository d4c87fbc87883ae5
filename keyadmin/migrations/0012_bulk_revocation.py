"""Bulk revocations: the keys that a background job revokes, and what it has done with each of them."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keyadmin", "0011_idempotency_digests"),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkRevocation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                ("key_count", models.PositiveIntegerField()),
                ("started_by", models.CharField(max_length=254)),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("begun_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
                ("stopped_by", models.CharField(blank=True, default="", max_length=254)),
            ],
            options={
                "db_table": "bulk_revocation",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("finished_at__isnull", True), ("stopped_at__isnull", True), _connector="OR"
                        ),
                        name="bulk_revocation_one_end",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BulkRevocationKey",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("key_id", models.UUIDField()),
                ("name", models.CharField(max_length=120)),
                ("masked", models.CharField(max_length=40)),
                ("owner", models.CharField(max_length=120)),
                ("is_of_bot", models.BooleanField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("waiting", "Not revoked"),
                            ("revoked", "Revoked"),
                            ("already_revoked", "It was already revoked."),
                            ("deleted", "It was deleted."),
                            ("forbidden", "The person who started this has no permission to revoke it any more."),
                            ("disabled", "Its organisation is disabled."),
                            ("failed", "It could not be revoked."),
                        ],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("at", models.DateTimeField(null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="keyadmin.organisation"
                    ),
                ),
                (
                    "revocation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="keys", to="keyadmin.bulkrevocation"
                    ),
                ),
            ],
            options={
                "db_table": "bulk_revocation_key",
                "indexes": [models.Index(fields=["revocation", "outcome", "id"], name="bulk_revocation_key_outcome")],
                "constraints": [
                    models.UniqueConstraint(fields=("revocation", "key_id"), name="bulk_revocation_key_unique"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                ["waiting", "revoked", "already_revoked", "deleted", "forbidden", "disabled", "failed"],
                            )
                        ),
                        name="bulk_revocation_key_outcome_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("outcome", "waiting"), ("at__isnull", False), _connector="XOR"),
                        name="bulk_revocation_key_at",
                    ),
                ],
            },
        ),
    ]
