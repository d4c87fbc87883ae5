"""The last request of an address or denial is stored with its counts."""

from time import monotonic
from types import SimpleNamespace

import pytest

from keyadmin.callpath.state import state
from keyadmin.callpath.usage.counters import UsageCounters
from keyadmin.callpath.usage.writer import UsageWriter
from keyadmin.models import AddressDay, LastDenial
from tests.callpath.rows import Given, Made


def counted(made: Made, path: str, address: str = "203.0.113.9", ago: int = 0) -> UsageCounters:
    one, call, moment = UsageCounters(), SimpleNamespace(method="GET", path=path), monotonic() - ago
    one.add_allowed(made.key.id, None, ["chats:read"], address, 1, moment, call)
    one.add_denial(made.key.id, "scope", address, moment, call)
    return one


def written(given: Given, *counts: UsageCounters) -> None:
    writer = UsageWriter(state.database)
    for one in counts:
        writer.write(one)
    assert writer.dropped == 0
    writer.close()


@pytest.mark.parametrize("path", ['/"', "/\\", "/{a,b}", "/NULL", "/'", "/%s", "/a b"])
def test_request_line_with_any_characters_is_stored(given: Given, path: str) -> None:
    made = given.key()
    written(given, counted(made, path))
    for ledger in (AddressDay, LastDenial):
        assert ledger.objects.get(key_id=made.key.id).call == f"GET {path}"


def test_last_request_of_an_address_is_kept(given: Given) -> None:
    """A later count without a request does not remove the stored one."""
    made = given.key()
    first = counted(made, "/a", ago=1)
    both = counted(made, "/b", "203.0.113.10")
    both.merge(counted(made, "/c"))
    both.merge(counted(made, "/d", "203.0.113.10"))
    written(given, first, both)
    calls = dict(AddressDay.objects.filter(key_id=made.key.id).values_list("address", "call"))
    assert calls == {"203.0.113.9": "GET /a", "203.0.113.10": "GET /d"}
    assert LastDenial.objects.get(key_id=made.key.id).call == "GET /d"
