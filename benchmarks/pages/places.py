"""The pages that are requested, each with addresses of different objects."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, Final

from benchmarks.pages.world import (
    BOTS_PER_ORGANISATION,
    COMMON,
    NOWHERE,
    PEOPLE_PER_ORGANISATION,
    RARE,
    World,
    identifier,
)

#: The people who request pages: name and number in the world.
READERS: Final = {
    "system auditor": 5,
    "auditor of the largest organisation": 1,
    "auditor of another organisation": 7 * PEOPLE_PER_ORGANISATION + 1,
}


@dataclass(frozen=True)
class Place:
    """A page: its part, a description, and its addresses, which are requested in turn."""

    part: str
    what: str
    addresses: list[str]


def places(world: World, reader: int) -> Iterator[Place]:
    """The pages for one person. Pages that need a system role are left out for others."""
    objects = RandomObjects(world, reader)
    parts = {"History": _history, "Review": _review, "Usage": _usage, "Keys": _keys, "Others": _others}
    for part, pages in ((name, pages_of(objects)) for name, pages_of in parts.items()):
        for what, address in pages.items():
            yield Place(part, what, list(dict.fromkeys(objects.addresses(address))))


class RandomObjects:
    """Objects that the person may see, chosen at random but the same in each run."""

    def __init__(self, world: World, reader: int) -> None:
        self.world = world
        self.is_system = reader == READERS["system auditor"]
        self.organisations = world.organisations if self.is_system else 1
        self.first = 0 if self.is_system else reader // PEOPLE_PER_ORGANISATION
        self._generator = Random(3)  # noqa: S311 - the same choices in each run

    def addresses(self, template: str) -> Iterator[str]:
        for _ in range(20):
            yield template.format(**self._random_values()) if "{" in template else template

    def _random_values(self) -> dict[str, Any]:
        draw, world = self._generator.randrange, self.world
        organisation = self.first + draw(self.organisations)
        key, used = self._key(organisation, lambda n: n % 20 != 3), self._key(organisation, lambda n: n % 20 == 3)
        person = organisation * PEOPLE_PER_ORGANISATION + draw(2)
        day = world.now.date() - timedelta(days=1 + draw(900))
        return {
            "organisation": f"organisation-{organisation}",
            "person": identifier("person", person),
            "person_name": world.person_name(person).replace(" ", "+"),
            "bot": identifier("bot", organisation * BOTS_PER_ORGANISATION + draw(BOTS_PER_ORGANISATION)),
            "key": identifier("key", key),
            "key_name": world.key_name(key).replace(" ", "+"),
            "used": identifier("key", used),
            "day": day,
            "week": day + timedelta(days=7),
            "month": world.now.date() - timedelta(days=30),
        }

    def _key(self, organisation: int, matches: Callable[[int], bool]) -> int:
        """A key of the organisation by its number; see `World.organisation_of_key`."""
        world = self.world
        rounds = max(1, world.keys // 20 // world.organisations)
        base = (self._generator.randrange(rounds) * world.organisations + organisation) * 20
        return next(base + n for n in range(1, 10) if matches(base + n))


def _history(objects: RandomObjects) -> dict[str, str]:
    pages = {
        "newest": "/history/",
        "one week": "/history/?since={day}&until={week}",
        "from a day": "/history/?since={day}",
        "until a day": "/history/?until={day}",
        "actor, by id": "/history/?actor={person}",
        "actor, by name": "/history/?actor={person_name}",
        "action, common": "/history/?type=session.signed_in",
        "action, rare": "/history/?type=tier.edited",
        "target, by id (a key's history)": "/history/?target={key}",
        "target, by name": "/history/?target={key_name}",
        "text, common": f"/history/?q={COMMON.replace(' ', '+')}",
        "text, rare": f"/history/?q={RARE.replace(' ', '+')}",
        "text, nowhere": f"/history/?q={NOWHERE.replace(' ', '+')}",
        "text, common, action and month": f"/history/?q={COMMON.replace(' ', '+')}&type=key.revoked&since={{month}}",
        "action and actor": "/history/?type=key.regenerated&actor={person}",
        "far back": f"/history/?cursor={_cursor(objects.world.events // 10)}",
        "one organisation": "/history/?organisation={organisation}",
        "one organisation, text, nowhere": f"/history/?organisation={{organisation}}&q={NOWHERE.replace(' ', '+')}",
    }
    if objects.is_system:
        pages |= {"one event": f"/history/{objects.world.events // 2}/"}
        pages |= {"one event, text, rare": f"/history/{objects.world.events // 2}/?q={RARE.replace(' ', '+')}"}
    return pages


def _cursor(number: int) -> str:
    """The cursor of the page that follows an event."""
    from types import SimpleNamespace

    from keyadmin.models import paging

    row: Any = SimpleNamespace(pk=number)
    return paging.Cursor.encode(row, paging.Order("pk", True, int, int), backwards=False)


def _review(objects: RandomObjects) -> dict[str, str]:
    findings = ("never-used", "unused", "no-expiry", "expiring", "open", "full-access", "permissions", "owner-gone")
    return {
        "all": "/review/",
        **{finding: f"/review/?finding={finding}" for finding in findings},
        "one organisation": "/review/?organisation={organisation}",
        "one organisation, unused": "/review/?organisation={organisation}&finding=unused",
    }


def _keys(objects: RandomObjects) -> dict[str, str]:
    sorts = ("newest", "oldest", "name", "-name", "used", "-used", "expires", "-expires")
    statuses = ("active", "expiring", "expired", "revoked", "paused")
    return {
        **{f"list, sorted: {sort}": f"/keys/?sort={sort}" for sort in sorts},
        **{f"list, status: {status}": f"/keys/?status={status}" for status in statuses},
        "list, search, common": "/keys/?q=Billing",
        "list, search, one": "/keys/?q={key_name}",
        "list, search, nowhere": f"/keys/?q={NOWHERE.replace(' ', '+')}",
        "list, open to any address": "/keys/?open=any",
        "list, limited to addresses": "/keys/?open=limited",
        "list, never used": "/keys/?used=never",
        "list, unused for 90 days": "/keys/?used=90",
        "list, permission": "/keys/?scope=chats:export",
        "list, one bot": "/keys/?bot={bot}",
        "list, master keys": "/keys/?kind=master",
        "list, one organisation": "/keys/?organisation={organisation}",
        "key in use": "/keys/{used}/",
        "key in use, 90 days": "/keys/{used}/?days=90",
        "key not in use": "/keys/{key}/",
    }


def _usage(objects: RandomObjects) -> dict[str, str]:
    return {
        "7 days": "/usage/?days=7",
        "14 days": "/usage/?days=14",
        "30 days": "/usage/?days=30",
        "90 days": "/usage/?days=90",
        "one organisation, 90 days": "/usage/?organisation={organisation}&days=90",
        "one bot, 90 days": "/usage/?bot={bot}&days=90",
        "one key, 90 days": "/usage/?key={used}&days=90",
    }


def _others(objects: RandomObjects) -> dict[str, str]:
    pages = {
        "overview": "/",
        "overview, one organisation": "/?organisation={organisation}",
        "bots": "/bots/",
        "one bot": "/bots/{bot}/",
        "public API keys": "/security/public-keys/",
        "IP allow-lists": "/security/allow-lists/",
        "IP allow-lists, one address": "/security/allow-lists/?address=10.3.7.9",
        "people": "/people/",
        "people, search": "/people/?q={person_name}",
        "one organisation": "/organisations/{organisation}/",
    }
    if objects.is_system:
        pages |= {"organisations": "/organisations/", "permissions": "/permissions/", "tiers": "/tiers/"}
    return pages
