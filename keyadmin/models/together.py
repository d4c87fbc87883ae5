"""What several threads ask of one statement, sent together: those who come while one is under way go in the next.

A lone one is sent at once; under load many share one statement, one transaction and one turn of PostgreSQL. A row that
somebody holds would keep all of them waiting, so this connection waits for a row for a moment only; who waited in vain
asks alone, and so do those who ask about the same row in the next moment.
"""

import os
import threading
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final
from weakref import WeakSet

from keyadmin.models.connections import Held, Line, Row, Statement, Unavailable, discard, execute

type Values = Sequence[bytes | None]

#: Rows asked about in one statement, which then fits into what a socket takes at once.
MOST: Final = 100
#: Milliseconds for which a statement of several waits for a row.
WAITS: Final = 30
#: Seconds for which those who waited in vain ask alone.
APART: Final = 1.0
#: For the connection: that wait, and the plan that locks rows in the order in which they are asked about.
OPTIONS: Final = f"-c lock_timeout={WAITS}ms -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off"


class Apart:
    """Which rows are asked about alone, since somebody held one of them a moment ago."""

    def __init__(self) -> None:
        self._until: dict[Hashable, float] = {}

    def __contains__(self, row: Hashable) -> bool:
        return bool(self._until) and self._until.get(row, 0.0) > monotonic()

    def put(self, rows: Iterable[Hashable]) -> None:
        now = monotonic()
        kept = {row: until for row, until in self._until.items() if until > now}
        self._until = kept | dict.fromkeys(rows, now + APART)


@dataclass(slots=True)
class _Asked:
    """`turn` opens when there is an outcome, or, without one, when it is this one's turn to send."""

    values: Values
    turn: threading.Lock = field(default_factory=threading.Lock)
    outcome: Row | type[Unavailable] | None = None


class Together:
    """The threads of one process. `one` takes the values of one row, the first of which says which row it is about;
    `many` takes arrays of the same, ascending by row and each row once, and answers with a place in them and what
    `one` would have answered.
    """

    def __init__(self, one: Statement, many: Statement) -> None:
        self._one, self._many = one, many
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._line = Line(OPTIONS)
        self._waiting: list[_Asked] = []
        self._is_sending = False
        self._apart = Apart()

    def ask(self, values: Values) -> Row | None:
        """What `one` answers for the values; None: ask alone. Within the call's time. Raises Unavailable."""
        if values[0] in self._apart:
            return None
        asked = _Asked(values)
        asked.turn.acquire()
        with self._lock:
            leads, self._is_sending = not self._is_sending, True
            self._waiting.append(asked)
        if not leads:
            asked.turn.acquire()
        if asked.outcome is None:
            self._send()
        if isinstance(asked.outcome, tuple):
            return asked.outcome
        if asked.outcome is Held:
            return None
        raise Unavailable

    def discard(self) -> None:
        """Closes the connection. Nobody may be asking."""
        discard(self._line)

    def _send(self) -> None:
        """For all who wait. The first of those who have come since sends the next."""
        with self._lock:
            batch = self._next()
        try:
            self._answer(batch)
        finally:
            with self._lock:
                self._is_sending = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].turn.release()
            for asked in batch:
                asked.turn.release()

    def _next(self) -> list[_Asked]:
        """Those who wait, but of those who ask about the same row only the first; the others stay in line."""
        first: dict[bytes | None, _Asked] = {}
        rest = []
        for asked in self._waiting:
            if len(first) < MOST and first.setdefault(asked.values[0], asked) is asked:
                continue
            rest.append(asked)
        self._waiting = rest
        return list(first.values())

    def _answer(self, batch: list[_Asked]) -> None:
        for asked in batch:
            asked.outcome = Unavailable
        try:
            if len(batch) == 1:
                (batch[0].outcome,) = execute(self._one, batch[0].values, self._line)
                return
            ascending = sorted(batch, key=lambda asked: asked.values[0] or b"")
            for place, *row in execute(self._many, arrays([asked.values for asked in ascending]), self._line):
                ascending[int(place or 0) - 1].outcome = tuple(row)
        except Held:
            self._apart.put([asked.values[0] for asked in batch])
            for asked in batch:
                asked.outcome = Held
        except Unavailable:  # which is what all of them are told already
            return


def arrays(rows: Sequence[Values]) -> list[bytes | None]:
    """The columns of the rows in PostgreSQL's spelling; values have neither blanks nor quotes."""
    return [b"{%b}" % b",".join([text or b"NULL" for text in column]) for column in zip(*rows, strict=True)]


def _begin_anew() -> None:
    for together in _all:
        together._begin()


_all: WeakSet[Together] = WeakSet()
os.register_at_fork(after_in_child=_begin_anew)
