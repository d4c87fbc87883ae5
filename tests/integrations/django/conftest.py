"""Fixtures of the example projects: keys, and a server."""

from tests.callpath.conftest import committed_rows, given, server
from tests.live.fixtures import database_url

__all__ = ["committed_rows", "database_url", "given", "server"]
