"""Router of a project with a database of its own: keyadmin's tables are in KEYADMIN_DATABASE_ALIAS."""

from typing import Any

from keyadmin.conf import conf

_APP = "keyadmin"


class KeyadminRouter:
    """Nothing of keyadmin is read elsewhere nor made anywhere, and nothing of the project's is made in its database."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return conf.database_alias if model._meta.app_label == _APP else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label == _APP or db == conf.database_alias else None
