"""Decisions wait for PostgreSQL, and the event loop must not: a few threads take them over.

A call waits in line until a thread is free, but never long: one that has waited `patience` seconds, or finds `longest`
others in line, is not decided at all. The calls of one key hold half of the threads at most, so that a key whose row
somebody has locked does not keep the others waiting.
"""

import threading
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from time import monotonic
from typing import Final

#: With the call path's own second this makes less than two.
PATIENCE: Final = 0.8
LONGEST: Final = 1000


@dataclass(slots=True)
class _Job[Verdict]:
    lane: str
    decide: Callable[[], Verdict]
    future: Future[Verdict | None]
    since: float


class FairExecutor[Verdict]:
    """`ask` belongs to the loop's thread. Results come back in batches: waking a loop up is what costs."""

    def __init__(
        self, loop: AbstractEventLoop, threads: int, *, patience: float = PATIENCE, longest: int = LONGEST
    ) -> None:
        self._loop, self._patience, self._longest = loop, patience, longest
        self._share = max(1, threads // 2)
        self._in_hand: dict[str, int] = {}
        self._in_lane: dict[str, deque[_Job[Verdict]]] = {}
        self._waiting = 0
        self._line: SimpleQueue[_Job[Verdict] | None] = SimpleQueue()
        self._done: deque[tuple[_Job[Verdict], Verdict | BaseException | None]] = deque()
        self._is_woken = False
        self._threads = [threading.Thread(target=self._work, name=f"decide-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def ask(self, lane: str, decide: Callable[[], Verdict]) -> Future[Verdict | None]:
        """What `decide` says in a thread; None when it was not asked. Calls of one `lane` take their turns."""
        job = _Job(lane, decide, self._loop.create_future(), monotonic())
        if self._waiting >= self._longest:
            job.future.set_result(None)
            return job.future
        self._waiting += 1
        if self._in_hand.get(lane, 0) < self._share:
            self._in_hand[lane] = self._in_hand.get(lane, 0) + 1
            self._line.put(job)
        else:
            self._in_lane.setdefault(lane, deque()).append(job)
        return job.future

    def close(self) -> None:
        """Lets the threads end when they have done what is in line."""
        for _ in self._threads:
            self._line.put(None)
        for thread in self._threads:
            thread.join(timeout=3)

    def _work(self) -> None:
        while (job := self._line.get()) is not None:
            result: Verdict | BaseException | None = None
            if monotonic() - job.since < self._patience:
                try:
                    result = job.decide()
                except BaseException as error:  # whoever asked is told
                    result = error
            self._done.append((job, result))
            if not self._is_woken:
                self._is_woken = True
                self._loop.call_soon_threadsafe(self._hand_back)

    def _hand_back(self) -> None:
        self._is_woken = False  # first: what is appended from here on wakes the loop again
        while self._done:
            job, result = self._done.popleft()
            self._waiting -= 1
            self._next_of(job.lane)
            if job.future.done():
                continue  # whoever asked has gone
            if isinstance(result, BaseException):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)

    def _next_of(self, lane: str) -> None:
        if (jobs := self._in_lane.get(lane)) is not None:
            self._line.put(jobs.popleft())
            if not jobs:
                del self._in_lane[lane]
        elif self._in_hand[lane] > 1:
            self._in_hand[lane] -= 1
        else:
            del self._in_hand[lane]
