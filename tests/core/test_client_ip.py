"""The client's address: only what a trusted proxy saw counts, and what a client claims never does."""

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
    ["", "unknown", "_hidden", "::1%eth0", "010.0.0.1", "10.0.0.1:80", "[::1]", "1.2.3", "é", "\x00"]
)
claims = st.lists(st.one_of(proxies, strangers, garbage, st.text(max_size=20)), max_size=5)


def address(text):
    found = cidr.address_of(text)
    assert found is not None
    return found


def as_headers(entries, cuts):
    """The entries as one or more header values, with the spaces that proxies write."""
    values, rest = [], list(entries)
    for cut in cuts:
        values.append(rest[:cut])
        rest = rest[cut:]
    return [", ".join(value) for value in [*values, rest] if value]


cuts = st.lists(st.integers(1, 3), max_size=3)


@given(peer=st.one_of(proxies, strangers), said=claims)
def test_without_trusted_proxies_the_header_is_ignored(peer, said):
    assert client_address(peer, said, ()) == address(peer)


@given(peer=strangers, said=claims)
def test_a_peer_that_is_not_trusted_is_the_client(peer, said):
    assert client_address(peer, said, TRUSTED) == address(peer)


@given(peer=proxies, client=strangers, chain=st.lists(proxies, max_size=4), claimed=claims, cuts=cuts)
def test_what_the_client_claims_never_wins(peer, client, chain, claimed, cuts):
    entries = [*claimed, client, *chain]
    assert client_address(peer, as_headers(entries, cuts), TRUSTED) == address(client)


@given(peer=proxies, bad=garbage.filter(bool), chain=st.lists(proxies, max_size=4), claimed=claims, cuts=cuts)
def test_garbage_before_a_client_is_found_means_unknown(peer, bad, chain, claimed, cuts):
    assert client_address(peer, as_headers([*claimed, bad, *chain], cuts), TRUSTED) is None


@given(peer=proxies, chain=st.lists(proxies, min_size=1, max_size=4), cuts=cuts)
def test_when_everyone_is_trusted_the_leftmost_is_the_client(peer, chain, cuts):
    assert client_address(peer, as_headers(chain, cuts), TRUSTED) == address(chain[0])


@pytest.mark.parametrize("forwarded", [[], [""], [" \t"], ["", ""]])
def test_a_trusted_peer_that_says_nothing_is_the_client(forwarded):
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
def test_the_walk_goes_from_the_right(forwarded, client):
    assert client_address("10.0.0.1", forwarded, TRUSTED) == address(client)


@pytest.mark.parametrize(
    "entry", ["8.8.8.8,", ",", "8.8.8.8, ,10.1.2.3", "8.8.8.8%eth0", "8.8.8.8\n", "8.8.8.8:443", "\udcff"]
)
def test_an_entry_that_cannot_be_read_means_unknown(entry):
    assert client_address("10.0.0.1", [entry], TRUSTED) is None


def test_a_mapped_peer_is_the_trusted_proxy_it_is():
    assert client_address("::ffff:10.0.0.1", ["8.8.8.8"], TRUSTED) == address("8.8.8.8")


@pytest.mark.parametrize("peer", ["", "unix:", "/run/keyadmin.sock", "fe80::1%eth0"])
def test_a_peer_without_an_address_is_unknown(peer):
    assert client_address(peer, ["8.8.8.8"], TRUSTED) is None


@given(
    peer=st.text(max_size=20),
    said=st.lists(st.text(st.characters(codec=None, exclude_categories=())), max_size=3),
)
def test_it_never_raises(peer, said):
    client_address(peer, said, TRUSTED)
    client_address("10.0.0.1", said, TRUSTED)
