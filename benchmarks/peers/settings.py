"""A project with the peers' apps. The variable PEER names the one that guards the view."""

import os

from psycopg.conninfo import conninfo_to_dict

_PARTS = conninfo_to_dict(os.environ["DATABASE_URL"])
SECRET_KEY = "for-benchmarks-only"  # noqa: S105
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "benchmarks.peers.urls"
MIDDLEWARE: list[str] = []
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rest_framework",
    "rest_framework.authtoken",
    "rest_framework_api_key",
    "knox",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _PARTS["dbname"],
        "USER": _PARTS.get("user", ""),
        "HOST": _PARTS.get("host", ""),
        "CONN_MAX_AGE": 60,
    }
}
REST_FRAMEWORK = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}
REST_KNOX = {"AUTO_REFRESH": False}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
