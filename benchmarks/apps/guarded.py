"""The floor and keyadmin's middleware, with every check and every call counted."""

from benchmarks.apps.floor import *  # noqa: F403

MIDDLEWARE = ["keyadmin.integrations.django.KeyMiddleware"]
KEYADMIN_REQUIRE_HTTPS = False  # the load is sent over plain HTTP
