"""gunicorn's worker of threads, one of several that share what connects.

Gateways keep their connections open. Whoever wakes first would accept all of a burst of them, and go on to serve them
alone while the other workers, and their processors, have nothing to do.
"""

import socket
from time import sleep
from typing import Final

from gunicorn.workers.gthread import ThreadWorker

#: Seconds for which a worker waits for each connection that it has, and for how many at most.
_EACH: Final = 0.000_05
_MOST: Final = 4


class Worker(ThreadWorker): 
    def accept(self, listener: socket.socket) -> None:
        """Lets a worker go first that has fewer connections."""
        sleep(min(self.nr_conns, _MOST) * _EACH)
        super().accept(listener)
