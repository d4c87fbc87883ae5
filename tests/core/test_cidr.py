"""Networks and addresses: parsing, error messages, and containment."""

import ipaddress
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keyadmin.core import cidr
from keyadmin.core.cidr import CidrProblem

NEITHER = "Enter an IP address or a network, such as 203.0.113.24 or 203.0.113.0/24."
addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
addressish = st.text("0123456789abcdefx:.%/ ", max_size=24)
anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)


def mapped(address):
    return getattr(address, "ipv4_mapped", None) or address


@st.composite
def networks(draw):
    """Networks of every size, many of them close to each other; none is IPv4-mapped."""
    version = draw(st.sampled_from([4, 6]))
    bits = 32 if version == 4 else 128
    near = st.integers(0, 15).map(lambda low: (0x0A000000 if version == 4 else 0x20010DB8 << 96) + low)
    value = draw(st.one_of(near, st.ip_addresses(v=version).map(int)))
    length = draw(st.integers(1, bits))
    address = ipaddress.IPv4Address(value) if version == 4 else ipaddress.IPv6Address(value)
    return ip_network((mapped(address), min(length, mapped(address).max_prefixlen)), strict=False)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("203.0.113.24", "203.0.113.24/32"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        (" 192.0.2.64/26\n", "192.0.2.64/26"),
        ("0.0.0.0/1", "0.0.0.0/1"),
        ("0.0.0.0", "0.0.0.0/32"),  # noqa: S104
        ("2001:DB8::1", "2001:db8::1/128"),
        ("2001:0db8:0000::/32", "2001:db8::/32"),
        ("::/1", "::/1"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ("::ffff:10.1.2.3/128", "10.1.2.3/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::FFFF:a00:0/104", "10.0.0.0/8"),
        ("0000:0000:0000:0000:0000:ffff:255.255.255.254/127", "255.255.255.254/31"),
    ],
)
def test_network_is_parsed(text, network):
    assert cidr.parse(text) == ip_network(network)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        *(
            (
                text,
                CidrProblem.HOST_BITS,
                f"{text} is an address inside a range. Use {network} for the range, or {address} for the address.",
            )
            for text, network, address in [
                ("203.0.113.24/24", "203.0.113.0/24", "203.0.113.24"),
                ("10.0.0.1/8", "10.0.0.0/8", "10.0.0.1"),
                ("2001:db8::1/64", "2001:db8::/64", "2001:db8::1"),
                ("::ffff:10.1.2.3/104", "10.0.0.0/8", "10.1.2.3"),
            ]
        ),
        ("0.0.0.0/0", CidrProblem.TOO_WIDE, "/0 is too wide. Use a suffix from /1 to /32."),
        ("10.0.0.1/0", CidrProblem.TOO_WIDE, "/0 is too wide. Use a suffix from /1 to /32."),
        ("::/0", CidrProblem.TOO_WIDE, "/0 is too wide. Use a suffix from /1 to /128."),
        ("::ffff:0:0/96", CidrProblem.TOO_WIDE, "/96 is too wide. Use a suffix from /97 to /128."),
        ("::ffff:0:0/0", CidrProblem.TOO_WIDE, "/0 is too wide. Use a suffix from /97 to /128."),
        ("010.0.0.1", CidrProblem.LEADING_ZEROS, "Write each number of the address without leading zeros."),
        ("10.0.0.00/8", CidrProblem.LEADING_ZEROS, "Write each number of the address without leading zeros."),
        (
            "::ffff:010.0.0.1",
            CidrProblem.LEADING_ZEROS,
            "Write each number of the address without leading zeros.",
        ),
        ("::1%eth0", CidrProblem.ZONE, "Remove the zone: the % and everything after it."),
        (
            "fe80::%1/64",
            CidrProblem.ZONE,
            "Remove the zone: the % and everything after it.",
        ),
        ("10.0.0.0/0.255.255.255", CidrProblem.MASK, "Replace the mask by a suffix such as /24."),
        ("10.0.0.0/255.0.0.0", CidrProblem.MASK, "Replace the mask by a suffix such as /24."),
        ("10.0.0.0/ffff::", CidrProblem.MASK, "Replace the mask by a suffix such as /24."),
        ("10.0.0.0/33", CidrProblem.SUFFIX, "/33 is not a valid suffix. Use a suffix from /1 to /32."),
        ("::/129", CidrProblem.SUFFIX, "/129 is not a valid suffix. Use a suffix from /1 to /128."),
        ("10.0.0.0/08", CidrProblem.SUFFIX, "/08 is not a valid suffix. Use a suffix from /1 to /32."),
        (
            "10.0.0.0/",
            CidrProblem.SUFFIX,
            "The text after the slash is not a valid suffix. Use a suffix from /1 to /32.",
        ),
        (
            "10.0.0.0/٨",
            CidrProblem.SUFFIX,
            "The text after the slash is not a valid suffix. Use a suffix from /1 to /32.",
        ),
        (
            "10.0.0.0/-8",
            CidrProblem.SUFFIX,
            "The text after the slash is not a valid suffix. Use a suffix from /1 to /32.",
        ),
        (
            "10.0.0.0/8/8",
            CidrProblem.SUFFIX,
            "The text after the slash is not a valid suffix. Use a suffix from /1 to /32.",
        ),
        *((text, CidrProblem.INVALID, NEITHER) for text in ["", "/", "any", "1.2.3", "10", "0x7f.1", "1.2.3.256"]),
        *((text, CidrProblem.INVALID, NEITHER) for text in ["[::1]", "10.0.0.1:80", "1.2.3.4\x00", "١.٢.٣.٤", "::1::"]),
        *((text, CidrProblem.INVALID, NEITHER) for text in ["1" * 100_000, "\udcff", "10.0.0.0 /8", "example.org"]),
    ],
)
def test_invalid_network_is_rejected_with_a_message(text, code, message):
    with pytest.raises(cidr.CidrError) as refusal:
        cidr.parse(text)
    assert (str(refusal.value), refusal.value.code) == (message, code)


