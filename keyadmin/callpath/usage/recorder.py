"""What this process's calls came to: counted as they are decided, written every second by a thread of its own.

Where many keys call, sums of allowed calls wait for up to SELDOM: written every second, a key that is called once a
second would cost as much again as its calls. A process that ends writes the rest first. One that is killed loses what
it has not written; while PostgreSQL is away the counts wait, up to the bounds of `counts.py`.
"""

import atexit
import os
import threading
from time import monotonic
from typing import Any, Final

from keyadmin.callpath.usage.counters import ROWS, Asked, Counts
from keyadmin.callpath.usage.writer import Writer
from keyadmin.core.cidr import Address
from keyadmin.core.denials import Denial, DenialReason

#: Seconds between writings.
EVERY: Final = 1.0
#: Rows of allowed calls that are few enough to be written every second, and so many that they must be.
FEW: Final = 100
MANY: Final = ROWS // 4
#: Seconds between writings of any number in between.
SELDOM: Final = 15.0
#: What an allowed call is called, beside the labels of reasons.
ALLOWED: Final = "ok"


def note(verdict: Any, address: Address | None, cost: int, call: Asked | None = None) -> None:
    """Counts a verdict, a Caller or a Refusal. Never raises, and waits for nothing but another note.

    An allowed call counts as `cost` calls, as in the meter; a refused one is one. Who is not proven is nobody:
    such a refusal counts in `decisions` alone.
    """
    try:
        _mine.note(verdict, address.text if address else None, cost, call)
    except Exception:
        _mine.lost += 1


def noted(refusal: Denial) -> Denial:
    """The refusal of a call that named no key or was not read, counted."""
    note(refusal, None, 1)
    return refusal


def decisions() -> dict[str, int]:
    """This process's decisions since it began, by "ok" or the label of the reason."""
    return dict(_mine.decisions)


def dropped() -> int:
    """The sums that found no room, or that PostgreSQL would not have, since this process began."""
    return _mine.lost + _mine.writer.dropped


def flush() -> None:
    """Writes what has been counted, now. Takes a few seconds at most; what could not be written is kept."""
    _mine.writer.write(_mine.take())


class _Process:
    """What belongs to one process, and must not be inherited by the ones that it forks."""

    def __init__(self) -> None:
        self.writer = Writer()
        self.decisions = dict.fromkeys([ALLOWED, *(reason.label for reason in DenialReason)], 0)
        self.lost = 0
        self._counts = Counts()
        self._lock = threading.Lock()
        self._has_thread = False
        self._taken = monotonic()

    def note(self, verdict: Any, address: str | None, cost: int, call: Asked | None) -> None:
        moment = monotonic()
        with self._lock:
            if isinstance(verdict, Denial):
                self.decisions[verdict.reason.label] += 1
                if verdict.key is None:
                    return
                self._counts.refuse(verdict.key, verdict.reason.label, address, moment, call)
            else:
                self.decisions[ALLOWED] += 1
                self._counts.allow(verdict.key.id, verdict.secret, verdict.opened_by, address, cost, moment, call)
            if self._has_thread:
                return
            self._has_thread = True
        atexit.register(flush)
        threading.Thread(target=self._write_for_ever, name="outcomes", daemon=True).start()

    def take(self) -> Counts:
        """All of them."""
        with self._lock:
            taken, self._counts = self._counts, Counts()
            self._taken = monotonic()
        return taken

    def take_due(self) -> Counts:
        """Those whose turn it is."""
        with self._lock:
            if FEW < len(self._counts) < MANY and monotonic() - self._taken < SELDOM:
                return self._counts.take_refusals()
        return self.take()

    def _write_for_ever(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(EVERY)
            self.writer.write(self.take_due())


def _begin() -> None:
    global _mine
    _mine = _Process()


_mine = _Process()
os.register_at_fork(after_in_child=_begin)
