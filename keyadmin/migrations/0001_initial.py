"""The tables. Migration 0002 adds functions and triggers, and 0003 the first rows.

These three migrations create the schema of the first release and cannot be reversed: drop the database instead.
"""

import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
import django.db.models.lookups
import django.utils.timezone
from django.conf import settings
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models

import keyadmin.models.network


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        # For the index key_search.
        TrigramExtension(),
        # People
        migrations.CreateModel(
            name="Person",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("revision", models.PositiveIntegerField(db_default=1, default=1)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("email", models.EmailField(max_length=254, verbose_name="e-mail address")),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                (
                    "system_role",
                    models.CharField(
                        blank=True,
                        choices=[("administrator", "System administrator"), ("auditor", "System auditor")],
                        default="",
                        max_length=16,
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("time_zone", models.CharField(blank=True, default="", max_length=64)),
                ("password_link_count", models.PositiveIntegerField(default=0)),
                ("session_generation", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "db_table": "person",
                "ordering": ("name", "id"),
                "constraints": [
                    models.UniqueConstraint(django.db.models.functions.text.Lower("email"), name="person_email_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("system_role__in", ["", "administrator", "auditor"])),
                        name="person_system_role_known",
                    ),
                ],
            },
        ),
        # Tiers, organisations and the people in them
        migrations.CreateModel(
            name="Tier",
            fields=[
                ("revision", models.PositiveIntegerField(db_default=1, default=1)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60, unique=True, verbose_name="name")),
                ("hourly_limit", models.PositiveIntegerField(verbose_name="requests an hour")),
            ],
            options={
                "db_table": "tier",
                "ordering": ("hourly_limit", "name"),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("hourly_limit__gt", 0)), name="tier_limit_positive")
                ],
            },
        ),
        migrations.CreateModel(
            name="Organisation",
            fields=[
                ("revision", models.PositiveIntegerField(db_default=1, default=1)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("slug", models.SlugField(max_length=60, unique=True)),
                ("is_active", models.BooleanField(default=True)),
                (
                    "key_prefix",
                    models.CharField(
                        default="kad",
                        max_length=12,
                        validators=[django.core.validators.RegexValidator("^[a-z][a-z0-9]{1,11}$")],
                    ),
                ),
                (
                    "key_format",
                    models.CharField(
                        choices=[("default", "default"), ("compact", "compact")], default="default", max_length=8
                    ),
                ),
                (
                    "default_tier",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="keyadmin.tier"
                    ),
                ),
                ("default_expiry_days", models.PositiveIntegerField(blank=True, default=90, null=True)),
                ("max_expiry_days", models.PositiveIntegerField(blank=True, null=True)),
                ("may_never_expire", models.BooleanField(default=True)),
                ("usage_retention_days", models.PositiveIntegerField(default=400)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "db_table": "organisation",
                "ordering": ("name", "id"),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("usage_retention_days__range", (90, 3650))),
                        name="organisation_usage_retention_days_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("key_prefix__regex", "^[a-z][a-z0-9]{1,11}$")),
                        name="organisation_key_prefix_shape",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("key_format__in", ["default", "compact"])),
                        name="organisation_key_format_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("owner", "Organisation owner"),
                            ("auditor", "Organisation auditor"),
                            ("member", "Member"),
                        ],
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to="keyadmin.organisation",
                    ),
                ),
            ],
            options={
                "db_table": "membership",
                "constraints": [
                    models.UniqueConstraint(fields=("person", "organisation"), name="membership_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["owner", "auditor", "member"])), name="membership_role_known"
                    ),
                ],
            },
        ),
        # What keys refer to: bots, channels, scopes
        migrations.CreateModel(
            name="Bot",
            fields=[
                ("revision", models.PositiveIntegerField(db_default=1, default=1)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("description", models.CharField(blank=True, default="", max_length=500, verbose_name="description")),
                ("is_conversational", models.BooleanField(default=True, verbose_name="use as a conversational bot")),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="bots", to="keyadmin.organisation"
                    ),
                ),
            ],
            options={
                "db_table": "bot",
                "ordering": ("name", "id"),
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "name"), name="bot_name_unique"),
                    models.UniqueConstraint(fields=("id", "organisation"), name="bot_id_organisation_unique"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Channel",
            fields=[
                ("revision", models.PositiveIntegerField(db_default=1, default=1)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("slug", models.SlugField(max_length=60)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="channels", to="keyadmin.organisation"
                    ),
                ),
            ],
            options={
                "db_table": "channel",
                "ordering": ("name", "id"),
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "slug"), name="channel_slug_unique"),
                    models.UniqueConstraint(fields=("organisation", "name"), name="channel_name_unique"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Scope",
            fields=[
                ("revision", models.PositiveIntegerField(db_default=1, default=1)),
                ("name", models.CharField(max_length=60, primary_key=True, serialize=False)),
                ("resource", models.CharField(max_length=60, verbose_name="resource")),
                ("label", models.CharField(max_length=80, verbose_name="label")),
                ("caption", models.CharField(blank=True, default="", max_length=60, verbose_name="caption")),
                ("explanation", models.CharField(max_length=300, verbose_name="explanation")),
                ("ability", models.CharField(max_length=80)),
                ("is_sensitive", models.BooleanField(default=False)),
                ("position", models.PositiveIntegerField(default=100)),
            ],
            options={
                "db_table": "scope",
                "ordering": ("position", "name"),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "^[a-z][a-z-]*:[a-z][a-z-]*$")), name="scope_name_shape"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ScopeRoute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("method", models.CharField(max_length=10)),
                ("pattern", models.CharField(max_length=200)),
                (
                    "channel_from",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "No channel"),
                            ("header", "The X-Channel header"),
                            ("path", "The {channel} segment of the path"),
                        ],
                        default="",
                        max_length=8,
                    ),
                ),
                (
                    "scope",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="routes", to="keyadmin.scope"
                    ),
                ),
            ],
            options={
                "db_table": "scope_route",
                "ordering": ("pattern", "method", "id"),
                "constraints": [
                    models.UniqueConstraint(fields=("scope", "method", "pattern"), name="scope_route_unique"),
                    models.CheckConstraint(condition=models.Q(("pattern__startswith", "/")), name="scope_route_rooted"),
                    models.CheckConstraint(
                        condition=models.Q(("method__in", ["GET", "POST", "PUT", "PATCH", "DELETE"])),
                        name="scope_route_method_known",
                    ),
                ],
            },
        ),
        # Keys, their secrets and allow-lists
        migrations.CreateModel(
            name="Key",
            fields=[
                ("revision", models.PositiveIntegerField(db_default=1, default=1)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="keys", to="keyadmin.organisation"
                    ),
                ),
                (
                    "bot",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="keyadmin.bot",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("master", "Master User API key"),
                            ("standard", "API key"),
                            ("bot", "Bot API key"),
                            ("public", "Public API key"),
                        ],
                        default="standard",
                        max_length=8,
                    ),
                ),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("description", models.CharField(blank=True, default="", max_length=500, verbose_name="description")),
                ("prefix", models.CharField(max_length=12)),
                ("format", models.CharField(choices=[("default", "default"), ("compact", "compact")], max_length=8)),
                ("key_id", models.CharField(blank=True, max_length=40, null=True, unique=True)),
                ("recognition", models.CharField(max_length=8)),
                (
                    "tier",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="keys", to="keyadmin.tier"
                    ),
                ),
                ("inherits", models.BooleanField(default=False)),
                (
                    "creator",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="created_keys",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("created_by", models.CharField(max_length=200)),
                ("expires_at", models.DateTimeField(blank=True, db_index=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_reason", models.CharField(blank=True, default="", max_length=300)),
                ("created_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                (
                    "scopes",
                    models.ManyToManyField(blank=True, db_table="key_scope", related_name="keys", to="keyadmin.scope"),
                ),
                (
                    "channels",
                    models.ManyToManyField(
                        blank=True, db_table="key_channel", related_name="keys", to="keyadmin.channel"
                    ),
                ),
            ],
            options={
                "db_table": "key",
                "ordering": ("-created_at", "-id"),
                "indexes": [
                    models.Index(fields=["organisation", "-created_at", "-id"], name="key_of_organisation"),
                    models.Index(
                        condition=models.Q(("revoked_at", None)),
                        fields=["organisation", "expires_at"],
                        include=("id", "bot"),
                        name="key_not_revoked",
                    ),
                    models.Index(condition=models.Q(("kind", "master")), fields=["organisation"], name="key_master"),
                    models.Index(fields=["name", "id"], name="key_by_name"),
                    models.Index(
                        models.OrderBy(models.F("expires_at"), descending=True, nulls_last=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="key_by_expiry",
                    ),
                    models.Index(
                        condition=models.Q(("revoked_at__isnull", False)), fields=["revoked_at"], name="key_revoked"
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("name"), "gin_trgm_ops"
                        ),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("key_id"), "gin_trgm_ops"
                        ),
                        django.contrib.postgres.indexes.OpClass(
                            django.db.models.functions.text.Upper("recognition"), "gin_trgm_ops"
                        ),
                        name="key_search",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["master", "standard", "bot", "public"])), name="key_kind_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("bot__isnull", False), ("kind", "bot")),
                            models.Q(models.Q(("kind", "bot"), _negated=True), ("bot__isnull", True)),
                            _connector="OR",
                        ),
                        name="key_bot_kind_has_bot",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("kind", "public")), fields=("organisation",), name="key_one_public"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("format", "default"), ("key_id__isnull", False)),
                            models.Q(("format", "compact"), ("key_id__isnull", True)),
                            _connector="OR",
                        ),
                        name="key_id_by_format",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "public"), _negated=True), ("expires_at__isnull", True), _connector="OR"
                        ),
                        name="key_public_never_expires",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("inherits", False), ("creator__isnull", False), _connector="OR"),
                        name="key_inheriting_has_creator",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Secret",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("digest", models.BinaryField(unique=True)),
                ("pepper_id", models.PositiveIntegerField(db_index=True)),
                ("not_after", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="secrets", to="keyadmin.key"
                    ),
                ),
            ],
            options={
                "db_table": "secret",
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(django.db.models.functions.text.Length("digest"), 32),
                        name="secret_digest_length",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("not_after__isnull", True)), fields=("key",), name="secret_one_current"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("not_after__isnull", False)), fields=("key",), name="secret_one_in_grace"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AllowListEntry",
            fields=[
                ("revision", models.PositiveIntegerField(db_default=1, default=1)),
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("network", keyadmin.models.network.CidrField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "bot",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="allow_list",
                        to="keyadmin.bot",
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="allow_list",
                        to="keyadmin.key",
                    ),
                ),
            ],
            options={
                "db_table": "allow_list_entry",
                "ordering": ("created_at", "id"),
                "indexes": [
                    django.contrib.postgres.indexes.GistIndex(
                        fields=["network"], name="allow_list_network", opclasses=["inet_ops"]
                    ),
                    models.Index(
                        django.db.models.functions.comparison.Coalesce("bot_id", "key_id"),
                        models.F("id"),
                        name="allow_list_owner",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("key__isnull", True), ("bot__isnull", True), _connector="XOR"),
                        name="allow_list_one_owner",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.GreaterThan(keyadmin.models.network.Masklen("network"), 0),
                        name="allow_list_no_slash_0",
                    ),
                    models.UniqueConstraint(fields=("key", "network"), name="allow_list_key_network_unique"),
                    models.UniqueConstraint(fields=("bot", "network"), name="allow_list_bot_network_unique"),
                ],
            },
        ),
        # The call path: meters and versions
        migrations.CreateModel(
            name="Meter",
            fields=[
                (
                    "key",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="meter",
                        serialize=False,
                        to="keyadmin.key",
                    ),
                ),
                ("version", models.BigIntegerField(default=1)),
                ("minute", models.BigIntegerField(default=0)),
                ("used", models.BigIntegerField(default=0)),
                ("cells", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=61)),
                ("total", models.BigIntegerField(default=0)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("last_used_ip", models.GenericIPAddressField(null=True)),
                ("last_used_day", models.DateField(db_index=True, null=True)),
            ],
            options={
                "db_table": "meter",
                "indexes": [
                    models.Index(
                        models.OrderBy(models.F("last_used_day"), descending=True, nulls_last=True), name="meter_by_day"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("cells__len", 61)), name="meter_cells_61"),
                    models.CheckConstraint(condition=models.Q(("used__gte", 0)), name="meter_used_not_negative"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Version",
            fields=[
                ("subject", models.UUIDField(primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(default=1)),
            ],
            options={
                "db_table": "version",
            },
        ),
        # Usage: the ledgers, which the call path writes, and the roll-up
        migrations.CreateModel(
            name="UsageHour",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key_id", "hour", "outcome", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_id", models.UUIDField()),
                ("hour", models.DateTimeField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("ok", "Allowed"),
                            ("revoked", "Revoked"),
                            ("expired", "Expired"),
                            ("paused", "Paused"),
                            ("address", "IP denied"),
                            ("unmapped", "No permission covers this request"),
                            ("scope", "No permission"),
                            ("channel", "Channel not allowed"),
                            ("impersonation", "May not act for people"),
                            ("on_behalf_of", "Unknown person to act for"),
                            ("limited", "Rate limited"),
                        ],
                        max_length=16,
                    ),
                ),
                ("count", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "usage_hour",
                "indexes": [models.Index(fields=["hour"], name="usage_hour_hour")],
                "constraints": [
                    models.CheckConstraint(
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
                    models.CheckConstraint(condition=models.Q(("count__gte", 0)), name="usage_hour_count_not_negative"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScopeDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key_id", "scope", "day", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("key_id", models.UUIDField()),
                ("day", models.DateField()),
                ("scope", models.CharField(max_length=60)),
                ("count", models.BigIntegerField()),
            ],
            options={
                "db_table": "scope_day",
                "indexes": [models.Index(fields=["day"], name="scope_day_day")],
            },
        ),
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
                ("call", models.CharField(db_default="", default="", max_length=200)),
            ],
            options={
                "db_table": "address_day",
                "indexes": [models.Index(fields=["day"], name="address_day_day")],
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
                            ("address", "IP denied"),
                            ("unmapped", "No permission covers this request"),
                            ("scope", "No permission"),
                            ("channel", "Channel not allowed"),
                            ("impersonation", "May not act for people"),
                            ("on_behalf_of", "Unknown person to act for"),
                            ("limited", "Rate limited"),
                        ],
                        max_length=16,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("address", models.GenericIPAddressField(null=True)),
                ("call", models.CharField(db_default="", default="", max_length=200)),
            ],
            options={
                "db_table": "last_denial",
                "constraints": [
                    models.CheckConstraint(
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
                        name="last_denial_reason_known",
                    )
                ],
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
        migrations.CreateModel(
            name="UsageDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "subject",
                        "key_subset",
                        "day",
                        "outcome",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("subject", models.UUIDField()),
                (
                    "key_subset",
                    models.CharField(choices=[("all", "All keys"), ("own", "Keys of no bot")], max_length=3),
                ),
                ("day", models.DateField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("ok", "Allowed"),
                            ("revoked", "Revoked"),
                            ("expired", "Expired"),
                            ("paused", "Paused"),
                            ("address", "IP denied"),
                            ("unmapped", "No permission covers this request"),
                            ("scope", "No permission"),
                            ("channel", "Channel not allowed"),
                            ("impersonation", "May not act for people"),
                            ("on_behalf_of", "Unknown person to act for"),
                            ("limited", "Rate limited"),
                        ],
                        max_length=16,
                    ),
                ),
                ("count", models.BigIntegerField()),
            ],
            options={
                "db_table": "usage_day",
                "constraints": [
                    models.CheckConstraint(
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
                        name="usage_day_outcome_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("key_subset__in", ["all", "own"])), name="usage_day_key_subset_known"
                    ),
                ],
            },
        ),
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
                "indexes": [models.Index(fields=["day"], name="key_day_day")],
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
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="usage_roll_up_single")],
            },
        ),
        # History
        migrations.CreateModel(
            name="Event",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("format", models.PositiveSmallIntegerField()),
                ("at", models.DateTimeField(db_index=True)),
                ("type", models.CharField(max_length=40)),
                ("actor_kind", models.CharField(max_length=10)),
                ("actor_id", models.UUIDField(null=True)),
                ("actor_label", models.CharField(max_length=254)),
                ("interface", models.CharField(max_length=12)),
                ("ip", models.GenericIPAddressField(null=True)),
                ("user_agent", models.CharField(blank=True, default="", max_length=300)),
                ("request_id", models.CharField(blank=True, default="", max_length=64)),
                ("organisation_id", models.UUIDField(null=True)),
                ("organisation_label", models.CharField(blank=True, default="", max_length=120)),
                ("target_kind", models.CharField(max_length=20)),
                ("target_id", models.CharField(max_length=64)),
                ("target_label", models.CharField(max_length=254)),
                ("changes", models.JSONField(default=dict)),
                ("reason", models.CharField(blank=True, default="", max_length=300)),
                ("previous_hash", models.BinaryField()),
                ("hash", models.BinaryField()),
            ],
            options={
                "db_table": "event",
                "ordering": ("-number",),
                "indexes": [
                    models.Index(fields=["organisation_id", "-number"], name="event_of_organisation"),
                    models.Index(fields=["target_id", "-number"], name="event_of_target"),
                    models.Index(fields=["actor_id", "-number"], name="event_of_actor"),
                    models.Index(fields=["type", "-number"], name="event_of_type"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ChainHead",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(default=0)),
                (
                    "hash",
                    models.BinaryField(
                        default=b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                    ),
                ),
            ],
            options={
                "db_table": "chain_head",
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="chain_head_single")],
            },
        ),
        migrations.CreateModel(
            name="ChainCheck",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("number", models.BigIntegerField()),
                ("problem", models.CharField(blank=True, default="", max_length=200)),
            ],
            options={
                "db_table": "chain_check",
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="chain_check_single")],
            },
        ),
        # Sessions of the API, idempotency, expiry notices and the review report
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
            options={
                "db_table": "token_session",
            },
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
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(django.db.models.functions.text.Length("digest"), 32),
                        name="refresh_token_digest_length",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("actor_id", models.UUIDField()),
                ("idempotency_key", models.CharField(max_length=255)),
                ("request_digest", models.CharField(blank=True, default="", max_length=64)),
                ("result_id", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True, db_index=True)),
            ],
            options={
                "db_table": "idempotency_record",
                "constraints": [
                    models.UniqueConstraint(fields=("actor_id", "idempotency_key"), name="idempotency_record_unique")
                ],
            },
        ),
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
                ("claimed_at", models.DateTimeField()),
                ("sent_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "expiry_notice",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("days__in", (1, 7, 14))), name="expiry_notice_days_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReviewBuild",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("event", models.BigIntegerField()),
            ],
            options={
                "db_table": "review_build",
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="review_build_single")],
            },
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
                (
                    "finding",
                    models.CharField(
                        choices=[
                            ("never-used", "Never used"),
                            ("unused", "Unused 90 days"),
                            ("no-expiry", "No expiry"),
                            ("expiring", "Expiring soon"),
                            ("open", "Open to any IP"),
                            ("full-access", "Full access"),
                            ("permissions", "Permission unused"),
                            ("owner-gone", "Owner gone"),
                            ("any", "any"),
                        ],
                        max_length=12,
                    ),
                ),
                ("organisation_id", models.UUIDField()),
                ("total", models.PositiveSmallIntegerField()),
            ],
            options={
                "db_table": "review_finding",
                "indexes": [
                    models.Index(fields=["finding", "-total", "-key_id"], name="review_finding_most"),
                    models.Index(fields=["organisation_id", "finding", "-total", "-key_id"], name="review_finding_of"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "finding__in",
                                [
                                    "never-used",
                                    "unused",
                                    "no-expiry",
                                    "expiring",
                                    "open",
                                    "full-access",
                                    "permissions",
                                    "owner-gone",
                                    "any",
                                ],
                            )
                        ),
                        name="review_finding_known",
                    )
                ],
            },
        ),
    ]
