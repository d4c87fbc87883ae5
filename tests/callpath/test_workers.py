"""What the worker processes share besides the database: the connections that come in."""

from collections import Counter
from contextlib import ExitStack

from tests.callpath.rows import Given
from tests.live.servers import WORKERS, Server

CONNECTIONS = 24
BURSTS = 5


def test_connections_that_come_together_and_stay_are_shared(server: Server, given: Given) -> None:
    """In the middle of several bursts, of which any one may be unlucky: all work, and none has most of them."""
    headers = given.key(limit=1_000_000).headers
    busy, most = [], []
    for _ in range(BURSTS):
        with ExitStack() as stack:
            lines = [stack.enter_context(server.line()) for _ in range(CONNECTIONS)]
            served = Counter(line.ask("/api/chats", headers).json["pid"] for line in lines)
            busy.append(len(served))
            most.append(max(served.values()))
    assert sorted(busy)[BURSTS // 2] == WORKERS
    assert sorted(most)[BURSTS // 2] < CONNECTIONS * 2 // WORKERS
