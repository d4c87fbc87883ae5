"""An installation of a size: who and what there is in it, and how it is spread. The same for the same size."""

from bisect import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import accumulate
from random import Random
from typing import Final
from uuid import UUID

#: What the free text of a filter finds. Common: every fiftieth event. Rare: three of them, the first, middle and last.
COMMON, RARE, NOWHERE = "quarterly rotation", "zanzibar incident", "no such words"
PEOPLE_OF_ONE: Final = 3
BOTS_OF_ONE: Final = 5
DAYS: Final = 1_000


@dataclass(frozen=True)
class World:
    """Sizes. Organisation 0 has a tenth of the keys, and of what happened; the rest is spread evenly."""

    keys: int
    events: int
    organisations: int
    now: datetime

    @property
    def people(self) -> int:
        return self.organisations * PEOPLE_OF_ONE

    @property
    def bots(self) -> int:
        return self.organisations * BOTS_OF_ONE

    @property
    def used_keys(self) -> Iterable[int]:
        """Those that have calls in the ledgers: one in twenty, or somewhat more."""
        return (number for number in range(self.keys) if number % 20 == 3 or number % 200 == 0)

    def organisation_of_key(self, number: int) -> int:
        return 0 if number % 10 == 0 else number // 20 % self.organisations

    def bot_of_key(self, number: int) -> int | None:
        """One key in eight is a bot's, of the same organisation."""
        if number % 8:
            return None
        return self.organisation_of_key(number) * BOTS_OF_ONE + number // 8 % BOTS_OF_ONE

    def key_name(self, number: int) -> str:
        return f"{_ADJECTIVES[number % len(_ADJECTIVES)]} {_NOUNS[number // 7 % len(_NOUNS)]} {number}"

    def person_name(self, number: int) -> str:
        return f"{_FIRST[number % len(_FIRST)]} {_LAST[number // 5 % len(_LAST)]} {number}"

    def at(self, event: int) -> datetime:
        """Events come evenly over the days until now."""
        begin = self.now - timedelta(days=DAYS)
        return begin + timedelta(days=DAYS) * ((event - 1) / self.events)


def identifier(kind: str, number: int) -> UUID:
    """Spread over the index as random ones are."""
    return UUID(bytes=blake2b(f"{kind} {number}".encode(), digest_size=16).digest(), version=4)


class Weighted:
    """Draws from choices by their weights, quicker than `Random.choices` for one at a time."""

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
