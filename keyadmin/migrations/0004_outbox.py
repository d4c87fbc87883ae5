"""The outbox of background jobs, its worker processes, and the last runs of maintenance tasks."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keyadmin", "0003_first_rows"),
    ]

    operations = [
        migrations.CreateModel(
            name="MaintenanceRun",
            fields=[
                ("task", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("succeeded_at", models.DateTimeField()),
            ],
            options={
                "db_table": "maintenance_run",
            },
        ),
        migrations.CreateModel(
            name="WorkerProcess",
            fields=[
                ("name", models.CharField(max_length=300, primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "db_table": "worker_process",
            },
        ),
        migrations.RenameField(
            model_name="expirynotice",
            old_name="claimed_at",
            new_name="queued_at",
        ),
        migrations.CreateModel(
            name="OutboxJob",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=40)),
                ("payload", models.JSONField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("claim", models.UUIDField(null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=100)),
                ("failed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "outbox_job",
                "indexes": [
                    models.Index(
                        condition=models.Q(("failed_at", None)), fields=["due_at", "id"], name="outbox_job_due"
                    )
                ],
            },
        ),
    ]
