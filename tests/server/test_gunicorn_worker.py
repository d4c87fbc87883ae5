"""Worker processes share incoming connections."""

from collections import Counter
from contextlib import ExitStack

from tests.fixtures.committed_rows import CommittedRows
from tests.live.servers import WORKERS, Server

CONNECTIONS = 24
BURSTS = 5


def test_burst_of_connections_is_shared_among_workers(server: Server, rows: CommittedRows) -> None:
    """In the median of several bursts every worker has connections, and none has most of them."""
    headers = rows.key(limit=1_000_000).headers
    busy, most = [], []
    for _ in range(BURSTS):
        with ExitStack() as stack:
            connections = [stack.enter_context(server.connect()) for _ in range(CONNECTIONS)]
            served = Counter(connection.request("/api/chats", headers).json["pid"] for connection in connections)
            busy.append(len(served))
            most.append(max(served.values()))
    assert sorted(busy)[BURSTS // 2] == WORKERS
    assert sorted(most)[BURSTS // 2] < CONNECTIONS * 2 // WORKERS
