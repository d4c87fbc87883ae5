"""The floor and keyadmin's middleware: every check on, every call counted."""

from benchmarks.apps.floor import *  # noqa: F403

MIDDLEWARE = ["keyadmin.integrations.django.KeyMiddleware"]
