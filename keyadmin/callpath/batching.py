"""What several threads ask of one statement, sent together: those who come while one is under way go in the next.

A lone one is sent at once; under load many share one statement, one transaction and one turn of PostgreSQL. Whoever
would have to wait for long asks alone instead: who finds the row asked about already, and whose turn does not come
while the server is slow. One row that somebody holds would keep all of them waiting, so this connection waits for a row
for a moment only; who waited in vain asks alone, and so does who asks about such a row soon after.
"""

import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from keyadmin.callpath import circuit_breaker, connection
from keyadmin.callpath.connection import (
    ConnectionSlot,
    DatabaseUnavailableError,
    Row,
    RowLockedError,
    Statement,
    execute,
)

type Values = Sequence[bytes | None]

#: Rows asked about in one statement, which then fits into what a socket takes at once.
MOST: Final = 100
#: Milliseconds for which a statement of several waits for a row.
WAITS: Final = 30
#: Seconds for which rows that were waited for in vain are asked about alone.
APART: Final = 1.0
#: Seconds for which a thread waits for its turn.
PATIENCE: Final = 0.1
#: Seconds that a call must have left: what is sent together is waited for until the first of the calls must end.
LEAST: Final = 0.5
#: For the connection: that wait, and the plan that locks rows in the order in which they are asked about.
OPTIONS: Final = f"-c lock_timeout={WAITS}ms -c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off"


class HotKeyBypass:
    """Which rows are asked about alone, since somebody held one of them a moment ago."""

    def __init__(self) -> None:
        self._until: dict[bytes | None, float] = {}

    def __contains__(self, row: bytes | None) -> bool:
        return bool(self._until) and self._until.get(row, 0.0) > monotonic()

    def put(self, rows: Iterable[bytes | None]) -> None:
        now = monotonic()
        kept = {row: until for row, until in self._until.items() if until > now}
        self._until = kept | dict.fromkeys(rows, now + APART)


@dataclass(slots=True, eq=False)
class PendingConsume:
    """`turn` opens when there is an outcome, or, when `leads` is set, when it is this one's turn to send.

    `until` is the end of the call's time. Without a row and not held, the server did not answer.
    """

    values: Values
    until: float
    turn: threading.Lock = field(default_factory=threading.Lock)
    leads: bool = False
    is_held: bool = False
    row: Row | None = None


class ConsumeBatcher:
    """The threads of one process. `one` takes the values of one row, the first of which says which row it is about;
    `many` takes arrays of the same, ascending by row and each row once, and answers with a place in them and what
    `one` would have answered.
    """

    apart: HotKeyBypass

    def __init__(self, one: Statement, many: Statement) -> None:
        self._one, self._many = one, many
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self.apart = HotKeyBypass()
        self._lock = threading.Lock()
        self._line = ConnectionSlot(OPTIONS)
        self._waiting: list[PendingConsume] = []
        #: The rows of those who wait and of those under way.
        self._rows: set[bytes | None] = set()

    def ask(self, values: Values) -> Row | None:
        """What `one` answers for the values; None: ask alone. Within the call's time. Raises Unavailable."""
        row = values[0]
        if circuit_breaker.is_broken():
            raise DatabaseUnavailableError
        if row in self.apart or connection.time_left() < LEAST:
            return None
        asked = PendingConsume(values, connection.deadline())
        asked.turn.acquire()
        with self._lock:
            if row in self._rows:
                return None
            asked.leads = not self._rows
            self._rows.add(row)
            self._waiting.append(asked)
        try:
            if not asked.leads and not self._has_turn(asked):
                return None
            if asked.leads:
                self._send()
        except BaseException:  # also one that another thread has raised in this one
            self._leave(asked)
            raise
        if asked.row is None and not asked.is_held:
            raise DatabaseUnavailableError
        return asked.row

    def discard(self) -> None:
        """Closes the connection. Nobody may be asking."""
        connection.discard(self._line)

    def _has_turn(self, asked: PendingConsume) -> bool:
        """Waits for it. False: it did not come, and this one has left the line."""
        if asked.turn.acquire(timeout=PATIENCE):
            return True
        with self._lock:
            if asked.leads:
                return asked.turn.acquire()
            if asked in self._waiting:
                self._drop(asked)
                return False
        return asked.turn.acquire()  # it is under way, until the earliest end of a call's time at most

    def _leave(self, asked: PendingConsume) -> None:
        """Who asked cannot wait any longer. If it was its turn, it is the next one's; what is under way goes on."""
        with self._lock:
            if asked in self._waiting:
                self._drop(asked)
                if asked.leads:
                    self._pass_on()

    def _drop(self, asked: PendingConsume) -> None:
        self._waiting.remove(asked)
        self._rows.discard(asked.values[0])

    def _send(self) -> None:
        """For all who wait, but for no more than MOST. The first of those who are left sends the next."""
        with self._lock:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            self._answer(batch)
        finally:
            with self._lock:
                self._rows.difference_update(asked.values[0] for asked in batch)
                self._pass_on()
            for asked in batch:
                asked.turn.release()

    def _pass_on(self) -> None:
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].turn.release()

    def _answer(self, batch: list[PendingConsume]) -> None:
        try:
            if len(batch) == 1:
                (batch[0].row,) = execute(self._one, batch[0].values, self._line)
                return
            ascending = sorted(batch, key=lambda asked: asked.values[0] or b"")
            with connection.due(min(asked.until for asked in batch)):
                rows = execute(self._many, arrays([asked.values for asked in ascending]), self._line)
            for place, *row in rows:
                ascending[int(place or 0) - 1].row = tuple(row)
        except RowLockedError:
            self.apart.put([asked.values[0] for asked in batch])
            for asked in batch:
                asked.is_held = True
        except DatabaseUnavailableError:  # which is what those without a row are told
            return


def arrays(rows: Sequence[Values]) -> list[bytes | None]:
    """The columns of the rows in PostgreSQL's spelling; values have neither blanks nor quotes."""
    return [b"{%b}" % b",".join([text or b"NULL" for text in column]) for column in zip(*rows, strict=True)]
