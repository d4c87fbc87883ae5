"""Evaluates all rules of the call path for a call, in the order of the call path."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from psycopg.rows import scalar_row

from keyadmin.callpath import rules as callpath_rules
from keyadmin.callpath.authorize import find_route
from keyadmin.callpath.credentials import single_value
from keyadmin.callpath.on_behalf_of import check_on_behalf_of
from keyadmin.callpath.rules import Call
from keyadmin.callpath.snapshot import Snapshot, build_snapshot
from keyadmin.callpath.state import state
from keyadmin.core import routes
from keyadmin.core.denials import DenialReason

#: How often a key is loaded. It is loaded again if its secret is replaced between the two statements.
_MAX_LOADS: Final = 4


class Rule(StrEnum):
    """The rules, in the order of the call path. BOT_ADDRESSES applies only to keys of bots."""

    REQUEST = "request"
    KEY = "key"
    KEY_STATE = "key_state"
    KEY_ADDRESSES = "key_addresses"
    BOT_ADDRESSES = "bot_addresses"
    PERMISSION = "permission"
    CHANNEL = "channel"
    ON_BEHALF_OF = "on_behalf_of"
    LIMIT = "limit"


class RuleResult(NamedTuple):
    """A rule, and why it denies the call; None if it allows the call."""

    rule: Rule
    reason: DenialReason | None


@dataclass(frozen=True, slots=True)
class LoadedKey:
    """The snapshot of a key with its current secret, and the networks of its allow-lists as texts, sorted."""

    snapshot: Snapshot
    key_networks: tuple[str, ...]
    bot_networks: tuple[str, ...]


def load(key: UUID) -> LoadedKey | None:
    """Loads what the call path would load for the key now, without caching it.

    None if there is no such key. Call `state.database.start_call` first. Raises DatabaseUnavailableError.
    """
    for _ in range(_MAX_LOADS):
        digests = state.database.fetch(_CURRENT_DIGEST, {"key": key}, scalar_row)
        if not digests:
            return None
        row = state.snapshots.load_row(digests)
        if row is not None and not row.is_in_grace:
            return LoadedKey(build_snapshot(row), tuple(sorted(row.key_networks)), tuple(sorted(row.bot_networks)))
    return None


def is_unambiguous(call: Call) -> bool:
    """Whether the call path would accept the headers and the path of the call."""
    try:
        for value in filter(None, (call.channel, call.on_behalf_of)):
            single_value({"header": [value]}, "header")
    except ValueError:
        return False
    return routes.is_canonical(call.path)


def evaluate(loaded: LoadedKey, call: Call) -> tuple[routes.Match | None, list[RuleResult]]:
    """The route of the call, and the results of all rules, also of those after the first that denies the call.

    The route is None if no scope opens the call or if the call is ambiguous. Raises DatabaseUnavailableError.
    """
    snapshot, is_clear = loaded.snapshot, is_unambiguous(call)
    match = find_route(snapshot, call) if is_clear else None
    results = [
        RuleResult(Rule.REQUEST, None if is_clear else DenialReason.AMBIGUOUS_REQUEST),
        RuleResult(Rule.KEY, None),
        RuleResult(Rule.KEY_STATE, callpath_rules.check_key_state(snapshot)),
        RuleResult(Rule.KEY_ADDRESSES, callpath_rules.check_allow_list(snapshot.key_allow_list, call.address)),
    ]
    if snapshot.key.bot_id:
        reason = callpath_rules.check_allow_list(snapshot.bot_allow_list, call.address)
        results.append(RuleResult(Rule.BOT_ADDRESSES, reason))
    has_room = snapshot.used + call.cost <= snapshot.key.limit
    return match, [
        *results,
        RuleResult(Rule.PERMISSION, callpath_rules.check_permission(snapshot, match) if is_clear else None),
        RuleResult(Rule.CHANNEL, callpath_rules.check_channel(snapshot, call, match)),
        RuleResult(Rule.ON_BEHALF_OF, check_on_behalf_of(state.database, snapshot, call)[0]),
        RuleResult(Rule.LIMIT, None if has_room else DenialReason.LIMITED),
    ]


_CURRENT_DIGEST: Final = "SELECT digest FROM secret WHERE key_id = %(key)s AND not_after IS NULL"
