"""The ASGI application for granian: `keyadmin.gateway.app:application`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keyadmin.settings")
django.setup()

from keyadmin import metrics  # noqa: E402 - models need the settings
from keyadmin.gateway.door import application  # noqa: E402

metrics.start()

__all__ = ["application"]
