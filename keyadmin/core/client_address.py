"""The address of the client that made a call, behind any number of trusted proxies."""

import re
from collections.abc import Sequence
from typing import Final

from keyadmin.core import cidr

#: An IPv4 address with a port, or an IPv6 address in brackets with or without a port. A port after an IPv6 address
#: without brackets cannot be told from a part of the address.
_match_decorated: Final = re.compile(r"([0-9.]+):([0-9]{1,5})|\[([0-9A-Fa-f:.]+)\](?::([0-9]{1,5}))?").fullmatch
_MAX_PORT: Final = 65_535


def client_address(peer: str, forwarded: Sequence[str], trusted: cidr.CompiledNetworks) -> cidr.Address | None:
    """The client's address; None if it cannot be determined. Never raises.

    `peer` is the other end of the connection. `forwarded` are the values of X-Forwarded-For in the order received;
    together they are one comma-separated list to which every proxy has appended the address that it saw. The entries
    are read from right to left. The first address that is not a trusted proxy's is the client; entries to its left
    could have been sent by the client, and are ignored. If every address is trusted, the leftmost is the client.

    The result is None if an entry that has to be read is empty or not an address, or if `peer` is not, such as a Unix
    socket. Without trusted proxies the header is never read. An empty header counts as absent.
    """
    address = cidr.address_of(peer)
    if address is None or not cidr.contains(trusted, address):
        return address
    entries = ",".join(forwarded)  # as a WSGI server joins them
    if not entries.strip(" \t"):
        return address
    for entry in reversed(entries.split(",")):
        address = _address_of_entry(entry.strip(" \t"))
        if address is None or not cidr.contains(trusted, address):
            return address
    return address


def _address_of_entry(entry: str) -> cidr.Address | None:
    """The address of an entry, without a port and without the brackets of IPv6."""
    if (parts := _match_decorated(entry)) is None:
        return cidr.address_of(entry)
    ipv4, ipv4_port, ipv6, ipv6_port = parts.groups()
    if int(ipv4_port or ipv6_port or 0) > _MAX_PORT or (ipv6 and ":" not in ipv6):
        return None
    return cidr.address_of(ipv4 or ipv6)
