"""Background threads: an error ends no thread, and an ended thread is started again and shown."""

import threading
import time
from collections.abc import Callable

import pytest

from keyadmin.callpath import background
from keyadmin.callpath.background import PeriodicThread, background_threads
from keyadmin.callpath.state import state
from keyadmin.callpath.usage.recorder import UsageRecorder
from keyadmin.server import health


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Task:
    """Raises `error` once, and counts its runs."""

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException | None = error
        self.runs = 0

    def __call__(self) -> None:
        self.runs += 1
        if self.error is not None:
            error, self.error = self.error, None
            raise error


def test_thread_goes_on_after_an_error_and_readyz_shows_it(rows: object) -> None:
    task = Task(ValueError("broken"))
    thread = PeriodicThread("breaks-once", 0.01, task)
    thread.start()
    wait_until(lambda: task.runs > 3)
    assert (thread.failures, thread.restarts) == (1, 0)
    assert "breaks-once failed 0 seconds ago" in health._check().warnings["threads"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_that_ended_is_started_again_by_the_others(rows: object) -> None:
    """SystemExit is no Exception: it ends a thread without a word."""
    other = PeriodicThread("stays", 0.01, lambda: None)
    other.start()
    task = Task(SystemExit())
    thread = PeriodicThread("ends-once", 0.01, task)
    thread.start()
    wait_until(lambda: task.runs > 3)
    assert (thread.failures, thread.restarts, thread.is_dead) == (0, 1, False)
    assert "ends-once failed" in health._check().warnings["threads"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_readyz_starts_a_thread_that_ended(rows: object) -> None:
    thread = PeriodicThread("ends", 0.01, Task(SystemExit()))
    thread.start()
    first = thread._thread
    assert first is not None
    first.join(5)
    readiness = health._check()
    assert readiness.failures == {}
    assert "ends" in readiness.warnings["threads"]
    assert not thread.is_dead


def test_thread_without_progress_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "STALLED_SECONDS", 0.05)
    release = threading.Event()

    def wait() -> None:
        release.wait(30)

    stuck = PeriodicThread("stuck", 0.01, wait)
    patient = PeriodicThread("patient", 0.01, wait, may_stall=True)
    for thread in (stuck, patient):
        thread.start()
    wait_until(lambda: "stuck has made no progress" in background_threads.problems())
    assert "patient" not in background_threads.problems()
    release.set()


def test_unexpected_error_of_usage_accounting_is_logged(rows: object, caplog: pytest.LogCaptureFixture) -> None:
    recorder = UsageRecorder(state.database)
    recorder.writer._kept.denials["no key", "no reason"] = 1  # type: ignore[index]
    recorder.writer._kept.last_denials.clear()
    for _ in range(2):
        recorder.writer.write(recorder.drain())
    logged = [record for record in caplog.records if "usage not written" in record.getMessage()]
    recorder.writer._kept.denials.clear()
    assert len(logged) == 2
    assert all(record.exc_info for record in logged)
