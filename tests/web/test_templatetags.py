"""Filters of `templatetags/ui.py`."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from keyadmin.web.templatetags.ui import network_size, relative_time

NOW = datetime(2026, 11, 30, tzinfo=UTC)


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


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=59), "in a moment"),
        (timedelta(seconds=89), "in 1 min"),
        (timedelta(minutes=59, seconds=40), "in 1 h"),
        (timedelta(hours=23, minutes=40), "in 1 day"),
        (timedelta(days=6, hours=23, minutes=59), "in 7 days"),
        (timedelta(days=59, hours=23), "in 2 months"),
        (timedelta(days=90) - timedelta(seconds=5), "in 3 months"),
        (timedelta(days=180) - timedelta(seconds=5), "in 6 months"),
        (timedelta(days=364), "in 1 year"),
        (timedelta(days=365) - timedelta(seconds=5), "in 1 year"),
        (timedelta(days=-90), "3 months ago"),
        (timedelta(seconds=-100), "2 min ago"),
        (timedelta(days=-700), "2 years ago"),
    ],
)
def test_relative_time_is_rounded(span: timedelta, words: str) -> None:
    assert relative_time(NOW + span, NOW) == words
