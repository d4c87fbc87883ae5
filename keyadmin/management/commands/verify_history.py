"""verify_history: whether history is whole, from the first event to the last."""

import sys
from argparse import Namespace
from pathlib import Path
from time import monotonic
from typing import Any

from django.core.management.base import CommandParser

from keyadmin.core.time import rfc3339
from keyadmin.management.base import CommandError, ExitCode, OperatorCommand
from keyadmin.management.checkpoints import known_keys
from keyadmin.operations.audit import chain

_WIDTH = 40


class Command(OperatorCommand):
    help = "Walk the chain of history. Exit code 5 if it is broken, naming the first broken event."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--checkpoint",
            type=Path,
            metavar="FILE",
            action="append",
            default=[],
            help="What `checkpoint` printed earlier, kept elsewhere: shows a past that was rewritten or cut off. "
            "May be given several times.",
        )
        parser.add_argument(
            "--since-checkpoint",
            action="store_true",
            help="Walk only what came after the newest of these checkpoints; what came before is taken as it is.",
        )

    def run(self, options: Namespace) -> None:
        known = sorted((self._checkpoint(file) for file in options.checkpoint), key=lambda one: one.number)
        if options.since_checkpoint and not known:
            raise CommandError("--since-checkpoint needs a --checkpoint.", ExitCode.USAGE)
        newest = known[-1] if known else None
        after = newest if options.since_checkpoint else None
        since = after.number if after else 0
        bar = _Bar(self, since) if sys.stderr.isatty() else None
        try:
            end = chain.verify(known, after=after, progress=bar.show if bar else None)
        except chain.BrokenChainError as broken:
            chain.save_check(broken.number - 1, broken.reason, since=since)
            raise CommandError(f"History is broken. {broken}.", ExitCode.CONFLICT) from broken
        finally:
            if bar:
                bar.end()
        is_noted = chain.save_check(end.number, "", since=since)
        self._tell(end, newest, since)
        if not is_noted:
            self.note(f"The History page says nothing of this: up to event {since} history was not found whole before.")

    def _tell(self, end: chain.ChainPosition, newest: chain.Checkpoint | None, since: int) -> None:
        if self.json:
            document: dict[str, Any] = {
                "number": end.number,
                "hash": end.hash.hex() if end.number else None,
                "at": rfc3339(end.at),
                "checkpoint": newest.number if newest else None,
                "since": since,
            }
            self.document(document)
            return
        if since:
            self.result(f"History is whole since the checkpoint of event {since}: {_events(end.number - since)}.")
        else:
            checked = f", with the checkpoint of event {newest.number}" if newest else ""
            self.result(f"History is whole: {_events(end.number)}{checked}.")

    def _checkpoint(self, file: Path) -> chain.Checkpoint:
        keys = known_keys()
        try:
            found = chain.parse_checkpoint(file.read_text(encoding="utf-8"), keys)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read.", ExitCode.USAGE) from error
        except chain.InvalidCheckpointError as error:
            raise CommandError(f"{file}: {error}", ExitCode.INVALID) from error
        if not keys:
            self.note(f"{file} is signed by {found.key}. Set KEYADMIN_CHECKPOINT_PUBLIC_KEYS to the keys that count.")
        return found


def _events(count: int) -> str:
    return f"{count} event{'' if count == 1 else 's'}"


class _Bar:
    """How far the walk is, on one line of a terminal."""

    def __init__(self, command: Command, since: int) -> None:
        self._command, self._since, self._began, self._is_shown = command, since, monotonic(), False

    def show(self, number: int, last: int) -> None:
        walked, total = number - self._since, max(1, last - self._since)
        done = walked * _WIDTH // total
        left = (monotonic() - self._began) / max(1, walked) * (total - walked)
        line = f"[{'#' * done}{'.' * (_WIDTH - done)}] {walked:,} of {total:,}, {left:,.0f} s left  "
        self._say(f"\r{line}")
        self._is_shown = True

    def end(self) -> None:
        if self._is_shown:
            self._say("\n")

    def _say(self, text: str) -> None:
        self._command.stderr.write(text, style_func=str, ending="")
        self._command.stderr.flush()
