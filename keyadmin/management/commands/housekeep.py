"""housekeep: everything that is to be done regularly, as far as it is due."""

from argparse import Namespace
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from keyadmin.core import errors
from keyadmin.management import notices
from keyadmin.management.base import CommandError, ExitCode, OperatorCommand, problem
from keyadmin.models import ReviewBuild
from keyadmin.operations import idempotency, review
from keyadmin.operations.audit import database_time
from keyadmin.operations.usage import pruning, roll_up

#: The report of many keys is a long walk.
REPORT_EVERY: Final = timedelta(hours=1)


class Command(OperatorCommand):
    help = (
        "Remove old usage and old repetitions, add up new usage, build the review report if it is an hour old, send "
        "expiry notices. "
        "Run it every few minutes: it does what is due, and says what it did."
    )

    def run(self, options: Namespace) -> None:
        tasks: dict[str, Callable[[], str]] = {
            "old usage removed": self._prune,
            "old repetitions forgotten": self._forget,
            "usage added up": self._roll_up,
            "review report built": self._build_review,
            "expiry notices": self._notify,
        }
        told: dict[str, str] = {}
        failed: list[str] = []
        for name, task in tasks.items():
            try:
                told[name] = task()
            except errors.ConflictError as conflict:  # whoever is at it does it
                told[name] = str(conflict)
            except errors.OperationError as error:
                failed.append(f"{name}: {problem(error)}")
            except CommandError as error:
                failed.append(f"{name}: {error}")
        if self.json:
            self.document(told)
        else:
            for name, words in told.items():
                if words:
                    self.result(f"{name}: {words}")
        if failed:
            raise CommandError(" ".join(failed), ExitCode.FAILED)

    def _roll_up(self) -> str:
        roll_up.roll_up()
        return ""

    def _prune(self) -> str:
        return ", ".join(f"{table} {rows}" for table, rows in pruning.prune(actor=self.actor).items())

    def _forget(self) -> str:
        return str(idempotency.delete_expired() or "")

    def _build_review(self) -> str:
        last = ReviewBuild.objects.first()
        if last is None or last.at < database_time() - REPORT_EVERY:
            review.build()
        return ""

    def _notify(self) -> str:
        sent, failed = notices.send_all(self.actor) if notices.has_mail_server() else ([], [])
        if failed:
            names = ", ".join(f"{one['to']} ({one['error']})" for one in failed)
            raise CommandError(f"Not sent, to be tried again: {names}.", ExitCode.FAILED)
        return ", ".join(one["to"] for one in sent)
