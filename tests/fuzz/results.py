"""Counts the answers by operation, role and status, and writes them as tables."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

#: Statuses that are given before a credential is looked at: the request cannot be read, or has no valid credential.
NOT_AUTHENTICATED: Final = frozenset({400, 401, 411, 413, 414, 431})
MAX_FAILURES: Final = 200


@dataclass
class Tally:
    """`statuses`: every answer; `valid`: requests with a valid credential; `past`: those of all that got past it."""

    statuses: Counter[int] = field(default_factory=Counter)
    valid: int = 0
    past: int = 0

    def add(self, other: "Tally") -> None:
        self.statuses.update(other.statuses)
        self.valid += other.valid
        self.past += other.past

    @property
    def requests(self) -> int:
        return self.statuses.total()


@dataclass
class Results:
    seed: str
    #: (part, operation, role) → its tally
    tallies: dict[tuple[str, str, str], Tally] = field(default_factory=dict)
    #: What must not happen: answers with 5xx or none, and pages that are too wide.
    failures: list[dict[str, Any]] = field(default_factory=list)

    def count(self, part: str, operation: str, role: str, status: int, *, is_valid: bool, is_past: bool) -> Tally:
        tally = self.tallies.setdefault((part, operation, role), Tally())
        tally.statuses[status] += 1
        tally.valid += is_valid
        tally.past += is_past
        return tally

    def fail(self, **what: Any) -> None:
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(what)

    def totals(self, index: int) -> dict[str, Tally]:
        """The sums by part (0), operation (1) or role (2)."""
        sums: dict[str, Tally] = {}
        for key, tally in self.tallies.items():
            name = f"{key[0]}: {key[1]}" if index == 1 else key[index]
            sums.setdefault(name, Tally()).add(tally)
        return sums

    def total(self) -> Tally:
        whole = Tally()
        for tally in self.tallies.values():
            whole.add(tally)
        return whole

    def server_errors(self) -> int:
        return sum(count for status, count in self.total().statuses.items() if status >= 500)

    def write(self, folder: Path) -> None:
        """Write fuzz.json, with every role of every operation, and fuzz.md."""
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "seed": self.seed,
            "failures": self.failures,
            "operations": [
                {
                    "part": part,
                    "operation": operation,
                    "role": role,
                    "valid": tally.valid,
                    "past": tally.past,
                    "statuses": {str(status): count for status, count in sorted(tally.statuses.items())},
                }
                for (part, operation, role), tally in sorted(self.tallies.items())
            ],
        }
        (folder / "fuzz.json").write_text(json.dumps(document, indent=1, default=str) + "\n")
        (folder / "fuzz.md").write_text(self.markdown())

    def markdown(self) -> str:
        whole = self.total()
        lines = [
            "# Fuzz run",
            "",
            f"Seed `{self.seed}`: {whole.requests} requests, {whole.valid} of them with a valid credential.",
            f"{_percent(whole)} got past authentication. {self.server_errors()} answers with 5xx.",
            f"{len(self.failures)} failures.",
        ]
        for title, index in (("Part", 0), ("Role", 2), ("Operation", 1)):
            lines += ["", f"| {title.lower()} | requests | valid credential | past authentication | by status |"]
            lines.append("|---|---|---|---|---|")
            for name, tally in sorted(self.totals(index).items()):
                statuses = " · ".join(f"{status}: {count}" for status, count in sorted(tally.statuses.items()))
                lines.append(f"| {name} | {tally.requests} | {tally.valid} | {_percent(tally)} | {statuses} |")
        return "\n".join(lines) + "\n"


def _percent(tally: Tally) -> str:
    return f"{100 * tally.past / tally.requests:.0f} %" if tally.requests else "–"
