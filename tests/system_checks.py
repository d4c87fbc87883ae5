"""Run keyadmin's system checks in tests."""

from typing import Any

from django.core.checks import run_checks
from django.test.utils import override_settings

SOUND_SETTINGS = {"KEYADMIN_PEPPERS": {1: bytes(range(32))}, "ALLOWED_HOSTS": ["keys.example.com"]}


def check_ids(databases: list[str] | None = None, **settings: Any) -> set[str]:
    """Ids of keyadmin's checks that fail with sound settings and the given ones, as in `check --deploy`."""
    with override_settings(**SOUND_SETTINGS | settings):
        messages = run_checks(databases=databases, include_deployment_checks=True)
    return {str(message.id) for message in messages if "keyadmin" in str(message.id)}
