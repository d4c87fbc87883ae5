"""database_roles: grant PostgreSQL's roles their privileges, and show them."""

from argparse import Namespace
from typing import Any

from django.core.management.base import CommandParser

from keyadmin.conf import conf
from keyadmin.db import roles
from keyadmin.db.urls import APPLICATION, CALLS, OWNER
from keyadmin.management.base import NOT_MIGRATED, CommandError, ExitCode, OperatorCommand

_ONE_URL = (
    f"All connections use one role. Set {OWNER} to the owner's URL, {APPLICATION} to the application's,"
    f" and {CALLS} to that of the call path if it has its own role."
)


class Command(OperatorCommand):
    help = (
        "Grant the roles of the application and the call path exactly the privileges that they need, and print what "
        "each role may change in history. `migrate` grants them too. It connects as the owner."
    )

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sql", action="store_true", help="Print the statements instead of running them.")

    def run(self, options: Namespace) -> None:
        configured = conf.database_roles
        if configured is None:
            raise CommandError(_ONE_URL, ExitCode.USAGE)
        if options.sql:
            self.result(roles.grants(configured).rstrip())
            return
        with roles.connected_as_owner():
            if not roles.grant(configured, conf.database_alias):
                raise CommandError(NOT_MIGRATED, ExitCode.FAILED)
            self._print([("owner", configured.owner), ("application", configured.app), ("calls", configured.calls)])

    def _print(self, role_names: list[tuple[str, str]]) -> None:
        rows: list[dict[str, Any]] = [
            {
                "for": purpose,
                "role": role,
                "history_privileges": roles.history_rewrite_privileges(conf.database_alias, role),
            }
            for purpose, role in role_names
        ]
        if self.json:
            self.document(rows)
            return
        cells = [[row["for"], row["role"], ", ".join(row["history_privileges"]) or "none"] for row in rows]
        self.table(["purpose", "role", "privileges to change history"], cells)
