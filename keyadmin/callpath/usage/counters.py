"""What calls came to, summed up in memory. Bounded: what finds no room is dropped, and counted as dropped."""

from collections.abc import Iterable, Sized
from typing import Final, Protocol
from uuid import UUID

#: Rows of a kind (key and scope, key and reason, …) that wait to be written.
ROWS: Final = 10_000
#: Different addresses of one key among them.
ADDRESSES: Final = 100


class Asked(Protocol):
    """What was called. The path is as it was sent, without the query."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...


class Counts:
    """Moments are of `time.monotonic()`; `dropped` is the number of sums that an addition found no room for."""

    __slots__ = ("_places", "addresses", "dropped", "last", "reasons", "refused", "scopes", "secrets")

    def __init__(self) -> None:
        self.scopes: dict[tuple[UUID, str], int] = {}
        self.addresses: dict[UUID, dict[str, int]] = {}
        self.secrets: dict[UUID, float] = {}
        self.reasons: dict[tuple[UUID, str], int] = {}
        #: By key, from where and what an allowed call last was.
        self.last: dict[UUID, tuple[str, Asked | None]] = {}
        #: By key and reason, when, from where and what last.
        self.refused: dict[tuple[UUID, str], tuple[float, str | None, Asked | None]] = {}
        self.dropped = 0
        self._places = 0

    def __bool__(self) -> bool:
        return bool(self.scopes or self.addresses or self.secrets or self.reasons)

    def __len__(self) -> int:
        """How many rows of allowed calls there are to write."""
        return len(self.scopes) + self._places + len(self.secrets)

    def take_refusals(self) -> "Counts":
        """Those of refused calls, out of these."""
        taken = Counts()
        taken.reasons, taken.refused, taken.dropped = self.reasons, self.refused, self.dropped
        self.reasons, self.refused, self.dropped = {}, {}, 0
        return taken

    def allow(
        self,
        key: UUID,
        secret: UUID | None,
        scopes: Iterable[str],
        address: str | None,
        calls: int,
        moment: float,
        call: Asked | None = None,
    ) -> None:
        for scope in scopes:
            self._add(self.scopes, (key, scope), calls)
        if address is not None:
            self._come_from(key, address, calls)
            if key in self.addresses:
                self.last[key] = (address, call)
        if secret is not None and (secret in self.secrets or self._has_room(self.secrets)):
            self.secrets[secret] = moment

    def refuse(self, key: UUID, reason: str, address: str | None, moment: float, call: Asked | None = None) -> None:
        if self._add(self.reasons, (key, reason), 1):
            self.refused[key, reason] = (moment, address, call)

    def merge(self, later: "Counts") -> None:
        """Adds what came after this."""
        for scope, calls in later.scopes.items():
            self._add(self.scopes, scope, calls)
        for key, places in later.addresses.items():
            for address, calls in places.items():
                self._come_from(key, address, calls)
        self.last.update((key, last) for key, last in later.last.items() if key in self.addresses)
        for secret, moment in later.secrets.items():
            if secret in self.secrets or self._has_room(self.secrets):
                self.secrets[secret] = moment
        for reason, calls in later.reasons.items():
            if self._add(self.reasons, reason, calls):
                self.refused[reason] = later.refused[reason]
        self.dropped += later.dropped

    def _add[Row](self, rows: dict[Row, int], row: Row, calls: int) -> bool:
        known = rows.get(row)
        if known is None and not self._has_room(rows):
            return False
        rows[row] = (known or 0) + calls
        return True

    def _come_from(self, key: UUID, address: str, calls: int) -> None:
        places = self.addresses.get(key)
        if places is not None and address in places:
            places[address] += calls
        elif self._places >= ROWS or (places is not None and len(places) >= ADDRESSES):
            self.dropped += 1
        else:
            self._places += 1
            self.addresses.setdefault(key, {})[address] = calls

    def _has_room(self, rows: Sized) -> bool:
        if len(rows) < ROWS:
            return True
        self.dropped += 1
        return False
