"""The last request of an address or denial is stored with its counts."""

from time import monotonic
from types import SimpleNamespace

import pytest

from keyadmin.callpath.state import state
from keyadmin.callpath.usage.counters import UsageCounters
from keyadmin.callpath.usage.writer import UsageWriter
from keyadmin.models import AddressDay, LastDenial
from tests.fixtures.committed_rows import CommittedRows, CreatedKey


def counted(created: CreatedKey, path: str, address: str = "203.0.113.9", ago: int = 0) -> UsageCounters:
    one, call, moment = UsageCounters(), SimpleNamespace(method="GET", path=path), monotonic() - ago
    one.add_allowed(created.key.id, None, ["chats:read"], address, 1, moment, call)
    one.add_denial(created.key.id, "scope", address, moment, call)
    return one


def written(rows: CommittedRows, *counts: UsageCounters) -> None:
    writer = UsageWriter(state.database)
    for one in counts:
        writer.write(one)
    assert writer.dropped == 0
    writer.close()


@pytest.mark.parametrize("path", ['/"', "/\\", "/{a,b}", "/NULL", "/'", "/%s", "/a b"])
def test_request_line_with_any_characters_is_stored(rows: CommittedRows, path: str) -> None:
    created = rows.key()
    written(rows, counted(created, path))
    for ledger in (AddressDay, LastDenial):
        assert ledger.objects.get(key_id=created.key.id).call == f"GET {path}"


def test_last_request_of_an_address_is_kept(rows: CommittedRows) -> None:
    """A later count without a request does not remove the stored one."""
    created = rows.key()
    first = counted(created, "/a", ago=1)
    both = counted(created, "/b", "203.0.113.10")
    both.merge(counted(created, "/c"))
    both.merge(counted(created, "/d", "203.0.113.10"))
    written(rows, first, both)
    calls = dict(AddressDay.objects.filter(key_id=created.key.id).values_list("address", "call"))
    assert calls == {"203.0.113.9": "GET /a", "203.0.113.10": "GET /d"}
    assert LastDenial.objects.get(key_id=created.key.id).call == "GET /d"
