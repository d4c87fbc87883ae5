"""run_maintenance: run the maintenance tasks once, without a worker."""

from argparse import Namespace

from django.core.management.base import CommandParser

from keyadmin.management.base import CommandError, ExitCode, OperatorCommand
from keyadmin.operations import maintenance


class Command(OperatorCommand):
    help = (
        "Run the maintenance tasks that are due, and print their results: add up and remove usage, build the "
        "review report, queue expiry notices, delete expired sessions and others. `keyadmin worker` also runs them."
    )

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="Also run the tasks that are not due yet.")

    def run(self, options: Namespace) -> None:
        results = maintenance.run(self.actor, only_due=not options.all)
        if self.json:
            self.document({result.name: result.error or result.summary for result in results})
        else:
            for result in results:
                if result.summary:
                    self.result(f"{result.name}: {result.summary}")
        errors = [f"{result.name}: {result.error}" for result in results if result.error]
        if errors:
            raise CommandError(" ".join(errors), ExitCode.FAILED)
