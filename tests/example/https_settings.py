"""The example project, where a call with a credential must arrive over HTTPS."""

from tests.example.settings import *  # noqa: F403

KEYADMIN_REQUIRE_HTTPS = True
