"""The ASGI application for granian: `keyadmin.server.verify_app:application`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keyadmin.settings")
django.setup()

from keyadmin.server import metrics  # noqa: E402 - models need the settings
from keyadmin.server.verify_asgi import application  # noqa: E402

metrics.start()

__all__ = ["application"]
