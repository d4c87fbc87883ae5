"""Things done at once, by real threads with connections of their own."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection, connections, transaction


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Start all acts in the same moment; returns what each returned, or the exception it raised."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=30)
            return act()
        except Exception as problem:
            return problem
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def in_turn(*acts: Callable[[], Any]) -> list[Any]:
    """As `at_once`, in this order: history is held up until every act has begun and waits for a lock, or is done."""

    def run(act: Callable[[], Any]) -> Any:
        try:
            return act()
        except Exception as problem:
            return problem
        finally:
            connections.close_all()

    begun: list[Future[Any]] = []
    with ThreadPoolExecutor(len(acts)) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM chain_head FOR UPDATE")
            for act in acts:
                begun.append(pool.submit(run, act))
                _settle(begun)
        return [each.result() for each in begun]


def _settle(begun: list[Future[Any]]) -> None:
    """Wait until everything begun waits for a lock or is done."""
    for _ in range(400):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0] + sum(each.done() for each in begun) >= len(begun):
                return
        time.sleep(0.01)
    raise AssertionError("not every operation waits for a lock or has ended")
