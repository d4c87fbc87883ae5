"""What the call path measures of itself, in memory: a microsecond a call. `keyadmin/metrics.py` publishes it."""

from bisect import bisect_left
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

#: Upper bounds of the draw's latencies, in seconds.
BOUNDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(slots=True)
class Measures:
    """Since the process began. `draws` by the first of BOUNDS that is not less; the last place is for the rest."""

    draws: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    draw_seconds: float = 0.0
    statements: int = 0
    connected: int = 0
    connections: int = 0


_mine = Measures()
_lock = Lock()


def drawn(seconds: float) -> None:
    with _lock:
        _mine.draws[bisect_left(BOUNDS, seconds)] += 1
        _mine.draw_seconds += seconds


def stated() -> None:
    with _lock:
        _mine.statements += 1


def connected() -> None:
    with _lock:
        _mine.connected += 1
        _mine.connections += 1


def disconnected() -> None:
    with _lock:
        _mine.connections -= 1


def read() -> Measures:
    """As of now; a copy."""
    with _lock:
        return Measures(list(_mine.draws), _mine.draw_seconds, _mine.statements, _mine.connected, _mine.connections)
