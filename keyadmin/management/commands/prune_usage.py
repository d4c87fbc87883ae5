"""prune_usage: remove usage that is older than the retention of its organisation."""

from argparse import Namespace

from keyadmin.management.base import OperatorCommand
from keyadmin.operations.usage import pruning


class Command(OperatorCommand):
    help = "Remove usage that is older than the retention of its organisation. History stays."

    def run(self, options: Namespace) -> None:
        removed = pruning.prune(actor=self.actor)
        if self.json:
            self.document({"removed": removed})
        elif removed:
            self.result(", ".join(f"{table}: {rows}" for table, rows in removed.items()))
        else:
            self.result("No usage is older than its retention.")
