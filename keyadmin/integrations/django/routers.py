"""KeyadminRouter: the database router for projects that keep keyadmin's tables in a database of their own."""

from typing import Any

from keyadmin.conf import conf

_APP_LABEL = "keyadmin"


class KeyadminRouter:
    """Read and write keyadmin's models in the database KEYADMIN_DATABASE_ALIAS.

    It allows no migration of keyadmin in the project, and no migration of the project in keyadmin's database.
    """

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return conf.database_alias if model._meta.app_label == _APP_LABEL else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label == _APP_LABEL or db == conf.database_alias else None
