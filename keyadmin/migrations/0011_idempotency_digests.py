"""Replaces idempotency keys by their digests. A client may have sent an API key as one."""

from typing import ClassVar

from django.db import migrations

DIGEST = "UPDATE idempotency_record SET idempotency_key = encode(sha256(convert_to(idempotency_key, 'UTF8')), 'hex')"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("keyadmin", "0010_key_policy_and_findings")]

    operations: ClassVar = [
        migrations.RunSQL(DIGEST, migrations.RunSQL.noop),
    ]
