"""checkpoint: the head of history, signed, to be kept where the database's owner cannot write."""

from argparse import Namespace

from keyadmin.management.base import CommandError, ExitCode, OperatorCommand
from keyadmin.management.checkpoints import HOW, signing_key
from keyadmin.operations.audit import chain


class Command(OperatorCommand):
    help = "Print the head of history, signed with KEYADMIN_CHECKPOINT_KEY. `verify_history --checkpoint` reads it."

    def run(self, options: Namespace) -> None:
        key = signing_key()
        if key is None:
            raise CommandError(f"KEYADMIN_CHECKPOINT_KEY is not set. Make one: {HOW}", ExitCode.USAGE)
        try:
            made = chain.create_checkpoint(key)
        except chain.BrokenChainError as broken:
            raise CommandError(f"History is broken. {broken}.", ExitCode.CONFLICT) from broken
        self.stdout.write(made.text(), ending="")
