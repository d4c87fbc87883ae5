"""migrate: Django's command, connected as the owner of keyadmin's tables."""

from typing import Any

from django.core.management.commands import migrate

from keyadmin.conf import conf
from keyadmin.db.roles import connected_as_owner


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if options["database"] != conf.database_alias:
            super().handle(*args, **options)
            return
        with connected_as_owner():
            super().handle(*args, **options)
