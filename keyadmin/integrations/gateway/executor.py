"""A thread pool for blocking decisions, with a bounded queue and a fair share for each key.

A call waits in the queue until a thread is free. It is not decided if it has waited for `queue_timeout` seconds, or if
`max_queue_length` calls are unfinished when it arrives. The calls of one key hold at most half of the threads, so that
a key whose row is locked does not delay the calls of others. ThreadPoolExecutor has neither.
"""

import threading
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from time import monotonic
from typing import Final

import structlog

#: With the call path's deadline of one second, a call takes less than two seconds.
QUEUE_TIMEOUT_SECONDS: Final = 0.8
MAX_QUEUE_LENGTH: Final = 1000

log = structlog.get_logger("keyadmin.integrations.gateway")


@dataclass(slots=True)
class _Job[Result]:
    partition: str
    function: Callable[[], Result]
    future: Future[Result | None]
    submitted_at: float


class FairExecutor[Result]:
    """Call `submit` in the loop's thread. Results are delivered in batches, because waking the loop is slow."""

    def __init__(
        self,
        loop: AbstractEventLoop,
        threads: int,
        *,
        queue_timeout: float = QUEUE_TIMEOUT_SECONDS,
        max_queue_length: int = MAX_QUEUE_LENGTH,
    ) -> None:
        self._loop, self._queue_timeout, self._max_queue_length = loop, queue_timeout, max_queue_length
        self._max_threads_per_partition = max(1, threads // 2)
        #: Jobs of each partition that are in the queue or run.
        self._in_flight: dict[str, int] = {}
        #: Jobs of partitions that have reached their share.
        self._deferred: dict[str, deque[_Job[Result]]] = {}
        self._unfinished = 0
        self._queue: SimpleQueue[_Job[Result] | None] = SimpleQueue()
        self._finished: deque[tuple[_Job[Result], Result | BaseException | None]] = deque()
        self._is_delivery_scheduled = False
        self._threads = [threading.Thread(target=self._work, name=f"decide-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, partition: str, function: Callable[[], Result]) -> Future[Result | None]:
        """Call `function` in a thread. The future has its result, or None if it was not called.

        `partition` is the token: the calls of one key are in one partition.
        """
        job = _Job(partition, function, self._loop.create_future(), monotonic())
        if self._unfinished >= self._max_queue_length:
            job.future.set_result(None)
            return job.future
        self._unfinished += 1
        if self._in_flight.get(partition, 0) < self._max_threads_per_partition:
            self._in_flight[partition] = self._in_flight.get(partition, 0) + 1
            self._queue.put(job)
        else:
            self._deferred.setdefault(partition, deque()).append(job)
        return job.future

    def close(self) -> None:
        """End each thread after the jobs in the queue."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout=3)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            result: Result | BaseException | None = None
            if monotonic() - job.submitted_at < self._queue_timeout:
                try:
                    result = job.function()
                except BaseException as error:  # raised where the future is awaited
                    result = error
            self._finished.append((job, result))
            if not self._is_delivery_scheduled:
                self._is_delivery_scheduled = True
                try:
                    self._loop.call_soon_threadsafe(self._deliver_results)
                except RuntimeError:  # the loop is closed
                    log.exception("results not delivered")

    def _deliver_results(self) -> None:
        self._is_delivery_scheduled = False  # first: a result that is appended from here on schedules a delivery again
        while self._finished:
            job, result = self._finished.popleft()
            self._unfinished -= 1
            self._start_next(job.partition)
            if job.future.done():
                continue  # the request was cancelled
            if isinstance(result, BaseException):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)

    def _start_next(self, partition: str) -> None:
        if (jobs := self._deferred.get(partition)) is not None:
            self._queue.put(jobs.popleft())
            if not jobs:
                del self._deferred[partition]
        elif self._in_flight[partition] > 1:
            self._in_flight[partition] -= 1
        else:
            del self._in_flight[partition]
