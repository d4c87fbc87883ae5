"""The Django application."""

from django.apps import AppConfig


class KeyadminConfig(AppConfig):
    name = "keyadmin"
    verbose_name = "keyadmin"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from keyadmin import checks  # noqa: F401 - registers the deploy checks
