"""The state of the call path in a process: one object, built at start-up and built anew in a forked child."""

import atexit
import os
from typing import Final

from keyadmin.callpath.circuit_breaker import CircuitBreaker
from keyadmin.callpath.client_addresses import ClientAddresses
from keyadmin.callpath.connection import Database
from keyadmin.callpath.limits import Limits
from keyadmin.callpath.metrics import CallPathMetrics
from keyadmin.callpath.route_table import RouteTableCache
from keyadmin.callpath.snapshot import SnapshotCache
from keyadmin.callpath.usage.recorder import UsageRecorder


class CallPathState:
    """The objects that calls share. Connections are opened, and threads started, at their first use."""

    def __init__(self) -> None:
        self._build()

    def _build(self) -> None:
        self.client_addresses = ClientAddresses()
        self.metrics = CallPathMetrics()
        self.circuit_breaker = CircuitBreaker()
        self.database = Database(self.circuit_breaker, self.metrics)
        self.snapshots = SnapshotCache(self.database)
        self.route_tables = RouteTableCache(self.database)
        self.limits = Limits(self.database)
        self.usage = UsageRecorder(self.database)

    def reset_after_fork(self) -> None:
        """Builds new state for a child process. The parent keeps its connections and writes its usage itself."""
        atexit.unregister(self.usage.flush)
        self._build()


state: Final = CallPathState()
os.register_at_fork(after_in_child=state.reset_after_fork)
