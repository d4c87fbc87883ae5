"""The address of the client that made a call, behind any number of trusted proxies."""

from collections.abc import Sequence

from keyadmin.core import cidr


def client_address(peer: str, forwarded: Sequence[str], trusted: cidr.CompiledNetworks) -> cidr.Address | None:
    """The client's address; None if it cannot be determined. Never raises.

    `peer` is the other end of the connection. `forwarded` are the values of X-Forwarded-For in the order received.
    Each is a comma-separated list to which every proxy has appended the address that it saw. The entries are read
    from right to left. The first address that is not a trusted proxy's is the client; entries to its left could have
    been sent by the client, and are ignored. If every address is trusted, the leftmost is the client.

    The result is None if `peer` is not an IP address (a Unix socket, for example), or if an entry that has to be read
    is not one. Without trusted proxies the header is never read.
    """
    address = cidr.address_of(peer)
    if address is None or not cidr.contains(trusted, address):
        return address
    for entry in reversed([entry for value in forwarded if value.strip(" \t") for entry in value.split(",")]):
        address = cidr.address_of(entry.strip(" \t"))
        if address is None or not cidr.contains(trusted, address):
            return address
    return address
