"""keyadmin's settings with one of the connections that page_connections.py compares."""

import os

from keyadmin.settings import *  # noqa: F403
from keyadmin.settings import DATABASES

if (connections := os.environ.get("PAGE_CONNECTIONS", "keyadmin")) != "keyadmin":
    options = DATABASES["default"]["OPTIONS"]
    options |= {
        "connect_timeout": "2",
        "tcp_user_timeout": "2000",
        "options": f"{options['options']} -c statement_timeout=5s -c lock_timeout=1s",
    }
    DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
    if connections == "pool":
        DATABASES["default"]["CONN_MAX_AGE"] = 0
        options["pool"] = {"min_size": 1, "max_size": 8, "timeout": 1}
