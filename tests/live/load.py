"""Calls from a process of its own: `pool.submit(call, port, headers, 400)`."""

import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from http.client import HTTPException
from multiprocessing import get_context

from tests.live.client import Headers, Line


def processes(count: int) -> ProcessPoolExecutor:
    """New processes: they share no connection, lock or thread with the test."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"))


def call(port: int, headers: Headers, count: int, *, patient: bool = False) -> Counter[int]:
    """The statuses of `count` calls. With `patient`, a broken connection counts as 0 and is replaced."""
    statuses: Counter[int] = Counter()
    line = Line(port)
    for _ in range(count):
        try:
            status = line.ask("/api/chats", headers).status
        except (OSError, HTTPException):
            if not patient:
                raise
            status = 0
            line.close()
            line = _reconnected(port)
        statuses[status] += 1
    line.close()
    return statuses


def _reconnected(port: int) -> Line:
    for _ in range(200):
        try:
            return Line(port)
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server is gone")
