"""Writes a chained history of any length by COPY.

The events are hashed in keyadmin's canonical form, but without its model objects, which take three times as long.
`audit.hash_of` checks every five-thousandth hash, and `verify_history` verifies all of them.
"""

import json
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from random import Random
from types import SimpleNamespace
from typing import Any, Final

from benchmarks.pages.world import COMMON, PEOPLE_PER_ORGANISATION, RARE, Weighted, World, identifier

#: How often each event type occurs.
VERBS: Final = Weighted(
    {
        "session.signed_in": 300,
        "key.edited": 200,
        "key.issued": 100,
        "key.regenerated": 90,
        "allow_list.added": 80,
        "session.sign_in_failed": 70,
        "key.revoked": 50,
        "allow_list.removed": 40,
        "key.reactivated": 20,
        "key.deleted": 19,
        "bot.edited": 10,
        "person.edited": 10,
        "bot.created": 9,
        "tier.edited": 1,
        "scope.edited": 1,
    }
)
COMPARED: Final = 5_000
_AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_REASONS: Final = ("", "", "", "asked for by the owner", "seen in a log", "moved to the new cluster", "no longer used")
_COLUMNS: Final = (
    "number, format, at, type, actor_kind, actor_id, actor_label, interface, ip, user_agent, request_id,"
    " organisation_id, organisation_label, target_kind, target_id, target_label, changes, reason, previous_hash, hash"
)


def write(cursor: Any, world: World) -> None:
    """Writes all events and the head of the chain."""
    head = bytes(32)
    with cursor.copy(f"COPY event ({_COLUMNS}) FROM STDIN") as copy:
        lines: list[str] = []
        for line, hash_ in chained(world):
            lines.append(line)
            head = hash_
            if len(lines) == 1_000:
                copy.write("".join(lines))
                lines.clear()
        copy.write("".join(lines))
    cursor.execute("ALTER TABLE chain_head DISABLE TRIGGER chain_head_only_advances")
    cursor.execute("UPDATE chain_head SET number = %s, hash = %s", [world.events, head])
    cursor.execute("ALTER TABLE chain_head ENABLE ALWAYS TRIGGER chain_head_only_advances")


def chained(world: World) -> Iterator[tuple[str, bytes]]:
    """Each event as a line for COPY, and its hash. No value needs escaping, in JSON or for COPY."""
    generator = Random(1)  # noqa: S311 - the same history each time
    keys = [str(identifier("key", number)) for number in range(world.keys)]
    before = bytes(32)
    for number in range(1, world.events + 1):
        verb = VERBS.draw(generator)
        key = int(generator.random() * world.keys)
        organisation = world.organisation_of_key(key)
        person = organisation * PEOPLE_PER_ORGANISATION + number % 2
        organisation_id, organisation_label = _known("organisation", organisation), f"Organisation {organisation}"
        actor_id, actor_label = _known("person", person), _name(world, person)
        kind, target_id, target_label = _target(world, verb, key, organisation, person) or (
            "key",
            keys[key],
            world.key_name(key),
        )
        at = f"{world.at(number).isoformat()[:-6]}Z"
        changes, reason = _changes(verb, key), _reason(world, number)
        ip, request_id = f"198.51.{organisation % 250}.{person % 250}", f"{generator.getrandbits(128):032x}"
        canonical = (
            f'{{"actor_id":"{actor_id}","actor_kind":"person","actor_label":"{actor_label}","at":"{at}",'
            f'"changes":{changes},"format":1,"interface":"page","ip":"{ip}","number":{number},"organisation_id":"{organisation_id}",'
            f'"organisation_label":"{organisation_label}","reason":"{reason}","request_id":"{request_id}",'
            f'"target_id":"{target_id}","target_kind":"{kind}","target_label":"{target_label}",'
            f'"type":"{verb}","user_agent":"{_AGENT}"}}'
        )
        hash_ = sha256(before + canonical.encode()).digest()
        if number % COMPARED == 1:
            _compare(canonical, before, hash_)
        yield (
            (
                f"{number}\t1\t{at}\t{verb}\tperson\t{actor_id}\t{actor_label}\tpage\t{ip}\t{_AGENT}\t{request_id}\t"
                f"{organisation_id}\t{organisation_label}\t{kind}\t{target_id}\t{target_label}\t{changes}\t{reason}\t"
                f"\\\\x{before.hex()}\t\\\\x{hash_.hex()}\n"
            ),
            hash_,
        )
        before = hash_


def _compare(canonical: str, before: bytes, hash_: bytes) -> None:
    from django.utils.dateparse import parse_datetime

    from keyadmin.operations.audit import hash_of

    fields = json.loads(canonical)
    fields |= {"at": parse_datetime(fields["at"]), "previous_hash": before}
    if hash_of(SimpleNamespace(**fields)) != hash_:
        raise AssertionError("this is not keyadmin's canonical form")


def _target(world: World, verb: str, key: int, organisation: int, person: int) -> tuple[str, str, str] | None:
    """The target of an event that is not about a key."""
    match verb.partition(".")[0]:
        case "session" | "person":
            return "person", _known("person", person), _name(world, person)
        case "bot":
            return "bot", _known("bot", organisation * 5), "Bot 0"
        case "tier" | "scope":
            return "organisation", _known("organisation", organisation), f"Organisation {organisation}"
    return None


def _changes(verb: str, key: int) -> str:
    """The changes of an event as canonical JSON."""
    match verb:
        case "key.edited":
            return (
                f'{{"description":["","For team {key % 97}"],"scopes":[["chats:read"],["chats:read","chats:write"]]}}'
            )
        case "key.issued":
            return f'{{"name":[null,"key {key}"],"scopes":[null,["chats:read"]],"tier":[null,"Standard"]}}'
        case "allow_list.added":
            return f'{{"network":[null,"10.{key % 250}.0.0/16"]}}'
        case "allow_list.removed":
            return f'{{"network":["10.{key % 250}.0.0/16",null]}}'
        case "key.revoked":
            return '{"status":["active","revoked"]}'
    return '{"revision":[1,2]}'


def _reason(world: World, number: int) -> str:
    if number in (1, world.events // 2, world.events):
        return f"after the {RARE}"
    if number % 50 == 0:
        return f"{COMMON} of {number % 4 + 1}"
    return _REASONS[number % len(_REASONS)]


@cache
def _known(kind: str, number: int) -> str:
    return str(identifier(kind, number))


@cache
def _name(world: World, person: int) -> str:
    return world.person_name(person)
