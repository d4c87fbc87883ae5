"""The Django application."""

from typing import Any

from django.apps import AppConfig, apps
from django.core.signals import setting_changed
from django.db.models.signals import post_migrate

from keyadmin.conf import conf


class KeyadminConfig(AppConfig):
    name = "keyadmin"
    verbose_name = "keyadmin"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from keyadmin import checks  # noqa: F401 - registers the system checks

        if apps.is_installed("allauth.account"):  # keyadmin's own pages; other projects have only the middleware
            from keyadmin.web.account import signals  # noqa: F401 - connects the receivers

        setting_changed.connect(conf.forget_changed)
        post_migrate.connect(self._migrated, sender=self)

    def _migrated(self, using: str, **_: Any) -> None:
        """Grant the application's and the call path's roles their privileges on new tables."""
        if conf.database_roles and using == conf.database_alias:
            from keyadmin.db import roles

            roles.grant(conf.database_roles, using)
