"""The rows of past usage of a demonstration key: by scope, by address, last denials, and last use of its secret."""

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
from keyadmin.operations.demo.usage_history import UsageHistory

#: The fractions of the calls for each scope and for each address, the most used first.
_SHARES: Final = (0.62, 0.27, 0.08, 0.03)
#: An address that is on no allow-list.
_DENIED_ADDRESS: Final = "192.0.2.211"
#: By scope, a request line that it opens.
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
class UsageRows:
    """Unsaved rows."""

    scopes: list[ScopeDay]
    addresses: list[AddressDay]
    denials: list[LastDenial]
    secrets: list[SecretUse]


def usage_rows(
    spec: DemoKey, key: UUID, secret: UUID, history: UsageHistory, now: datetime, generator: Random
) -> UsageRows:
    """The rows of the key's usage. `secret` is the id of the secret that the last call used."""
    by_day: Counter[date] = Counter()
    for (hour, outcome), calls in history.hours.items():
        if outcome == CallOutcome.OK:
            by_day[hour.astimezone(UTC).date()] += calls
    used = [scope for scope in spec.scopes if scope not in spec.unused] or ["chats:read"]
    callers = addresses(spec)
    return UsageRows(
        [
            ScopeDay(key_id=key, day=day, scope=scope, count=count)
            for day, calls in by_day.items()
            for scope, count in _spread(calls, used)
        ],
        [
            AddressDay(key_id=key, day=day, address=address, count=count, weight=count, call=_call(used[0]))
            for day, calls in by_day.items()
            for address, count in _spread(calls, callers)
        ],
        [
            LastDenial(
                key_id=key,
                reason=outcome,
                at=_random_time(hour, now, generator),
                address=_denied_address(outcome, callers),
                call=_call_without_scope(spec) if outcome == CallOutcome.SCOPE else _call(used[0]),
            )
            for outcome, hour in _last_denied_hours(history).items()
        ],
        [] if spec.idle is None else [SecretUse(secret_id=secret, last_used_at=now - spec.idle)],
    )


def addresses(spec: DemoKey) -> list[str]:
    """The client addresses of the key, which its allow-lists allow; the most used first."""
    lists = [bot.networks for bot in BOTS if bot.name == spec.bot] + [spec.networks]
    allowed = next((listed for listed in reversed(lists) if listed), ("198.51.100.0/24",))
    network = cidr.parse(allowed[0])
    last = network.num_addresses - 1
    return [str(network.network_address + offset) for offset in sorted({min(offset, last) for offset in (9, 10, 12)})]


def _spread(calls: int, names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """The calls distributed over the names by _SHARES. The first name gets the remainder."""
    rest = {name: round(calls * share) for name, share in zip(names[1:], _SHARES[1:], strict=False)}
    yield names[0], calls - sum(rest.values())
    yield from ((name, count) for name, count in rest.items() if count)


def _last_denied_hours(history: UsageHistory) -> dict[CallOutcome, datetime]:
    latest: dict[CallOutcome, datetime] = {}
    for hour, outcome in history.hours:
        if outcome != CallOutcome.OK:
            latest[outcome] = max(hour, latest.get(outcome, hour))
    return latest


def _random_time(hour: datetime, now: datetime, generator: Random) -> datetime:
    """A time within the hour and before now."""
    length = min(timedelta(hours=1), now - hour)
    return hour + length * generator.uniform(0.1, 0.95)


def _call(scope: str) -> str:
    return _CALLS.get(scope, "GET /api/keys")


def _call_without_scope(spec: DemoKey) -> str:
    """A request line that none of the key's scopes opens."""
    return next((call for scope, call in reversed(_CALLS.items()) if scope not in spec.scopes), "GET /api/export")


def _denied_address(outcome: CallOutcome, callers: Sequence[str]) -> str:
    return _DENIED_ADDRESS if outcome == CallOutcome.ADDRESS else callers[0]
