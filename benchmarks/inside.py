"""What no load generator sees: the check without its draw, and the memory that keys take."""

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

from benchmarks.databases import Filled
from keyadmin.env import ROOT


@dataclass(frozen=True)
class Inside:
    """Microseconds of a warm check without the draw; MiB of a process before and after it has seen `keys` keys."""

    check: float
    before: float
    after: float
    keys: int


def measure(filled: Filled) -> Inside:
    """In a process of its own, so that nothing of the comparison weighs on it."""
    command = [sys.executable, "-m", "benchmarks.inside", str(filled.all_keys)]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, env=os.environ | filled.ours, check=True, stdout=subprocess.PIPE, text=True
    )
    check, before, after, keys = map(float, done.stdout.split())
    return Inside(check, before, after, int(keys))


def main(file: Path) -> None:
    django.setup()
    from keyadmin.callpath.authorize import Call, authenticate
    from keyadmin.core import cidr, tokens

    call = Call("GET", "/api/chats", cidr.address_of("127.0.0.1"))
    presented = file.read_text().splitlines()
    authenticate(_token(presented[0]), call)
    before = _megabytes()
    check = _warm_check(lambda: authenticate(tokens.parse(presented[0]), call))  # type: ignore[arg-type]
    for line in presented:
        authenticate(_token(line), call)
    sys.stdout.write(f"{check} {before} {_megabytes()} {len(presented)}\n")


def _token(line: str) -> Any:
    from keyadmin.core import tokens

    return tokens.parse(line)


def _warm_check(check: Callable[[], object]) -> float:
    """The median of many, in microseconds, with a draw that answers at once instead of PostgreSQL's."""
    from keyadmin.callpath import limits

    real, limits.draw = limits.draw, lambda *_: limits.ConsumeResult(limits.ConsumeOutcome.DRAWN, 1, None)
    try:
        return median(timeit.repeat(check, number=2000, repeat=25)) / 2000 * 1e6
    finally:
        limits.draw = real


def _megabytes() -> float:
    return psutil.Process().memory_info().rss / 2**20


if __name__ == "__main__":
    main(Path(sys.argv[1]))
