"""Django with nothing in front of the view."""

from keyadmin.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.apps.urls"
MIDDLEWARE: list[str] = []
# The apps of the pages require their middleware.
INSTALLED_APPS = ["keyadmin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.postgres"]