def test_address_inside_a_range_comes_with_suggestions():
    with pytest.raises(cidr.CidrError) as error:
        cidr.parse("203.0.113.24/24")
    assert error.value.suggestions == ("203.0.113.0/24", "203.0.113.24")


def test_pasted_list_is_split_at_commas_semicolons_blanks_and_lines():
    assert cidr.split(" 192.0.2.1,192.0.2.2;\t::1\r\n10.0.0.0/8, ") == ["192.0.2.1", "192.0.2.2", "::1", "10.0.0.0/8"]
    assert cidr.split(" ,\n") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.0.0.0/8", "/8 is too wide. Use a suffix from /16 to /32."),
        ("10.1.2.3/15", "/15 is too wide. Use a suffix from /16 to /32."),
        ("2001::/16", "/16 is too wide. Use a suffix from /32 to /128."),
        ("::ffff:10.0.0.0/104", "/104 is too wide. Use a suffix from /112 to /128."),
    ],
)
def test_network_wider_than_the_floor_is_rejected(text, message):
    with pytest.raises(cidr.CidrError) as refusal:
        cidr.parse(text, reject_wide=True)
    assert (str(refusal.value), refusal.value.code) == (message, CidrProblem.TOO_WIDE)


@pytest.mark.parametrize("text", ["10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "::ffff:10.1.0.0/112"])
def test_network_at_or_below_the_floor_is_accepted(text):
    assert cidr.parse(text, reject_wide=True) == cidr.parse(text)


@given(network=networks())
def test_printed_network_parses_to_itself(network):
    assert cidr.parse(str(network)) == network


@given(text=st.one_of(addressish, anything))
def test_parse_raises_cidr_error_only(text):
    try:
        network = cidr.parse(text)
    except cidr.CidrError as refusal:
        assert str(refusal)[-1] in ".?"  # noqa: PT017
    else:
        assert network.prefixlen > 0


@pytest.mark.parametrize(
    ("text", "version", "normal"),
    [
        ("10.1.2.3", 4, "10.1.2.3"),
        ("::ffff:10.1.2.3", 4, "10.1.2.3"),
        ("::FFFF:0a01:0203", 4, "10.1.2.3"),
        ("2001:DB8:0:0:0::1", 6, "2001:db8::1"),
        ("::10.1.2.3", 6, "::a01:203"),
        ("::", 6, "::"),
    ],
)
def test_address_is_parsed_and_normalised(text, version, normal):
    assert cidr.address_of(text) == cidr.Address(version, int(ip_address(normal)), normal)


@pytest.mark.parametrize(
    "text",
    [
        *["", "010.0.0.1", "10.0.0.00", "1.2.3", "10", "167772161", "0x7f.1", "0x7f.0.0.1", "127.1"],
        *["1.2.3.4.5", "256.1.1.1", "::1%eth0", "::1%", "fe80::1%<script>", "::1%25eth0"],
        *["::ffff:010.1.2.3", "::ffff:1.2.3", "1::2::3", ":::", "12345::", "[::1]", "10.0.0.1/8"],
        *["10.0.0.1:80", " 10.0.0.1", "10.0.0.1 ", "10.0.0.1\n", "::1\n", "-1.0.0.0", "+1.0.0.0"],
        *["1.0.0.0\x00", "::1\x00", "١.1.1.1", "\udcff", "é:", "unknown", "_hidden", "1." * 50_000],
        *[":" * 100_000],
    ],
)
def test_invalid_address_is_none(text):
    assert cidr.address_of(text) is None


@given(address=addresses)
def test_printed_address_parses_to_itself(address):
    truth = mapped(address)
    read = address_of(str(address))
    assert read == cidr.Address(truth.version, int(truth), str(truth))
    assert cidr.address_of(read.text) == read


@given(text=st.one_of(addressish, anything, addresses.map(lambda a: a.exploded)))
@example("1:2:3:4:5:6:7::")
@example("::2:3:4:5:6:7:8")
@example("1:2:3:4:5:6:1.2.3.4")
def test_addresses_agree_with_ipaddress_except_zones(text):
    try:
        truth = ip_address(text) if "%" not in text else None
    except ValueError:
        truth = None
    read = cidr.address_of(text)
    assert (read and int(read.value)) == (None if truth is None else int(mapped(truth)))


@given(listed=st.lists(networks(), max_size=5), data=st.data())
def test_contains_agrees_with_ipaddress(listed, data):
    inside = [st.integers(int(n[0]), int(n[-1])).map(type(n[0])) for n in listed]
    edges = [st.sampled_from([n[0], n[-1], *near(n)]) for n in listed]
    address = mapped(data.draw(st.one_of(addresses, *inside, *edges)))
    expected = any(address in network for network in listed)
    assert cidr.contains(cidr.compile_networks(listed), address_of(str(address))) is expected


def address_of(text: str) -> cidr.Address:
    address = cidr.address_of(text)
    assert address
    return address


def near(network):
    """The addresses next to the network."""
    first, last, kind = int(network[0]), int(network[-1]), type(network[0])
    return [kind(n) for n in (first - 1, last + 1) if 0 <= n < 2**network.max_prefixlen]


def test_same_value_of_the_other_version_is_outside():
    compiled = cidr.compile_networks([cidr.parse("::a00:0/104")])
    assert cidr.contains(compiled, address_of("::a01:203"))
    assert not cidr.contains(compiled, address_of("10.1.2.3"))


def test_no_network_contains_no_address():
    assert not cidr.contains(cidr.compile_networks([]), address_of("10.1.2.3"))


@given(listed=st.lists(networks(), max_size=5), new=networks())
def test_covers_returns_the_first_network_that_contains_the_new_one(listed, new):
    holding = [n for n in listed if n.version == new.version and new.subnet_of(n)]
    assert cidr.find_covering(listed, new) == (holding[0] if holding else None)
    assert cidr.find_covering([*holding, new], new) is not None
