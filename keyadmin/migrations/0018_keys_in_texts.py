"""Indexes of the keys and events whose texts may contain an API key, for the review report.

Hardly any row is in them. They are created without blocking writes, while the previous release still serves.
"""

from typing import ClassVar

from django.db import migrations

PATTERN = (
    r"(^|[^0-9A-Za-z])[A-Za-z][0-9A-Za-z]{1,11}(_|.5[Ff])[0-9A-Za-z_/\\\s+]{32}"
    r"|(^|[^0-9A-Za-z])([0-9A-Za-z]{43}|[0-9A-Za-z]{49})($|[^0-9A-Za-z])"
)
COLUMNS = {
    "key": ("name", "description", "created_by", "revoked_reason"),
    "event": (
        "target_label",
        "actor_label",
        "organisation_label",
        "user_agent",
        "request_id",
        "reason",
        "changes",
    ),
}


def index_of(table: str, key: str) -> str:
    texts = " || ' ' || ".join(f'"{column}"::text' for column in COLUMNS[table])
    return f"""
        CREATE INDEX CONCURRENTLY IF NOT EXISTS {table}_may_contain_key ON {table} ({key})
        WHERE ({texts}) ~ '{PATTERN}'
    """


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("keyadmin", "0017_review_key_in_text")]

    operations: ClassVar = [
        migrations.RunSQL(index_of("key", "id"), migrations.RunSQL.noop),
        migrations.RunSQL(index_of("event", "number"), migrations.RunSQL.noop),
    ]
