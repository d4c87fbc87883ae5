"""verify_history: verify the hash chain of the history, from the first event to the last."""

import sys
from argparse import Namespace
from operator import attrgetter
from pathlib import Path
from time import monotonic
from typing import Any

from django.core.management.base import CommandParser

from keyadmin.core.time import rfc3339
from keyadmin.management.base import CommandError, ExitCode, OperatorCommand
from keyadmin.management.checkpoints import accepted_keys
from keyadmin.operations.audit import chain

_BAR_WIDTH = 40


class Command(OperatorCommand):
    help = "Verify the hash chain of history. If it is broken, name the first broken event and exit with code 5."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--checkpoint",
            type=Path,
            metavar="FILE",
            action="append",
            default=[],
            help="A file with the output of `checkpoint`, kept elsewhere. It shows whether history was rewritten, or "
            "its newest events removed. May be given several times.",
        )
        parser.add_argument(
            "--since-checkpoint",
            action="store_true",
            help="Verify only the events after the newest of these checkpoints, and trust the earlier events.",
        )

        parser.add_argument(
            "--new",
            action="store_true",
            help="Continue after the last verification, as “Verify now” on the History page does: at most "
            f"{chain.MAX_NEXT_EVENTS:,} events. Earlier events are not read again.",
        )

    def run(self, options: Namespace) -> None:
        if options.new:
            self._verify_next(options)
            return
        checkpoints = sorted((self._checkpoint(file) for file in options.checkpoint), key=attrgetter("number"))
        if options.since_checkpoint and not checkpoints:
            raise CommandError("--since-checkpoint requires --checkpoint.", ExitCode.USAGE)
        newest = checkpoints[-1] if checkpoints else None
        after = newest if options.since_checkpoint else None
        since = after.number if after else 0
        bar = _ProgressBar(self, since) if sys.stderr.isatty() else None
        try:
            end = chain.verify(checkpoints, after=after, progress=bar.show if bar else None)
        except chain.BrokenChainError as error:
            chain.save_check(error.intact, error.reason, since=since)
            raise CommandError(f"The hash chain is broken. {error}.", ExitCode.CONFLICT) from error
        finally:
            if bar:
                bar.end()
        is_saved = chain.save_check(end, "", since=since)
        self._print(end, newest, since)
        if not is_saved:
            self.note(
                f"The History page does not show this result, because the events up to {since} were never verified."
            )

    def _verify_next(self, options: Namespace) -> None:
        if options.checkpoint or options.since_checkpoint:
            raise CommandError("--new uses no checkpoint. Remove --checkpoint and --since-checkpoint.", ExitCode.USAGE)
        result = chain.verify_next(actor=self.actor)
        if result.problem:
            raise CommandError(f"The hash chain is broken. {result.problem}.", ExitCode.CONFLICT)
        if self.json:
            self.document({"first": result.first, "number": result.last, "left": result.left})
        elif result.left:
            self.result(f"Chain verified up to event {result.last}. {_events(result.left)} left: run this again.")
        else:
            self.result(f"Chain verified up to event {result.last}.")

    def _print(self, end: chain.ChainPosition, newest: chain.Checkpoint | None, since: int) -> None:
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
            self.result(f"Chain verified since the checkpoint of event {since}: {_events(end.number - since)}.")
        else:
            checked = f", with the checkpoint of event {newest.number}" if newest else ""
            self.result(f"Chain verified: {_events(end.number)}{checked}.")

    def _checkpoint(self, file: Path) -> chain.Checkpoint:
        keys = accepted_keys()
        try:
            checkpoint = chain.parse_checkpoint(file.read_text(encoding="utf-8"), keys)
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} cannot be read.", ExitCode.USAGE) from error
        except chain.InvalidCheckpointError as error:
            raise CommandError(f"{file}: {error}", ExitCode.INVALID) from error
        if not keys:
            self.note(
                f"{file} is signed by {checkpoint.key}. Set KEYADMIN_CHECKPOINT_PUBLIC_KEYS to the accepted keys."
            )
        return checkpoint


def _events(count: int) -> str:
    return f"{count} event{'' if count == 1 else 's'}"


class _ProgressBar:
    """Shows the progress on one line of a terminal."""

    def __init__(self, command: Command, since: int) -> None:
        self._command, self._since, self._started, self._is_shown = command, since, monotonic(), False

    def show(self, number: int, last: int) -> None:
        verified, total = number - self._since, max(1, last - self._since)
        done = verified * _BAR_WIDTH // total
        left = (monotonic() - self._started) / max(1, verified) * (total - verified)
        line = f"[{'#' * done}{'.' * (_BAR_WIDTH - done)}] {verified:,} of {total:,}, {left:,.0f} s left  "
        self._write(f"\r{line}")
        self._is_shown = True

    def end(self) -> None:
        if self._is_shown:
            self._write("\n")

    def _write(self, text: str) -> None:
        self._command.stderr.write(text, style_func=str, ending="")
        self._command.stderr.flush()
