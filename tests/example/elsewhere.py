"""The settings of a project that only installs keyadmin's middleware, as in the Django guide."""

import logging
import os

from keyadmin import env
from keyadmin.db import urls
from keyadmin.server import logs

SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
ALLOWED_HOSTS = ["localhost"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.postgres", "keyadmin"]
MIDDLEWARE = ["keyadmin.integrations.django.KeyMiddleware"]
ROOT_URLCONF = "tests.example.elsewhere_urls"
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
    "keyadmin": urls.database_config(),
}
DATABASE_ROUTERS = ["keyadmin.integrations.django.KeyadminRouter"]
MIGRATION_MODULES = {"keyadmin": None}  # keyadmin creates its tables itself
KEYADMIN_DATABASE_ALIAS = "keyadmin"
KEYADMIN_PEPPERS = env.parse_pepper_ring(os.environ["KEYADMIN_PEPPERS"])
KEYADMIN_TRUSTED_PROXIES = env.networks("KEYADMIN_TRUSTED_PROXIES")
KEYADMIN_CLOSED_PREFIXES = ["/v1/"]
USE_TZ = True
LOGGING_CONFIG = None
logs.configure("production")
logging.getLogger().setLevel(logging.INFO)
