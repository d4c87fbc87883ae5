"""An installation of a given size: its objects and their distribution. The same size gives the same installation."""

from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import accumulate
from random import Random
from typing import Final
from uuid import UUID

#: Texts for filters. COMMON is in every fiftieth event, RARE in the first, middle and last event, NOWHERE in none.
COMMON, RARE, NOWHERE = "quarterly rotation", "zanzibar incident", "no such words"
PEOPLE_PER_ORGANISATION: Final = 3
BOTS_PER_ORGANISATION: Final = 5
DAYS: Final = 1_000


@dataclass(frozen=True)
class World:
    """The sizes. Organisation 0 has a tenth of the keys and events; the rest is distributed evenly."""

    keys: int
    events: int
    organisations: int
    now: datetime

    @property
    def people(self) -> int:
        return self.organisations * PEOPLE_PER_ORGANISATION

    @property
    def bots(self) -> int:
        return self.organisations * BOTS_PER_ORGANISATION

    @property
    def used_keys(self) -> Iterable[int]:
        """Keys with usage: one in twenty, or slightly more."""
        return (number for number in range(self.keys) if number % 20 == 3 or number % 200 == 0)

    def organisation_of_key(self, number: int) -> int:
        return 0 if number % 10 == 0 else number // 20 % self.organisations

    def bot_of_key(self, number: int) -> int | None:
        """One key in eight belongs to a bot of the same organisation."""
        if number % 8:
            return None
        return self.organisation_of_key(number) * BOTS_PER_ORGANISATION + number // 8 % BOTS_PER_ORGANISATION

    def key_name(self, number: int) -> str:
        return f"{_ADJECTIVES[number % len(_ADJECTIVES)]} {_NOUNS[number // 7 % len(_NOUNS)]} {number}"

    def person_name(self, number: int) -> str:
        return f"{_FIRST[number % len(_FIRST)]} {_LAST[number // 5 % len(_LAST)]} {number}"

    def at(self, event: int) -> datetime:
        """Events are distributed evenly over the days until now."""
        begin = self.now - timedelta(days=DAYS)
        return begin + timedelta(days=DAYS) * ((event - 1) / self.events)


def identifier(kind: str, number: int) -> UUID:
    """An identifier that is distributed in an index like a random one."""
    return UUID(bytes=blake2b(f"{kind} {number}".encode(), digest_size=16).digest(), version=4)


class Weighted:
    """Chooses by weight, faster than `Random.choices` for one choice at a time."""

    def __init__(self, weights: dict[str, int]) -> None:
        self._names = list(weights)
        self._sums = list(accumulate(weights.values()))

    def draw(self, generator: Random) -> str:
        return self._names[bisect(self._sums, generator.random() * self._sums[-1])]


_ADJECTIVES: Final = (
    "Billing",
    "Support",
    "Internal",
    "Nightly",
    "Partner",
    "Export",
    "Mobile",
    "Legacy",
    "Staging",
    "Regional",
)
_NOUNS: Final = (
    "integration",
    "importer",
    "connector",
    "gateway",
    "worker",
    "dashboard",
    "sync",
    "report",
    "webhook",
    "archive",
)
_FIRST: Final = ("Maya", "Jonas", "Priya", "Asha", "Sam", "Lena", "Tomas", "Ingrid", "Yusuf", "Chloe", "Diego", "Hana")
_LAST: Final = (
    "Okafor",
    "Lind",
    "Raman",
    "Nair",
    "Reyes",
    "Vogt",
    "Novak",
    "Berg",
    "Demir",
    "Martin",
    "Silva",
    "Sato",
    "Kim",
)
