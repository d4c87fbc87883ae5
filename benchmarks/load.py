"""Runs wrk against a target, and measures the processor time of server and database."""

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

SCRIPT: Final = Path(__file__).with_name("keyed.lua")
WARM_UP_SECONDS: Final = 4
"""Enough for every worker to cache every calling key, at the rates measured here."""


@dataclass(frozen=True)
class Target:
    """The target of a load. `keys` is a file with one credential per line; `header` precedes each credential."""

    name: str
    url: str
    processes: tuple[int, ...]
    keys: Path | None = None
    header: str = "X-API-Key: "
    extra: str = ""
    connections: int = 16


@dataclass(frozen=True)
class Measure:
    """Requests per second, and processor microseconds per request of server and database together."""

    rate: float
    cpu: float


def measure(target: Target, seconds: int) -> Measure:
    """One round. Raises RuntimeError if a response was not 2xx, because then something else was measured."""
    _wrk(target, WARM_UP_SECONDS)
    before = cpu_seconds(target.processes)
    output = _wrk(target, seconds)
    spent = cpu_seconds(target.processes) - before
    if wrong := re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", output):
        raise RuntimeError(f"{target.name}: {wrong[0]}")
    requests = int(re.search(r"(\d+) requests in", output)[1])  # type: ignore[index]
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])  # type: ignore[index]
    return Measure(rate, spent / requests * 1e6)


def _wrk(target: Target, seconds: int) -> str:
    command = [
        "wrk",
        "--threads",
        "1",
        "--connections",
        str(target.connections),
        "--duration",
        f"{seconds}s",
        "--timeout",
        "10s",
    ]
    environ = os.environ | {"HEADER": target.header, "EXTRA": target.extra}
    if target.keys:
        command += ["--script", str(SCRIPT)]
        environ["KEYS"] = str(target.keys)
    process = subprocess.run([*command, target.url], env=environ, check=True, capture_output=True, text=True)  # noqa: S603
    return process.stdout


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of the processes and their running children."""
    return sum(sum(process.cpu_times()[:2]) for process in _trees(roots))


def _trees(roots: Iterable[int]) -> Sequence[psutil.Process]:
    by_pid = {}
    for root in roots:
        process = psutil.Process(root)
        by_pid |= {member.pid: member for member in (process, *process.children(recursive=True))}
    return list(by_pid.values())
