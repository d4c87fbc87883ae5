"""What each rule of the call path says of a call, in the order in which the call path asks them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from keyadmin.callpath import authorize, route_table
from keyadmin.callpath import snapshot as snapshots
from keyadmin.callpath.authorize import Call
from keyadmin.callpath.connection import execute
from keyadmin.callpath.credentials import single
from keyadmin.callpath.snapshot import Snapshot
from keyadmin.core import routes
from keyadmin.core.denials import DenialReason
from keyadmin.core.endpoints import ENDPOINTS


class Rule(StrEnum):
    """In the call path's order. A key that is no bot's has no BOT_ADDRESSES."""

    REQUEST = "request"
    KEY = "key"
    STANDING = "standing"
    KEY_ADDRESSES = "key_addresses"
    BOT_ADDRESSES = "bot_addresses"
    PERMISSION = "permission"
    CHANNEL = "channel"
    ON_BEHALF_OF = "on_behalf_of"
    LIMIT = "limit"


type Saying = tuple[Rule, DenialReason | None]
"""A rule, and why it would refuse the call; None where it lets it pass."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A snapshot by a key's present secret, and whose the lists are: networks of the key's own, and of its bot's."""

    snapshot: Snapshot
    own: tuple[str, ...]
    bots: tuple[str, ...]


def load(key: UUID) -> Loaded | None:
    """What the call path would load for the key now; it is not cached. A call is started. Raises Unavailable."""
    rows = execute(_LOAD, {"key": key})
    if not rows:
        return None
    own, bots = rows[0][-6:-4]
    return Loaded(snapshots.built(*rows[0]), tuple(sorted(own)), tuple(sorted(bots)))


def is_clear(call: Call) -> bool:
    """Whether the call can be read in one way only."""
    try:
        single({"value": [call.channel or "-"]}, "value")
        single({"value": [call.on_behalf_of or "-"]}, "value")
    except ValueError:
        return False
    return routes.canonical(call.path)


def ask(loaded: Loaded, call: Call) -> tuple[routes.Match | None, list[Saying]]:
    """The route that the call takes, None where nothing opens it or its path is not clear; and what every rule says,
    also those behind the one that decides.
    """
    snapshot, clear, match = loaded.snapshot, is_clear(call), None
    if clear:
        match = ENDPOINTS.match(call.method, call.path)
        match = match or route_table.table(snapshot.catalogue_version).match(call.method, call.path)
    return match, [
        (Rule.REQUEST, None if clear else DenialReason.UNDECIDABLE),
        (Rule.KEY, None),
        (Rule.STANDING, authorize.standing(snapshot)),
        *_addresses(loaded, call),
        (Rule.PERMISSION, authorize.scope(snapshot, match) if clear else None),
        (Rule.CHANNEL, authorize.channel(snapshot, call, match)),
        (Rule.ON_BEHALF_OF, authorize.on_behalf_of(snapshot, call)[0]),
        (Rule.LIMIT, DenialReason.LIMITED if snapshot.used + call.cost > snapshot.key.limit else None),
    ]


def _addresses(loaded: Loaded, call: Call) -> Iterator[Saying]:
    """Of each list by itself."""
    lists = iter(loaded.snapshot.allow_lists)  # those that are not empty, in this order
    for rule, networks in ((Rule.KEY_ADDRESSES, loaded.own), (Rule.BOT_ADDRESSES, loaded.bots)):
        alone = replace(loaded.snapshot, allow_lists=(next(lists),) if networks else ())
        if rule is Rule.KEY_ADDRESSES or alone.key.bot_id:
            yield rule, authorize.address(alone, call)


#: The call path's statement, but by key instead of by digest.
_LOAD = snapshots.LOAD.replace("digest = ANY(%(digests)s)", "key_id = %(key)s AND not_after IS NULL")
