"""Django, and nothing in front of the view."""

from keyadmin.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.apps.urls"
MIDDLEWARE: list[str] = []
# The pages' own apps insist on their middleware.
INSTALLED_APPS = ["keyadmin", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.postgres"]
