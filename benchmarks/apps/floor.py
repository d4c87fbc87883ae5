"""Django, and nothing in front of the view."""

from keyadmin.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.apps.urls"
MIDDLEWARE: list[str] = []
