"""Sends calls from separate processes: `pool.submit(call, port, headers, 400)`."""

import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from http.client import HTTPException
from multiprocessing import get_context

from tests.live.client import Connection, Headers


def processes(count: int) -> ProcessPoolExecutor:
    """New processes: they share no connection, lock or thread with the test."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"))


def call(port: int, headers: Headers, count: int, *, reconnect: bool = False) -> Counter[int]:
    """Send `count` calls; returns the count of each status. With `reconnect`, a broken connection counts as 0."""
    statuses: Counter[int] = Counter()
    connection = Connection(port)
    for _ in range(count):
        try:
            status = connection.request("/api/chats", headers).status
        except (OSError, HTTPException):
            if not reconnect:
                raise
            status = 0
            connection.close()
            connection = _reconnected(port)
        statuses[status] += 1
    connection.close()
    return statuses


def _reconnected(port: int) -> Connection:
    for _ in range(200):
        try:
            return Connection(port)
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the server accepts no connection")
