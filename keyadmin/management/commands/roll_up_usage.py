"""roll_up_usage: add up the usage of finished hours and days."""

from argparse import Namespace

from django.core.management.base import CommandParser

from keyadmin.core.time import rfc3339
from keyadmin.management import arguments
from keyadmin.management.base import OperatorCommand, clock
from keyadmin.operations.usage import roll_up


class Command(OperatorCommand):
    help = "Add the usage of finished hours to the sums by day of organisations and bots."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--again-from",
            type=arguments.day,
            metavar="DAY",
            help="Delete the sums from this day on (2027-03-01) and add them up again, after the clock was set back.",
        )

    def run(self, options: Namespace) -> None:
        state = roll_up.roll_up(again_from=options.again_from)
        if self.json:
            self.document({"hours_until": rfc3339(state.hours_until), "days_until": rfc3339(state.days_until)})
        else:
            self.result(f"Added up until {clock(state.hours_until, '')} UTC.")
