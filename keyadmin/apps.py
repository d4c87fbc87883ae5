"""The Django application."""

from django.apps import AppConfig, apps
from django.core.signals import setting_changed
from django.db.models.signals import post_migrate

from keyadmin.conf import conf


class KeyadminConfig(AppConfig):
    name = "keyadmin"
    verbose_name = "keyadmin"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks and connect every receiver of a signal."""
        from keyadmin import checks  # it imports models, which are ready only now

        checks.register_all()
        setting_changed.connect(conf.forget_changed)
        post_migrate.connect(self._grant_privileges, sender=self)
        if apps.is_installed("allauth.account"):  # a project that uses the middleware only has no pages
            from keyadmin.web.account import signals

            signals.connect()

    def _grant_privileges(self, using: str, **_: object) -> None:
        """Receive `post_migrate`: grant the application's and the call path's roles their privileges."""
        if conf.database_roles and using == conf.database_alias:
            from keyadmin.db import roles

            roles.grant(conf.database_roles, using)
