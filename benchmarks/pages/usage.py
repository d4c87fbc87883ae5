"""Writes the usage of keys by hour, permission, address and secret."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from random import Random
from typing import Any, Final

from benchmarks.pages.world import World, identifier

#: Days of the ledger; the last fourteen have three hours each, the others one.
DAYS: Final = 90
LATELY: Final = 14
_DENIALS: Final = ("address", "scope", "limited", "expired")


def write(cursor: Any, world: World, copy: Callable[..., None]) -> None:
    used = list(world.used_keys)
    columns = "key_id version minute used cells total last_used_at last_used_ip last_used_day"
    copy(cursor, "meter", columns, _meters(world, set(used)))
    copy(cursor, "usage_hour", "key_id hour outcome count", _hours(world, used))
    copy(cursor, "scope_day", "key_id day scope count", _scopes(world, used))
    copy(
        cursor,
        "address_day",
        "key_id day address count weight",
        (
            f"{identifier('key', n)}\t{(world.now - timedelta(days=back)).date()}\t10.{n % 250}.0.9\t40\t40"
            for n in used
            for back in (0, 1)
        ),
    )
    copy(
        cursor,
        "last_denial",
        "key_id reason at address",
        (
            f"{identifier('key', n)}\t{_DENIALS[n % 4]}\t{world.now - timedelta(hours=n % 50)}\t192.0.2.9"
            for n in used
            if n // 20 % 4 == 0
        ),
    )
    copy(
        cursor,
        "secret_use",
        "secret_id last_used_at",
        (f"{identifier('secret', n)}\t{world.now - timedelta(minutes=n % 3000)}" for n in used),
    )


def _meters(world: World, used: set[int]) -> Iterator[str]:
    """Of the keys without calls in the ledger, half were never used, the others long ago."""
    empty = "{" + ",".join(["0"] * 61) + "}"
    for number in range(world.keys):
        key = identifier("key", number)
        if number in used:
            last = world.now - timedelta(minutes=number % 3000)
        elif number % 2:
            last = world.now - timedelta(days=91 + number % 400)
        else:
            yield f"{key}\t1\t0\t0\t{empty}\t0\t\\N\t\\N\t\\N"
            continue
        minute, total = int(last.timestamp()) // 60, number % 90_000 + 1
        yield f"{key}\t1\t{minute}\t0\t{empty}\t{total}\t{last}\t10.{number % 250}.0.9\t{last.date()}"


def _hours(world: World, used: list[int]) -> Iterator[str]:
    generator = Random(2)  # noqa: S311 - the same figures each time
    midnight = world.now.replace(hour=0, minute=0, second=0)
    for number in used:
        key, hour = identifier("key", number), number % 18
        for back in range(1, DAYS):
            for later in (0, 2, 5) if back < LATELY else (0,):
                at = midnight - timedelta(days=back, hours=-(hour + later))
                yield f"{key}\t{at}\tok\t{int(generator.random() * 200) + 1}"
            if back % 7 == number % 7:
                yield f"{key}\t{at}\t{_DENIALS[number // 20 % 4]}\t{number % 9 + 1}"


def _scopes(world: World, used: list[int]) -> Iterator[str]:
    names = ("chats:read", "messages:send", "chats:export", "contacts:manage")
    days = [(world.now - timedelta(days=back)).date() for back in range(30)]
    return (f"{identifier('key', n)}\t{day}\t{names[n % 4]}\t{n % 90 + 1}" for n in used for day in days)
