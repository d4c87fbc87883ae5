"""IP addresses and networks: strict parsing and fast comparison.

IPv4-mapped IPv6 (`::ffff:10.1.2.3`) is IPv4 everywhere. Zone ids, leading zeros, short forms and masks are rejected,
because programs disagree about their meaning. The standard library's `ipaddress` accepts some of them, and its
comparison is about ten times slower.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import NamedTuple

from keyadmin.core.messages import TranslatableError
from keyadmin.core.messages import marked as _

type Network = IPv4Network | IPv6Network
type CompiledNetworks = tuple[tuple[int, int, int], ...]
"""One (IP version, network address, mask) for each network. `contains` takes this form."""

_SEPARATORS = re.compile(r"[\s,;]+")
_IPV4_MAPPED_PREFIX = bytes(10) + b"\xff\xff"


class CidrProblem(StrEnum):
    """Why a text is not accepted as a network."""

    INVALID = "invalid"
    LEADING_ZEROS = "leading_zeros"
    ZONE = "zone"
    MASK = "mask"
    SUFFIX = "suffix"
    TOO_WIDE = "too_wide"
    HOST_BITS = "host_bits"


class CidrError(TranslatableError):
    """The text is not accepted as a network. `code` is for programs.

    `suggestions` are networks and addresses that would be accepted instead; the message contains them.
    """

    def __init__(self, code: CidrProblem, template: str, **values: object) -> None:
        super().__init__(template, **values)
        self.code = code
        self.suggestions: tuple[str, ...] = ()


class Address(NamedTuple):
    """An address: IP version, value, and normalised text."""

    version: int
    value: int
    text: str


def address_of(text: str) -> Address | None:
    """The address whose exact text this is; None for anything else, including surrounding space. Never raises."""
    if ":" not in text:
        try:
            packed = inet_pton(AF_INET, text)
        except (OSError, ValueError):
            return None
        return Address(4, int.from_bytes(packed), inet_ntop(AF_INET, packed))
    if "%" in text:  # some C libraries accept zone ids
        return None
    try:
        packed = inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        return None
    if packed[:12] == _IPV4_MAPPED_PREFIX:
        return Address(4, int.from_bytes(packed[12:]), inet_ntop(AF_INET, packed[12:]))
    normal = inet_ntop(AF_INET6, packed)
    if "." in normal:  # the C library writes ::a.b.c.d with dots, ipaddress does not
        normal = str(IPv6Address(packed))
    return Address(6, int.from_bytes(packed), normal)


def parse(text: str, *, reject_wide: bool = False) -> Network:
    """The network; a bare address is a network of one address. Surrounding space is ignored.

    /0 is rejected, because an empty list already allows any address. `reject_wide` also rejects prefixes shorter than
    /16 for IPv4 and /32 for IPv6: the rule for the lists of bots. Raises CidrError.
    """
    text = text.strip()
    host, slash, suffix = text.partition("/")
    address = address_of(host)
    if address is None:
        raise _not_an_address(host)
    # An IPv4-mapped network is typed with a suffix that is 96 more than that of its IPv4 network.
    shift = 96 if address.version == 4 and ":" in host else 0
    bits = 32 if address.version == 4 else 128
    length = _parse_prefix_length(suffix, shift, bits, reject_wide) if slash else bits
    cls = IPv4Network if address.version == 4 else IPv6Network
    network = cls((address.value, length), strict=False)
    if int(network.network_address) != address.value:
        message = _(
            "%(text)s is an address inside a range. Use %(network)s for the range, or %(address)s for the address."
        )
        error = CidrError(CidrProblem.HOST_BITS, message, text=text, network=network, address=address.text)
        error.suggestions = (str(network), address.text)
        raise error
    return network


def split(text: str) -> list[str]:
    """The parts of a pasted list: they are separated by blanks, lines, commas or semicolons."""
    return [part for part in _SEPARATORS.split(text) if part]


def compile_networks(networks: Iterable[Network]) -> CompiledNetworks:
    """The networks in the form that `contains` takes."""
    return tuple((n.version, int(n.network_address), int(n.netmask)) for n in networks)


def contains(compiled: CompiledNetworks, address: Address) -> bool:
    """Whether any of the networks contains the address. False for no networks."""
    version, value = address.version, address.value
    for network_version, network, mask in compiled:  # noqa: SIM110 - a generator takes twice as long
        if value & mask == network and version == network_version:
            return True
    return False


def find_covering(networks: Iterable[Network], new: Network) -> Network | None:
    """The first of the networks that contains all of `new`, or None."""
    for network in networks:
        if network.version == new.version and network.prefixlen <= new.prefixlen:
            mask = int(network.netmask)
            if int(new.network_address) & mask == int(network.network_address):
                return network
    return None


def intersection(left: Iterable[Network], right: Iterable[Network]) -> tuple[Network, ...]:
    """The networks of the addresses that are on both lists, each once. Empty if the lists have no address in common."""
    left, right = tuple(left), tuple(right)
    # Two networks that overlap are nested, so the narrower one is their intersection.
    narrower = [network for network in left if find_covering(right, network)]
    narrower += [network for network in right if find_covering(left, network)]
    return tuple(dict.fromkeys(narrower))


def _parse_prefix_length(suffix: str, shift: int, bits: int, reject_wide: bool) -> int:
    """The prefix length of a suffix. `shift` is 96 for an IPv4-mapped network, otherwise 0. Raises CidrError."""
    if "." in suffix or ":" in suffix:
        raise CidrError(CidrProblem.MASK, _("Replace the mask by a suffix such as /24."))
    narrowest = bits + shift
    widest = shift + ((16 if bits == 32 else 32) if reject_wide else 1)
    limits = {"widest": widest, "narrowest": narrowest}
    is_number = suffix.isascii() and suffix.isdigit() and len(suffix) <= 3
    if not is_number or str(int(suffix)) != suffix or int(suffix) > narrowest:
        message = _("The text after the slash is not a valid suffix. Use a suffix from /%(widest)s to /%(narrowest)s.")
        if is_number:
            message = _("/%(suffix)s is not a valid suffix. Use a suffix from /%(widest)s to /%(narrowest)s.")
        raise CidrError(CidrProblem.SUFFIX, message, suffix=suffix, **limits)
    if int(suffix) < widest:
        message = _("/%(suffix)s is too wide. Use a suffix from /%(widest)s to /%(narrowest)s.")
        raise CidrError(CidrProblem.TOO_WIDE, message, suffix=suffix, **limits)
    return int(suffix) - shift


def _not_an_address(host: str) -> CidrError:
    """The error for a text that is not an address. Its message does not repeat the text, which may be a secret."""
    if "%" in host:
        return CidrError(CidrProblem.ZONE, _("Remove the zone: the %% and everything after it."))
    octets = host.rpartition(":")[2].split(".")
    if len(octets) == 4 and any(len(o) > 1 and o[0] == "0" and o.isdigit() for o in octets):
        return CidrError(CidrProblem.LEADING_ZEROS, _("Write each number of the address without leading zeros."))
    message = _("Enter an IP address or a network, such as 203.0.113.24 or 203.0.113.0/24.")
    return CidrError(CidrProblem.INVALID, message)
