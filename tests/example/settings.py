"""keyadmin's own settings and the project's URLs. Everything down to INFO is logged, so that tests can read it."""

import logging

from keyadmin.settings import *  # noqa: F403

ROOT_URLCONF = "tests.example.urls"
logging.getLogger().setLevel(logging.INFO)
