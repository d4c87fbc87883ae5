"""A gunicorn worker with threads that shares new connections evenly with the other workers.

Gateways keep their connections open. Without this class, the worker that wakes first accepts a whole burst of new
connections and serves all of them, while the other workers are idle. gunicorn has no setting for this.
"""

import socket
from time import sleep
from typing import Final

from gunicorn.workers.gthread import ThreadWorker

#: Seconds to wait for each connection that the worker already has, so that a worker with fewer may accept first.
_DELAY_PER_CONNECTION_SECONDS: Final = 0.000_05
#: The delay stops growing here: the event loop of a busy worker must not stand still for long.
_MAX_CONNECTIONS_COUNTED: Final = 4


class Worker(ThreadWorker):
    """The worker class that `gunicorn_conf` names."""

    def accept(self, listener: socket.socket) -> None:
        """Wait a moment before accepting a connection. gunicorn's event loop calls this method."""
        if self.cfg.workers > 1:
            sleep(min(self.nr_conns, _MAX_CONNECTIONS_COUNTED) * _DELAY_PER_CONNECTION_SECONDS)
        super().accept(listener)
