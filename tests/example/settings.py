"""keyadmin's own settings and the project's URLs, closed by KeyMiddleware.

The level of the log is INFO, because tests read it.
"""

import logging

from keyadmin.settings import *  # noqa: F403
from keyadmin.settings import MIDDLEWARE

_API = MIDDLEWARE.index("keyadmin.api.middleware.ApiMiddleware")
MIDDLEWARE = [*MIDDLEWARE[: _API + 1], "keyadmin.integrations.django.KeyMiddleware", *MIDDLEWARE[_API + 1 :]]
KEYADMIN_CLOSED_PREFIXES = ["/api/"]
ROOT_URLCONF = "tests.example.urls"
logging.getLogger().setLevel(logging.INFO)
