"""verify_history: whether history is whole, from the first event to the last."""

import sys
from argparse import Namespace
from pathlib import Path

from django.core.management.base import CommandParser

from keyadmin.management.base import ExitCode, OperatorCommand, Problem, iso
from keyadmin.management.checkpoints import signing_key
from keyadmin.operations import chain


class Command(OperatorCommand):
    help = "Walk the chain of history. Exit code 5 if it is broken, naming the first broken event."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--checkpoint", type=Path, metavar="FILE",
            help="What `checkpoint` printed earlier, kept elsewhere: shows a past that was rewritten or cut off.",
        )  # fmt: skip

    def run(self, options: Namespace) -> None:
        known = self._checkpoint(options.checkpoint) if options.checkpoint else None
        try:
            newest = chain.verify(known, self._progress if sys.stderr.isatty() else None)
        except chain.Broken as broken:
            chain.note(None, broken)
            raise Problem(f"History is broken. {broken}.", ExitCode.CONFLICT) from broken
        chain.note(newest, None)
        number = newest.number if newest else 0
        if self.json:
            self.document(
                {
                    "number": number,
                    "hash": newest.hash.hex() if newest else None,
                    "at": iso(newest.at) if newest else None,
                    "checkpoint": known.number if known else None,
                }
            )
        else:
            since = f", with the checkpoint of event {known.number}" if known else ""
            self.result(f"History is whole: {number} events{since}.")

    def _checkpoint(self, file: Path) -> chain.Checkpoint:
        key = signing_key()
        try:
            return chain.read_checkpoint(file.read_text(encoding="utf-8"), key.public_key() if key else None)
        except (OSError, UnicodeDecodeError) as error:
            raise Problem(f"{file} cannot be read.", ExitCode.USAGE) from error
        except chain.BadCheckpoint as error:
            raise Problem(f"{file}: {error}", ExitCode.INVALID) from error

    def _progress(self, walked: int, total: int) -> None:
        width = 40
        done = walked * width // max(1, total)
        self.stderr.write(f"\r[{'#' * done}{'.' * (width - done)}] {walked:,} of {total:,}", ending="")
        if walked >= total:
            self.stderr.write("")
