"""Writes an installation of a given size into DATABASE_URL by COPY, and creates the indexes afterwards.

    python -m benchmarks.pages.fill KEYS EVENTS ORGANISATIONS NOW

It connects as a superuser and disables foreign keys and the triggers of history.
"""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, Final

import django

from benchmarks.pages import events, usage
from benchmarks.pages.world import BOTS_PER_ORGANISATION, DAYS, PEOPLE_PER_ORGANISATION, World, identifier

#: Tables whose indexes are created after they are filled.
_BIG: Final = ("key", "secret", "meter", "key_scope", "allow_list_entry", "usage_hour", "scope_day", "event")
_NULL: Final = "\\N"


def main(world: World) -> None:
    django.setup()
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # do not check a million foreign keys one by one
        with _indices_afterwards(cursor):
            _installation(cursor, world)
            _keys(cursor, world)
            usage.write(cursor, world, _copy)
            _told("event", lambda: events.write(cursor, world))
        cursor.execute("RESET session_replication_role")
        _told("VACUUM ANALYZE", lambda: cursor.execute("VACUUM ANALYZE"))


def _installation(cursor: Any, world: World) -> None:
    cursor.execute("SELECT id FROM tier WHERE name = 'Standard'")
    (tier,) = cursor.fetchone()
    count = range(world.organisations)
    ids = [identifier("organisation", number) for number in count]
    _copy(
        cursor,
        "organisation",
        "id name slug is_active key_prefix key_format default_tier_id may_never_expire usage_retention_days created_at",
        (
            f"{ids[n]}\tOrganisation {n}\torganisation-{n}\t{n % 100 != 99}\tkad\tdefault\t{tier}\tt\t400"
            f"\t{world.at(1)}"
            for n in count
        ),
    )
    _copy(cursor, "version", "subject number", (f"{one}\t1" for one in ids))
    people = range(world.people)
    _copy(
        cursor,
        "person",
        "id password email name system_role is_active time_zone password_link_count session_generation created_at",
        (
            f"{identifier('person', n)}\t!\tperson-{n}@example.com\t{world.person_name(n)}\t{_system_role(n)}"
            f"\tt\t\t0\t0\t{world.at(1)}"
            for n in people
        ),
    )
    roles = ("owner", "auditor", "member")
    _copy(
        cursor,
        "membership",
        "id person_id organisation_id role created_at",
        (
            f"{identifier('membership', n)}\t{identifier('person', n)}\t{ids[n // PEOPLE_PER_ORGANISATION]}"
            f"\t{roles[n % PEOPLE_PER_ORGANISATION]}\t{world.at(1)}"
            for n in people
        ),
    )
    bots = range(world.bots)
    _copy(
        cursor,
        "bot",
        "id organisation_id name description is_conversational is_active created_at",
        (
            f"{identifier('bot', n)}\t{ids[n // BOTS_PER_ORGANISATION]}"
            f"\tBot {n % BOTS_PER_ORGANISATION} of {n // BOTS_PER_ORGANISATION}"
            f"\t\t{n % 2 == 0}\t{n % 50 != 49}\t{world.at(1)}"
            for n in bots
        ),
    )


def _system_role(person: int) -> str:
    """Members of the first two organisations, besides."""
    return {2: "administrator", 5: "auditor"}.get(person, "")


def _keys(cursor: Any, world: World) -> None:
    cursor.execute("SELECT id FROM tier ORDER BY hourly_limit")
    tiers = [row[0] for row in cursor.fetchall()]
    count = range(world.keys)
    columns = (
        "id organisation_id bot_id kind name description prefix format key_id recognition tier_id inherits creator_id"
        " created_by expires_at revoked_at revoked_reason created_at revision"
    )
    _copy(cursor, "key", columns, (_key(world, number, tiers) for number in count))
    _copy(
        cursor,
        "secret",
        "id key_id digest pepper_id created_at",
        (f"{identifier('secret', n)}\t{identifier('key', n)}\t\\\\x{n:064x}\t1\t{world.at(1)}" for n in count),
    )
    scopes = ("chats:read", "messages:send", "chats:export", "contacts:manage")
    _copy(
        cursor,
        "key_scope",
        "key_id scope_id",
        (f"{identifier('key', n)}\t{scopes[(n + more) % 4]}" for n in count for more in range(1 + n % 2)),
    )
    lists = (
        f"{identifier('entry', n)}\t{identifier('key', n)}\t{_NULL}\t10.{n % 250}.{n // 250 % 250}.0/24\t{world.at(1)}"
        for n in count
        if n % 3 == 0
    )
    _copy(cursor, "allow_list_entry", "id key_id bot_id network created_at", lists)


def _key(world: World, number: int, tiers: list[Any]) -> str:
    organisation, bot = world.organisation_of_key(number), world.bot_of_key(number)
    kind = "standard" if bot is None else "bot"
    if bot is None and number % 2000 == 7:
        kind = "master"
    is_public = number % 20 == 5 and number // 20 < world.organisations
    if is_public:
        kind = "public"
    age = timedelta(days=(number * 37 % (DAYS - 1)) + 1, seconds=number % 86_400)
    created = world.now - age
    expires = (
        str(created + timedelta(days=(90, 180, 365, 730)[number % 4])) if number % 10 > 2 and not is_public else _NULL
    )
    revoked = str(created + age / 2) if number % 20 == 9 else _NULL
    owner = identifier("person", organisation * PEOPLE_PER_ORGANISATION)
    return "\t".join(
        [
            str(identifier("key", number)),
            str(identifier("organisation", organisation)),
            _NULL if bot is None else str(identifier("bot", bot)),
            kind,
            world.key_name(number),
            "",
            "kad",
            "default",
            f"kad_{number:016d}",
            f"{number:08d}",
            str(tiers[number % len(tiers)]),
            str(number % 100 == 1),
            str(owner),
            world.person_name(organisation * PEOPLE_PER_ORGANISATION),
            expires,
            revoked,
            "" if revoked == _NULL else "Rotated",
            str(created),
            "1",
        ]
    )


def _copy(cursor: Any, table: str, columns: str, lines: Iterable[str]) -> None:
    def write() -> None:
        with cursor.copy(f"COPY {table} ({', '.join(columns.split())}) FROM STDIN") as copy:
            batch: list[str] = []
            for line in lines:
                batch.append(line)
                if len(batch) == 1_000:
                    copy.write("\n".join(batch) + "\n")
                    batch.clear()
            if batch:
                copy.write("\n".join(batch) + "\n")

    _told(table, write)


@contextmanager
def _indices_afterwards(cursor: Any) -> Iterator[None]:
    """Drops the indexes of the big tables that belong to no constraint, and creates them again after the block."""
    cursor.execute(
        """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid::regclass::text = ANY(%s)
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
        """,
        [list(_BIG)],
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP INDEX {name}")
    yield
    cursor.execute("SET maintenance_work_mem = '1GB'")
    for name, made_by in found:
        _told(name, lambda made_by=made_by: cursor.execute(made_by))


def _told(name: str, act: Any) -> None:
    began = monotonic()
    act()
    sys.stdout.write(f"{name:<40} {monotonic() - began:>7.1f} s\n")
    sys.stdout.flush()


if __name__ == "__main__":
    *_sizes, _now = sys.argv[1:]
    main(World(*map(int, _sizes), datetime.fromisoformat(_now)))
