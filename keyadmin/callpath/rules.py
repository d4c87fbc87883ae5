"""The rules about a call: pure functions that return the reason to deny it, or None.

`authorize` applies them in the order of this module and stops at the first denial. `keyadmin.explain` evaluates all of
them. The rule about On-Behalf-Of is in `on_behalf_of.py`, because it reads the database.
"""

from typing import NamedTuple
from uuid import UUID

from keyadmin.callpath.snapshot import Snapshot
from keyadmin.core import cidr, routes
from keyadmin.core.denials import DenialReason

#: The scope of routes that every key may call.
ANY_KEY = ""


class Call(NamedTuple):
    """A call to decide.

    `path` is as sent, without the query. `address` is the client's, None if it cannot be determined. `channel` and
    `on_behalf_of` are the values of the headers X-Channel and On-Behalf-Of. `cost` is the number of calls that it
    counts as. If `organisation` is set, only keys of that organisation are accepted. `declared_route` is the route that
    the view declares (`keyadmin.integrations.django.requires`); if None, the route is looked up by method and path.
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
    """The key must be neither revoked nor expired nor paused."""
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
    """The allow-lists of the key and of its bot must both allow the address."""
    return check_allow_list(snapshot.key_allow_list, call.address) or check_allow_list(
        snapshot.bot_allow_list, call.address
    )


def check_permission(snapshot: Snapshot, match: routes.Match | None) -> DenialReason | None:
    """The key must have one of the scopes of the call's route, `match`. A call without a route is denied."""
    if match is None:
        return DenialReason.UNMAPPED
    return None if ANY_KEY in match.scopes or match.scopes & snapshot.scopes else DenialReason.SCOPE


def check_channel(snapshot: Snapshot, call: Call, match: routes.Match | None) -> DenialReason | None:
    """A call of a key that is restricted to channels must name one of them, if its route has a channel."""
    if not snapshot.channels or match is None or not match.channel_from:
        return None
    named = match.channel if match.channel_from == "path" else call.channel
    return None if named in snapshot.channels else DenialReason.CHANNEL
