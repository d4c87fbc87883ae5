"""Fixtures of API tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api.calling import call
from tests.callpath.conftest import committed_rows, given
from tests.callpath.rows import Made
from tests.live.fixtures import database_url
from tests.live.servers import Server, gunicorn

__all__ = ["committed_rows", "database_url", "given"]

type Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def api(database_url: str, tmp_path_factory: Any) -> Iterator[Server]:
    """A server with keyadmin's own settings, without the example project."""
    folder = tmp_path_factory.mktemp("api")
    with gunicorn(folder, database_url, DJANGO_SETTINGS_MODULE="keyadmin.settings") as running:
        yield running


@pytest.fixture
def ask() -> Ask:
    """`ask(made, "POST", "/api/keys", {"name": …}, **headers)`: the response to a call with the key."""

    def asked(made: Made, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return call(method, path, body, {"X-API-Key": made.token.value, **headers})

    return asked


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
