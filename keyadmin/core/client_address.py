"""Where a call came from: the peer's address, or what trusted proxies say about it."""

from collections.abc import Sequence

from keyadmin.core import cidr


def client_address(peer: str, forwarded: Sequence[str], trusted: cidr.Compiled) -> cidr.Address | None:
    """The true address of the client; None when it cannot be told. Never raises.

    `peer` is the other end of the connection. `forwarded` are the values of X-Forwarded-For in the order
    received, each a comma-separated list to which every proxy appended the address that it saw. The list is
    walked from the right for as long as the address in hand belongs to a trusted proxy; the first one that
    does not is the client, and whatever stands left of it is hearsay. When everyone is trusted, the
    leftmost is the client.

    An entry that is not an address stops the walk with None: what is left of it could be anyone's. So does
    a peer that is not one, such as a Unix socket. Without trusted proxies the header is never read.
    """
    address = cidr.address_of(peer)
    if address is None or not cidr.contains(trusted, address):
        return address
    for entry in reversed([entry for value in forwarded if value.strip(" \t") for entry in value.split(",")]):
        address = cidr.address_of(entry.strip(" \t"))
        if address is None or not cidr.contains(trusted, address):
            return address
    return address
