"""For Django projects with a database of their own: keyadmin's tables are in the one that KEYADMIN_DATABASE names."""

from typing import Any

from django.conf import settings

_APP = "keyadmin"


class KeyadminRouter:
    """Nothing of keyadmin is read elsewhere nor made anywhere, and nothing of the project's is made in its database."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return settings.KEYADMIN_DATABASE if model._meta.app_label == _APP else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label == _APP or db == settings.KEYADMIN_DATABASE else None
