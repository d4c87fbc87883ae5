"""Runs operations concurrently, in threads with database connections of their own."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection, connections, transaction


def run_concurrently(*operations: Callable[[], Any]) -> list[Any]:
    """Start all operations at the same moment; returns the result of each, or the exception that it raised."""
    barrier = Barrier(len(operations))

    def run(operation: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=30)
            return operation()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(operations)) as pool:
        return list(pool.map(run, operations))


def run_in_lock_order(*operations: Callable[[], Any]) -> list[Any]:
    """Run the operations concurrently, so that they wait for locks in this order; returns as `run_concurrently`.

    The head of the history's chain is locked meanwhile. The next operation starts when each earlier one waits for a
    lock or has ended.
    """

    def run(operation: Callable[[], Any]) -> Any:
        try:
            return operation()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    started: list[Future[Any]] = []
    with ThreadPoolExecutor(len(operations)) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM chain_head FOR UPDATE")
            for operation in operations:
                started.append(pool.submit(run, operation))
                _wait_until_blocked(started)
        return [future.result() for future in started]


def _wait_until_blocked(started: list[Future[Any]]) -> None:
    """Wait until every started operation waits for a lock or has ended."""
    for _ in range(400):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0] + sum(future.done() for future in started) >= len(started):
                return
        time.sleep(0.01)
    raise AssertionError("an operation neither waits for a lock nor has ended")
