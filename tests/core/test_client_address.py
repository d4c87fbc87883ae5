"""The client's address: `X-Forwarded-For` counts only if a trusted proxy sent it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyadmin.core import cidr
from keyadmin.core.client_address import client_address

TRUSTED = cidr.compile_networks(cidr.parse(text) for text in ["10.0.0.0/8", "2001:db8::/32"])

proxies = st.one_of(st.ip_addresses(v=4, network="10.0.0.0/8"), st.ip_addresses(v=6, network="2001:db8::/32")).map(str)
strangers = st.one_of(
    st.ip_addresses(v=4, network="198.51.100.0/24"), st.ip_addresses(v=6, network="2001:db9::/32")
).map(str)
garbage = st.sampled_from(
    ["", "unknown", "_hidden", "::1%eth0", "010.0.0.1", "10.0.0.1:", "[10.0.0.1]", "[::1", "1.2.3", "é", "\x00"]
)
claims = st.lists(st.one_of(proxies, strangers, garbage, st.text(max_size=20)), max_size=5)


def address(text):
    found = cidr.address_of(text)
    assert found is not None
    return found


def as_headers(entries, cuts):
    """The entries as header values, with spaces as proxies write them."""
    values, rest = [], list(entries)
    for cut in cuts:
        values.append(rest[:cut])
        rest = rest[cut:]
    return [", ".join(value) for value in [*values, rest] if value]


cuts = st.lists(st.integers(1, 3), max_size=3)


@given(peer=st.one_of(proxies, strangers), said=claims)
def test_header_is_ignored_without_trusted_proxies(peer, said):
    assert client_address(peer, said, ()) == address(peer)


@given(peer=strangers, said=claims)
def test_untrusted_peer_is_the_client(peer, said):
    assert client_address(peer, said, TRUSTED) == address(peer)


@given(peer=proxies, client=strangers, chain=st.lists(proxies, max_size=4), claimed=claims, cuts=cuts)
def test_address_claimed_by_the_client_is_ignored(peer, client, chain, claimed, cuts):
    entries = [*claimed, client, *chain]
    assert client_address(peer, as_headers(entries, cuts), TRUSTED) == address(client)


@given(peer=proxies, bad=garbage.filter(bool), chain=st.lists(proxies, max_size=4), claimed=claims, cuts=cuts)
def test_invalid_entry_before_the_client_makes_it_unknown(peer, bad, chain, claimed, cuts):
    assert client_address(peer, as_headers([*claimed, bad, *chain], cuts), TRUSTED) is None


@given(peer=proxies, chain=st.lists(proxies, min_size=1, max_size=4), cuts=cuts)
def test_leftmost_address_is_the_client_if_all_are_trusted(peer, chain, cuts):
    assert client_address(peer, as_headers(chain, cuts), TRUSTED) == address(chain[0])


@pytest.mark.parametrize("forwarded", [[], [""], [" \t"]])
def test_trusted_peer_without_header_is_the_client(forwarded):
    assert client_address("10.0.0.1", forwarded, TRUSTED) == address("10.0.0.1")


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["10.1.2.3, 8.8.8.8"], "8.8.8.8"),
        (["8.8.8.8, 10.1.2.3"], "8.8.8.8"),
        (["1.1.1.1", "8.8.8.8,10.1.2.3"], "8.8.8.8"),
        (["1.1.1.1 \t,\t 8.8.8.8 "], "8.8.8.8"),
        (["8.8.8.8, ::ffff:10.1.2.3"], "8.8.8.8"),
        (["::ffff:8.8.8.8"], "8.8.8.8"),
        (["2001:DB9::1"], "2001:db9::1"),
    ],
)
def test_entries_are_read_from_the_right(forwarded, client):
    assert client_address("10.0.0.1", forwarded, TRUSTED) == address(client)


@pytest.mark.parametrize(
    "entry",
    [
        "8.8.8.8,",
        ",",
        "8.8.8.8, ,10.1.2.3",
        "8.8.8.8%eth0",
        "8.8.8.8\n",
        "8.8.8.8:",
        "8.8.8.8:65536",
        "8.8.8.8:٣",
        "\udcff",
    ],
)
def test_invalid_entry_makes_the_client_unknown(entry):
    assert client_address("10.0.0.1", [entry], TRUSTED) is None


@pytest.mark.parametrize(
    ("entry", "client"),
    [
        ("198.51.100.7:5678", "198.51.100.7"),
        ("198.51.100.7:0", "198.51.100.7"),
        ("[2001:db9::7]", "2001:db9::7"),
        ("[2001:DB9::7]:443", "2001:db9::7"),
        ("[::ffff:198.51.100.7]:443", "198.51.100.7"),
        ("2001:db9::7:443", "2001:db9::7:443"),  # an address as it stands
        ("198.51.100.7:1, 10.0.0.2:2, [2001:db8::1]:3", "198.51.100.7"),
    ],
)
def test_port_and_brackets_of_an_entry_are_removed(entry, client):
    assert client_address("10.0.0.1", [entry], TRUSTED) == address(client)


@pytest.mark.parametrize("entry", ["[198.51.100.7]", "[2001:db9::7", "2001:db9::7]", "[2001:db9::7]:", "[]:80", ":80"])
def test_unbalanced_brackets_and_missing_parts_make_the_client_unknown(entry):
    assert client_address("10.0.0.1", [entry], TRUSTED) is None


@pytest.mark.parametrize("lines", [["198.51.100.7", ""], ["", "198.51.100.7", " "], ["", ""]])
def test_lines_mean_the_same_joined_and_apart(lines):
    assert client_address("10.0.0.1", lines, TRUSTED) == client_address("10.0.0.1", [",".join(lines)], TRUSTED) is None


def test_mapped_peer_is_recognised_as_trusted():
    assert client_address("::ffff:10.0.0.1", ["8.8.8.8"], TRUSTED) == address("8.8.8.8")


@pytest.mark.parametrize("peer", ["", "unix:", "/run/keyadmin.sock", "fe80::1%eth0"])
def test_peer_without_an_address_is_unknown(peer):
    assert client_address(peer, ["8.8.8.8"], TRUSTED) is None


@given(
    peer=st.text(max_size=20),
    said=st.lists(st.text(st.characters(codec=None, exclude_categories=())), max_size=3),
)
def test_client_address_never_raises(peer, said):
    client_address(peer, said, TRUSTED)
    client_address("10.0.0.1", said, TRUSTED)
