"""checkpoint: print the signed number and hash of the newest event.

Keep it where the role that owns the database cannot write.
"""

from argparse import Namespace

from keyadmin.management.base import CommandError, ExitCode, OperatorCommand
from keyadmin.management.checkpoints import GENERATE_COMMAND, signing_key
from keyadmin.operations.audit import chain


class Command(OperatorCommand):
    help = "Print the number and hash of the newest event, signed with KEYADMIN_CHECKPOINT_KEY, for `verify_history`."

    def run(self, options: Namespace) -> None:
        key = signing_key()
        if key is None:
            raise CommandError(f"KEYADMIN_CHECKPOINT_KEY is not set. Generate one: {GENERATE_COMMAND}", ExitCode.USAGE)
        try:
            checkpoint = chain.create_checkpoint(key)
        except chain.BrokenChainError as error:
            raise CommandError(f"The hash chain is broken. {error}.", ExitCode.CONFLICT) from error
        self.stdout.write(checkpoint.text(), ending="")
