"""Filters of `templatetags/ui.py`."""

from ipaddress import ip_network

import pytest

from keyadmin.web.templatetags.ui import network_size


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("10.1.2.3", "1 address"),
        ("10.1.2.2/31", "2 addresses"),
        ("203.0.113.0/24", "256 addresses"),
        ("10.0.0.0/8", "16,777,216 addresses"),
        ("2001:db8::1", "1 address"),
        ("2001:db8::/96", "4,294,967,296 addresses"),
        ("2001:db8::/64", "2⁶⁴ addresses"),
    ],
)
def test_network_is_described_by_its_size(network: str, words: str) -> None:
    assert network_size(ip_network(network)) == words
