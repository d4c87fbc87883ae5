"""migrate: Django's command, connected as the owner of keyadmin's tables. Rejects a database of keyadmin 0.1."""

from typing import Any, Final

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from keyadmin.conf import conf
from keyadmin.db.roles import connected_as_owner

#: A migration of keyadmin 0.1. The migrations of version 0.2 begin again and cannot be applied after those of 0.1.
_OF_VERSION_0_1: Final = ("keyadmin", "0002_meter")


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if options["database"] != conf.database_alias:
            super().handle(*args, **options)
            return
        with connected_as_owner():
            _reject_version_0_1(options["database"])
            super().handle(*args, **options)


def _reject_version_0_1(database: str) -> None:
    if _OF_VERSION_0_1 in MigrationRecorder(connections[database]).applied_migrations():
        raise CommandError(
            "This database was created by keyadmin 0.1 and cannot be upgraded. Remove .local/ and run `make run` "
            "again, which deletes all its data, or set DATABASE_URL to an empty database."
        )
