"""What the calls of a demonstration key's past were opened by, where they came from, and when the last was refused."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from keyadmin.core import cidr
from keyadmin.models import AddressDay, CallOutcome, LastDenial, ScopeDay, SecretUse
from keyadmin.operations.demo.data import BOTS, DemoKey
from keyadmin.operations.demo.usage_history import Past

#: How the calls are spread over a key's permissions and addresses, as far as it has so many.
_SHARES: Final = (0.62, 0.27, 0.08, 0.03)
#: Whoever is refused because of where it calls from.
_ELSEWHERE: Final = "192.0.2.211"
#: A call that each permission opens.
_CALLS: Final = {
    "chats:read": "GET /api/chats",
    "chats:write": "POST /api/chats",
    "chats:export": "GET /api/export",
    "contacts:manage": "GET /api/contacts",
    "messages:send": "POST /api/chats/4711/messages",
    "templates:read": "GET /api/templates",
    "templates:send": "POST /api/templates/welcome/send",
}


@dataclass(frozen=True, slots=True)
class Use:
    """Rows of the ledgers."""

    scopes: list[ScopeDay]
    addresses: list[AddressDay]
    refusals: list[LastDenial]
    secrets: list[SecretUse]


def use(spec: DemoKey, key: UUID, secret: UUID, past: Past, now: datetime, generator: Random) -> Use:
    """`secret` is the one that let the last call pass."""
    by_day: Counter[date] = Counter()
    for (hour, outcome), calls in past.hours.items():
        if outcome == CallOutcome.OK:
            by_day[hour.astimezone(UTC).date()] += calls
    used = [scope for scope in spec.scopes if scope not in spec.unused] or ["chats:read"]
    places = addresses(spec)
    return Use(
        [
            ScopeDay(key_id=key, day=day, scope=scope, count=count)
            for day, calls in by_day.items()
            for scope, count in _spread(calls, used)
        ],
        [
            AddressDay(key_id=key, day=day, address=address, count=count, weight=count, call=_call(used[0]))
            for day, calls in by_day.items()
            for address, count in _spread(calls, places)
        ],
        [
            LastDenial(
                key_id=key,
                reason=outcome,
                at=_within(hour, now, generator),
                address=_refused(outcome, places),
                call=_opened_by_none(spec) if outcome == CallOutcome.SCOPE else _call(used[0]),
            )
            for outcome, hour in _latest(past).items()
        ],
        [] if spec.idle is None else [SecretUse(secret_id=secret, last_used_at=now - spec.idle)],
    )


def addresses(spec: DemoKey) -> list[str]:
    """Where it is used from, the busiest first: addresses that its lists allow."""
    lists = [bot.networks for bot in BOTS if bot.name == spec.bot] + [spec.networks]
    allowed = next((listed for listed in reversed(lists) if listed), ("198.51.100.0/24",))
    network = cidr.parse(allowed[0])
    last = network.num_addresses - 1
    return [str(network.network_address + place) for place in sorted({min(place, last) for place in (9, 10, 12)})]


def _spread(calls: int, over: Sequence[str]) -> Iterator[tuple[str, int]]:
    """All of the calls, by the shares; the first gets what is left."""
    rest = {name: round(calls * share) for name, share in zip(over[1:], _SHARES[1:], strict=False)}
    yield over[0], calls - sum(rest.values())
    yield from ((name, count) for name, count in rest.items() if count)


def _latest(past: Past) -> dict[CallOutcome, datetime]:
    found: dict[CallOutcome, datetime] = {}
    for hour, outcome in past.hours:
        if outcome != CallOutcome.OK:
            found[outcome] = max(hour, found.get(outcome, hour))
    return found


def _within(hour: datetime, now: datetime, generator: Random) -> datetime:
    """A moment of the hour that is past."""
    length = min(timedelta(hours=1), now - hour)
    return hour + length * generator.uniform(0.1, 0.95)


def _call(scope: str) -> str:
    return _CALLS.get(scope, "GET /api/keys")


def _opened_by_none(spec: DemoKey) -> str:
    return next((call for scope, call in reversed(_CALLS.items()) if scope not in spec.scopes), "GET /api/export")


def _refused(outcome: CallOutcome, places: Sequence[str]) -> str:
    return _ELSEWHERE if outcome == CallOutcome.ADDRESS else places[0]
