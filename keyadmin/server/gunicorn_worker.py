"""gunicorn's worker of threads, one of several that share what connects.

Gateways keep their connections open. Whoever wakes first would accept all of a burst of them, and go on to serve them
alone while the other workers, and their processors, have nothing to do.
"""

import socket
from time import sleep
from typing import Final

from gunicorn.workers.gthread import ThreadWorker

#: Seconds that a worker waits for each connection that it has already, so that another one may wake.
_EACH: Final = 0.000_05
#: Connections that it waits for, so that a busy worker's thread of events never stands still for long.
_MOST: Final = 4


class Worker(ThreadWorker):
    def accept(self, listener: socket.socket) -> None:
        """Lets workers go first that have fewer connections. `accept` is what gunicorn's own loop calls."""
        if self.cfg.workers > 1:
            sleep(min(self.nr_conns, _MOST) * _EACH)
        super().accept(listener)
