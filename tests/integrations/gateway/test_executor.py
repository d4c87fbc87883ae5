"""The thread pool for blocking decisions, with real threads and a real event loop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from keyadmin.integrations.gateway.executor import FairExecutor


def run(story: Callable[[asyncio.AbstractEventLoop], Awaitable[None]]) -> None:
    async def whole() -> None:
        await asyncio.wait_for(story(asyncio.get_running_loop()), 20)

    asyncio.run(whole())


def test_results_and_exceptions_reach_their_future() -> None:
    async def story(loop: asyncio.AbstractEventLoop) -> None:
        executor: FairExecutor[str] = FairExecutor(loop, 2)
        asked = [executor.submit(str(number % 3), partial("said {}".format, number)) for number in range(200)]
        assert await asyncio.gather(*asked) == [f"said {number}" for number in range(200)]
        with pytest.raises(ZeroDivisionError):
            await executor.submit("a", lambda: str(1 // 0))
        assert await executor.submit("a", lambda: "well again") == "well again"
        executor.close()

    run(story)


def test_one_partition_cannot_hold_all_threads() -> None:
    async def story(loop: asyncio.AbstractEventLoop) -> None:
        executor: FairExecutor[str] = FairExecutor(loop, 4)
        unlocked = threading.Event()

        def locked() -> str:
            unlocked.wait(20)
            return "late"

        held = [executor.submit("locked", locked) for _ in range(20)]
        others = [executor.submit(str(number), lambda: "at once") for number in range(20)]
        assert await asyncio.gather(*others) == ["at once"] * 20
        assert not any(one.done() for one in held)
        unlocked.set()
        assert set(await asyncio.gather(*held)) == {"late"}
        executor.close()

    run(story)


def test_job_that_waited_too_long_is_not_run() -> None:
    async def story(loop: asyncio.AbstractEventLoop) -> None:
        executor: FairExecutor[str] = FairExecutor(loop, 2, queue_timeout=0.2)
        frozen = threading.Event()
        decided: list[str] = []

        def slow() -> str:
            frozen.wait(20)
            return "slow"

        def late() -> str:
            decided.append("late")
            return "late"

        held = [executor.submit(partition, slow) for partition in ("a", "b")]
        waiting = [executor.submit(str(number), late) for number in range(5)]
        await asyncio.sleep(0.5)
        frozen.set()
        assert await asyncio.gather(*held, *waiting) == ["slow", "slow", *[None] * 5]
        assert decided == []
        executor.close()

    run(story)


def test_full_queue_accepts_no_job() -> None:
    async def story(loop: asyncio.AbstractEventLoop) -> None:
        executor: FairExecutor[str] = FairExecutor(loop, 2, max_queue_length=3)
        frozen = threading.Event()
        asked = [executor.submit(str(number), lambda: str(frozen.wait(20))) for number in range(5)]
        assert [one.done() for one in asked] == [False, False, False, True, True]
        assert asked[3].result() is None
        frozen.set()
        assert await asyncio.gather(*asked[:3]) == ["True"] * 3
        assert await executor.submit("a", lambda: "room again") == "room again"
        executor.close()

    run(story)


def test_cancelled_job_does_not_disturb_others() -> None:
    async def story(loop: asyncio.AbstractEventLoop) -> None:
        executor: FairExecutor[str] = FairExecutor(loop, 2)
        go = threading.Event()
        gone = executor.submit("a", lambda: str(go.wait(20)))
        gone.cancel()
        go.set()
        assert await executor.submit("a", lambda: "still here") == "still here"
        executor.close()

    run(story)
