"""The rules about a call, as pure functions of snapshot and call: the reason to deny it, or None.

`authorize` applies them in the order of this module. `keyadmin.explain` evaluates each of them. The rule about
On-Behalf-Of reads the database, and is in `on_behalf_of.py`.
"""

from typing import NamedTuple
from uuid import UUID

from keyadmin.callpath.snapshot import Snapshot
from keyadmin.core import cidr, routes
from keyadmin.core.denials import DenialReason

#: In the scopes of a route that every key may call.
ANY_KEY = ""


class Call(NamedTuple):
    """A call to decide. `path` is as sent, without the query; `address` is None if it cannot be determined.

    `channel` and `on_behalf_of` are the values of X-Channel and On-Behalf-Of. If `organisation` is set, only its keys
    are accepted. `declared_route` is what the answering view declares that it needs; if None, keyadmin's own endpoints
    and the catalogue decide.
    """

    method: str
    path: str
    address: cidr.Address | None
    channel: str | None = None
    on_behalf_of: str | None = None
    cost: int = 1
    organisation: UUID | None = None
    declared_route: routes.Match | None = None


def check_key_state(snapshot: Snapshot) -> DenialReason | None:
    if snapshot.is_revoked:
        return DenialReason.REVOKED
    if snapshot.is_expired:
        return DenialReason.EXPIRED
    return DenialReason.PAUSED if snapshot.is_paused else None


def check_allow_list(networks: cidr.CompiledNetworks, address: cidr.Address | None) -> DenialReason | None:
    """An empty list allows any address. An address that cannot be determined is on no list."""
    if networks and (address is None or not cidr.contains(networks, address)):
        return DenialReason.ADDRESS
    return None


def check_address(snapshot: Snapshot, call: Call) -> DenialReason | None:
    """Both the key's and the bot's allow-list must contain the address."""
    return check_allow_list(snapshot.key_allow_list, call.address) or check_allow_list(
        snapshot.bot_allow_list, call.address
    )


def check_permission(snapshot: Snapshot, match: routes.Match | None) -> DenialReason | None:
    """`match` is the route of the call; a call without a route is denied."""
    if match is None:
        return DenialReason.UNMAPPED
    return None if ANY_KEY in match.scopes or match.scopes & snapshot.scopes else DenialReason.SCOPE


def check_channel(snapshot: Snapshot, call: Call, match: routes.Match | None) -> DenialReason | None:
    """A key that is restricted to channels must name one of them, on a route that concerns channels."""
    if not snapshot.channels or match is None or not match.channel_from:
        return None
    named = match.channel if match.channel_from == "path" else call.channel
    return None if named in snapshot.channels else DenialReason.CHANNEL
