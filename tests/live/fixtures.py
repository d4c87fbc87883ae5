"""Fixtures of servers, one of each per test process. A conftest.py imports those that its tests use."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests.live.servers import Server, database_url_of, gunicorn


@pytest.fixture(scope="session")
def database_url(django_db_setup: None) -> str:
    """The URL of the database that pytest-django created for this process."""
    return database_url_of(connection.settings_dict)


@pytest.fixture(scope="session")
def server(database_url: str, tmp_path_factory: Any) -> Iterator[Server]:
    """A server that trusts no proxy."""
    with gunicorn(tmp_path_factory.mktemp("server"), database_url) as running:
        yield running


@pytest.fixture(scope="session")
def proxied(database_url: str, tmp_path_factory: Any) -> Iterator[Server]:
    """A server that trusts 127.0.0.1 as a proxy, so that a test chooses the address by X-Forwarded-For."""
    folder = tmp_path_factory.mktemp("proxied")
    with gunicorn(folder, database_url, KEYADMIN_TRUSTED_PROXIES="127.0.0.1") as running:
        yield running
