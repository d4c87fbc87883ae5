"""The Django application."""

from typing import Any, Final

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_migrate

#: What a project that installs keyadmin need not set. docs/django.md says what each is.
DEFAULTS: Final[dict[str, Any]] = {
    "KEYADMIN_CLOSED_PREFIXES": ("/api/",),
    "KEYADMIN_TRUSTED_PROXIES": (),
    "KEYADMIN_DATABASE": "default",
    "KEYADMIN_CALLS_DATABASE": {},
    "KEYADMIN_ROLES": None,
    "KEYADMIN_CALL_DEADLINE": 1.0,
    "KEYADMIN_SNAPSHOTS": 20_000,
    "KEYADMIN_DURABLE_COUNTS": False,
}


class KeyadminConfig(AppConfig):
    name = "keyadmin"
    verbose_name = "keyadmin"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        for name, value in DEFAULTS.items():
            if not hasattr(settings, name):
                setattr(settings, name, value)
        if not hasattr(settings, "KEYADMIN_PEPPER"):
            settings.KEYADMIN_PEPPER = max(settings.KEYADMIN_PEPPERS)
        from keyadmin import checks  # noqa: F401 - registers the deploy checks

        if apps.is_installed("allauth.account"):  # keyadmin's own pages; other projects have only the middleware
            from keyadmin.web.account import signals  # noqa: F401 - connects the receivers

        post_migrate.connect(self._migrated, sender=self)

    def _migrated(self, using: str, **_: Any) -> None:
        """Whoever may do less than the owner of the tables is left what it needs of those that are new."""
        if settings.KEYADMIN_ROLES and using == settings.KEYADMIN_DATABASE:
            from keyadmin.db import roles

            roles.grant(settings.KEYADMIN_ROLES, using)
