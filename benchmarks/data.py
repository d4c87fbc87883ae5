"""100,000 keys, each with four networks, one permission and a limit that no run reaches. Written by COPY.

    python -m benchmarks.data COUNT FILE

writes COUNT keys into DATABASE_URL, and their credentials into FILE.
"""

import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import django

NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "127.0.0.0/8", "192.168.0.0/16")


def main(count: int, file: Path) -> None:
    django.setup()
    from django.db import connection

    from keyadmin.core import tokens

    organisation = _organisation()
    minted = [tokens.mint("kad") for _ in range(count)]
    ids = [uuid4() for _ in minted]
    with connection.cursor() as cursor:
        _write(partial(_copy, cursor), minted, ids, organisation)
        for table in ("key", "secret", "meter", "key_scope", "allow_list_entry", "version"):
            cursor.execute(f"VACUUM ANALYZE {table}")
    file.write_text("".join(f"{token.value}\n" for token in minted))


def _organisation() -> Any:
    from keyadmin.models import Organisation, Tier, Version

    tier = Tier.objects.create(name="Benchmark", hourly_limit=2_000_000_000)
    organisation = Organisation.objects.create(name="Benchmark", slug="benchmark", default_tier=tier)
    Version.objects.create(subject=organisation.id)
    return organisation


def _write(copy: Any, minted: Sequence[Any], ids: Sequence[UUID], organisation: Any) -> None:
    from django.conf import settings
    from django.utils import timezone

    from keyadmin.core import tokens
    from keyadmin.models.meter import CELLS

    now, current = timezone.now(), settings.KEYADMIN_CURRENT_PEPPER
    pepper, empty = settings.KEYADMIN_PEPPERS[current], [0] * CELLS
    columns = (
        "id organisation_id kind name description prefix format key_id recognition tier_id inherits created_by"
        " revoked_reason created_at revision"
    )
    tier = organisation.default_tier_id
    last_columns = (False, "benchmark", "", now, 1)
    rows: Iterable[Any] = (
        (
            key_pk,
            organisation.id,
            "standard",
            f"Key {n}",
            "",
            "kad",
            "default",
            token.key_id,
            token.recognition,
            tier,
            *last_columns,
        )
        for n, (key_pk, token) in enumerate(zip(ids, minted, strict=True))
    )
    copy("key", columns, rows)
    digests = (
        (uuid4(), key_pk, tokens.digest(t.value, pepper), current, now) for key_pk, t in zip(ids, minted, strict=True)
    )
    copy("secret", "id key_id digest pepper_id created_at", digests)
    copy("meter", "key_id version minute used cells total", ((key_pk, 1, 0, 0, empty, 0) for key_pk in ids))
    copy("key_scope", "key_id scope_id", ((key_pk, "chats:read") for key_pk in ids))
    networks = ((uuid4(), key_pk, network, now) for key_pk in ids for network in NETWORKS)
    copy("allow_list_entry", "id key_id network created_at", networks)


def _copy(cursor: Any, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
    names = ", ".join(columns.split())
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
