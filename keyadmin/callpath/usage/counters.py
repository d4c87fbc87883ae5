"""Counts of verdicts in memory. Their number is limited; a count above the limit is dropped."""

from collections.abc import Iterable, Sized
from typing import Final, NamedTuple, Protocol
from uuid import UUID

#: Counts of each kind (by key and scope, by key and reason, …) in memory. Each becomes a row of the database.
MAX_ROWS: Final = 10_000
#: Counts of different addresses of one key.
MAX_ADDRESSES_PER_KEY: Final = 100


class RequestLine(Protocol):
    """Method and path of a call; the path is as sent, without the query."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...


class LastCall(NamedTuple):
    """A key's latest allowed call. `request` is None if it was not recorded."""

    address: str
    request: RequestLine | None


class LastDenial(NamedTuple):
    """A key's latest denied call for a reason. `moment` is by `time.monotonic()`."""

    moment: float
    address: str | None
    request: RequestLine | None


class UsageCounters:
    """Counts of allowed and denied calls. Not thread-safe.

    `scopes` counts allowed calls by (key, scope), `addresses` by key and address, and `denials` counts denied calls by
    (key, label of the reason). `secrets` has the moment, by `time.monotonic()`, of the last allowed call with a
    replaced secret. `dropped` is the number of counts above the limits.
    """

    __slots__ = (
        "_address_rows",
        "addresses",
        "denials",
        "dropped",
        "last_calls",
        "last_denials",
        "scopes",
        "secrets",
    )

    def __init__(self) -> None:
        self.scopes: dict[tuple[UUID, str], int] = {}
        self.addresses: dict[UUID, dict[str, int]] = {}
        self.last_calls: dict[UUID, LastCall] = {}
        self.secrets: dict[UUID, float] = {}
        self.denials: dict[tuple[UUID, str], int] = {}
        self.last_denials: dict[tuple[UUID, str], LastDenial] = {}
        self.dropped = 0
        self._address_rows = 0

    def __bool__(self) -> bool:
        return bool(self.scopes or self.addresses or self.secrets or self.denials)

    def __len__(self) -> int:
        """The number of rows about allowed calls."""
        return len(self.scopes) + self._address_rows + len(self.secrets)

    def split_denials(self) -> "UsageCounters":
        """Moves the counts of denied calls into new counters."""
        split = UsageCounters()
        split.denials, split.last_denials, split.dropped = self.denials, self.last_denials, self.dropped
        self.denials, self.last_denials, self.dropped = {}, {}, 0
        return split

    def add_allowed(
        self,
        key: UUID,
        secret: UUID | None,
        scopes: Iterable[str],
        address: str | None,
        calls: int,
        moment: float,
        request: RequestLine | None = None,
    ) -> None:
        """Counts an allowed call as `calls` calls. `secret` is set if it was replaced; `scopes` opened the call."""
        for scope in scopes:
            self._add(self.scopes, (key, scope), calls)
        if address is not None:
            self._add_address(key, address, calls)
            if key in self.addresses:
                self.last_calls[key] = LastCall(address, request)
        if secret is not None and (secret in self.secrets or self._has_room(self.secrets)):
            self.secrets[secret] = moment

    def add_denial(
        self, key: UUID, reason: str, address: str | None, moment: float, request: RequestLine | None = None
    ) -> None:
        if self._add(self.denials, (key, reason), 1):
            self.last_denials[key, reason] = LastDenial(moment, address, request)

    def merge(self, later: "UsageCounters") -> None:
        """Adds counts of calls that were decided after these."""
        for scope, calls in later.scopes.items():
            self._add(self.scopes, scope, calls)
        for key, addresses in later.addresses.items():
            for address, calls in addresses.items():
                self._add_address(key, address, calls)
        self.last_calls.update((key, last) for key, last in later.last_calls.items() if key in self.addresses)
        for secret, moment in later.secrets.items():
            if secret in self.secrets or self._has_room(self.secrets):
                self.secrets[secret] = moment
        for denial, calls in later.denials.items():
            if self._add(self.denials, denial, calls):
                self.last_denials[denial] = later.last_denials[denial]
        self.dropped += later.dropped

    def _add[Row](self, rows: dict[Row, int], row: Row, calls: int) -> bool:
        """Adds calls to a row. False if the row was dropped."""
        known = rows.get(row)
        if known is None and not self._has_room(rows):
            return False
        rows[row] = (known or 0) + calls
        return True

    def _add_address(self, key: UUID, address: str, calls: int) -> None:
        addresses = self.addresses.get(key)
        if addresses is not None and address in addresses:
            addresses[address] += calls
        elif self._address_rows >= MAX_ROWS or (addresses is not None and len(addresses) >= MAX_ADDRESSES_PER_KEY):
            self.dropped += 1
        else:
            self._address_rows += 1
            self.addresses.setdefault(key, {})[address] = calls

    def _has_room(self, rows: Sized) -> bool:
        if len(rows) < MAX_ROWS:
            return True
        self.dropped += 1
        return False
