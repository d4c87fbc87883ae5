"""Fixtures of API tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.servers import Server, gunicorn


@pytest.fixture(scope="session")
def api(database_url: str, tmp_path_factory: Any) -> Iterator[Server]:
    """A server with keyadmin's own settings, without the example project."""
    folder = tmp_path_factory.mktemp("api")
    with gunicorn(folder, database_url, DJANGO_SETTINGS_MODULE="keyadmin.settings") as running:
        yield running
