"""Sessions of people who use the API with tokens, and what history says of them."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from keyadmin.models import EventType


class Migration(migrations.Migration):
    dependencies = [("keyadmin", "0012_clock_set_back")]

    operations = [
        migrations.AlterField(
            model_name="event", name="verb", field=models.CharField(choices=EventType.choices, max_length=40)
        ),
        migrations.CreateModel(
            name="TokenSession",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("binding", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="token_sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"db_table": "token_session"},
        ),
        migrations.CreateModel(
            name="RefreshToken",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("digest", models.BinaryField(unique=True)),
                ("used_at", models.DateTimeField(null=True)),
                (
                    "session",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="refresh_tokens",
                        to="keyadmin.tokensession",
                    ),
                ),
            ],
            options={
                "db_table": "refresh_token",
                "constraints": (
                    models.CheckConstraint(condition=Exact(Length("digest"), 32), name="refresh_token_digest_length"),
                ),
            },
        ),
    ]
