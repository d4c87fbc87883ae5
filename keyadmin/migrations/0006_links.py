"""Verified addresses, home organisations, invitations, and password links as rows.

People with a system role count as verified: they administer the installation. Others verify their address at their next
sign-in; until then they can join no other organisation and get no system role. Links that were made before end.

The column `password_link_count` stays, with a default, because the previous release still writes it.
"""

import uuid
from typing import Any

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


def verify_system_roles(apps: Any, schema_editor: Any) -> None:
    people = apps.get_model("keyadmin", "Person").objects.using(schema_editor.connection.alias)
    people.exclude(system_role="").update(email_verified_at=django.db.models.functions.datetime.Now())


class Migration(migrations.Migration):
    dependencies = [
        ("keyadmin", "0005_email_normal_form"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField(model_name="person", name="password_link_count")],
            database_operations=[migrations.RunSQL("ALTER TABLE person ALTER password_link_count SET DEFAULT 0")],
        ),
        migrations.AddField(
            model_name="person",
            name="email_verified_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="person",
            name="home_organisation",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="keyadmin.organisation",
            ),
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("maker_label", models.CharField(max_length=254)),
                ("serial", models.PositiveIntegerField(default=1)),
                ("fingerprint", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
                ("email", models.EmailField(max_length=254)),
                ("name", models.CharField(max_length=120)),
                (
                    "role",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("owner", "Organisation owner"),
                            ("auditor", "Organisation auditor"),
                            ("member", "Member"),
                        ],
                        default="",
                        max_length=16,
                    ),
                ),
                (
                    "system_role",
                    models.CharField(
                        blank=True,
                        choices=[("administrator", "System administrator"), ("auditor", "System auditor")],
                        default="",
                        max_length=16,
                    ),
                ),
                (
                    "maker",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="invitations",
                        to="keyadmin.organisation",
                    ),
                ),
            ],
            options={
                "db_table": "invitation",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("email", "organisation"), name="invitation_unique", nulls_distinct=False
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("email", django.db.models.functions.text.Lower("email"))),
                        name="invitation_email_normal",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("organisation__isnull", True), ("role", "")),
                            models.Q(("organisation__isnull", False), ("role__in", ["owner", "auditor", "member"])),
                            _connector="OR",
                        ),
                        name="invitation_role_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("system_role__in", ["", "administrator", "auditor"])),
                        name="invitation_system_role_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PasswordLink",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("maker_label", models.CharField(max_length=254)),
                ("serial", models.PositiveIntegerField(default=1)),
                ("fingerprint", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("expires_at", models.DateTimeField()),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("given", "Made by an administrator"),
                            ("reset", "Requested on the sign-in page"),
                            ("confirmation", "To verify the address"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "maker",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="password_links",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "password_link",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("purpose__in", ["given", "reset", "confirmation"])),
                        name="password_link_purpose",
                    )
                ],
            },
        ),
        migrations.RunPython(verify_system_roles),
    ]
