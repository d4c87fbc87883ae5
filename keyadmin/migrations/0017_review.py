"""The review report: what was found of keys, and the indices by which it is found of few of them at once."""

from django.db import migrations, models

from keyadmin.migrations._sql import from_files

_FINDINGS = [
    ("never-used", "Never used"),
    ("unused", "Unused 90 days"),
    ("no-expiry", "No expiry"),
    ("expiring", "Expiring soon"),
    ("open", "Open to any IP"),
    ("full-access", "Full access"),
    ("permissions", "Permission unused"),
    ("owner-gone", "Owner gone"),
    ("any", "any"),
]


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0015_history_search")]

    operations = [
        migrations.CreateModel(
            name="ReviewBuild",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("event", models.BigIntegerField()),
            ],
            options={"db_table": "review_build"},
        ),
        migrations.AddConstraint(
            model_name="reviewbuild",
            constraint=models.CheckConstraint(condition=models.Q(("id", 1)), name="review_build_single"),
        ),
        migrations.CreateModel(
            name="ReviewFinding",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key_id", "finding", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_id", models.UUIDField()),
                ("finding", models.CharField(choices=_FINDINGS, max_length=12)),
                ("organisation_id", models.UUIDField()),
                ("total", models.PositiveSmallIntegerField()),
            ],
            options={"db_table": "review_finding"},
        ),
        migrations.AddIndex(
            model_name="reviewfinding",
            index=models.Index(fields=["finding", "-total", "-key_id"], name="review_finding_most"),
        ),
        migrations.AddIndex(
            model_name="reviewfinding",
            index=models.Index(fields=["organisation_id", "finding", "-total", "-key_id"], name="review_finding_of"),
        ),
        migrations.AddConstraint(
            model_name="reviewfinding",
            constraint=models.CheckConstraint(
                condition=models.Q(("finding__in", [value for value, _ in _FINDINGS])), name="review_finding_known"
            ),
        ),
        migrations.AddIndex(
            model_name="key",
            index=models.Index(
                condition=models.Q(("revoked_at", None)), fields=["organisation", "expires_at"], name="key_not_revoked"
            ),
        ),
        migrations.SeparateDatabaseAndState(
            [from_files("scope_day_order")],
            [
                migrations.AlterField(
                    model_name="scopeday",
                    name="pk",
                    field=models.CompositePrimaryKey(
                        "key_id", "scope", "day", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
            ],
        ),
    ]
