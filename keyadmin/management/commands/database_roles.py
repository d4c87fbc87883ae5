"""database_roles: what PostgreSQL's roles may do, granted and told."""

from argparse import Namespace
from typing import Any

from django.core.management.base import CommandParser

from keyadmin.conf import conf
from keyadmin.db import roles
from keyadmin.db.urls import APPLICATION, CALLS, OWNER
from keyadmin.management.base import CommandError, ExitCode, OperatorCommand

_ONE_URL = (
    f"There is one role only. Let {APPLICATION} be the application's, set {OWNER} to the owner's,"
    f" and {CALLS} if calls are to have one of their own."
)


class Command(OperatorCommand):
    help = (
        "Grant the application and the call path what they need and no more, and say what each may do to history. "
        "`migrate` does this as well. Run it as the owner: again does no harm."
    )

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sql", action="store_true", help="Print the statements instead of running them.")

    def run(self, options: Namespace) -> None:
        known = conf.database_roles
        if known is None:
            raise CommandError(_ONE_URL, ExitCode.USAGE)
        if options.sql:
            self.result(roles.grants(known).rstrip())
            return
        with roles.connected_as_owner():
            if not roles.grant(known, conf.database_alias):
                raise CommandError("The database is not up to date: run `python manage.py migrate`.", ExitCode.FAILED)
            self._tell([("owner", known.owner), ("application", known.app), ("calls", known.calls)])

    def _tell(self, named: list[tuple[str, str]]) -> None:
        found: list[dict[str, Any]] = [
            {"for": purpose, "role": role, "over_history": roles.powers_over_history(conf.database_alias, role)}
            for purpose, role in named
        ]
        if self.json:
            self.document(found)
            return
        rows = [[row["for"], row["role"], ", ".join(row["over_history"]) or "nothing"] for row in found]
        self.table(["for", "role", "may change of history"], rows)
