"""Measures in one process: the duration of a check without consumption, and the memory of cached keys."""

import os
import subprocess
import sys
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import django
import psutil

from benchmarks.databases import BenchmarkData
from keyadmin.env import ROOT


@dataclass(frozen=True)
class Inside:
    """`check`: microseconds of a warm check without consumption. `before`, `after`: MiB of a process."""

    check: float
    before: float
    after: float
    keys: int


def measure(data: BenchmarkData) -> Inside:
    """Measures in a new process, which shares no memory with the other targets."""
    command = [sys.executable, "-m", "benchmarks.inside", str(data.all_keys)]
    process = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, env=os.environ | data.ours, check=True, stdout=subprocess.PIPE, text=True
    )
    check, before, after, keys = map(float, process.stdout.split())
    return Inside(check, before, after, int(keys))


def main(file: Path) -> None:
    django.setup()
    from keyadmin.callpath.authorize import authorize
    from keyadmin.callpath.rules import Call
    from keyadmin.core import cidr, tokens

    call = Call("GET", "/api/chats", cidr.address_of("127.0.0.1"))
    presented = file.read_text().splitlines()
    authorize(_token(presented[0]), call)
    before = _megabytes()
    check = _warm_check(lambda: authorize(tokens.parse(presented[0]), call))  # type: ignore[arg-type]
    for line in presented:
        authorize(_token(line), call)
    sys.stdout.write(f"{check} {before} {_megabytes()} {len(presented)}\n")


def _token(line: str) -> Any:
    from keyadmin.core import tokens

    return tokens.parse(line)


def _warm_check(check: Callable[[], object]) -> float:
    """The median duration in microseconds, with a consumption that sends no statement."""
    from keyadmin.callpath.limits import ConsumeOutcome, ConsumeResult
    from keyadmin.callpath.state import state

    result = ConsumeResult(ConsumeOutcome.CONSUMED, 1, None)
    state.limits.consume = lambda *_: result  # type: ignore[method-assign]
    try:
        return median(timeit.repeat(check, number=2000, repeat=25)) / 2000 * 1e6
    finally:
        del state.limits.consume


def _megabytes() -> float:
    return psutil.Process().memory_info().rss / 2**20


if __name__ == "__main__":
    main(Path(sys.argv[1]))
