"""Call the API in this process, with one test client: each client builds all of Django's middleware.

The API uses no cookies, so calls do not influence each other.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.test import Client

from tests.fixtures.committed_rows import CreatedKey

_client = Client()


def call(method: str, address: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
    """Return the response. A text is sent as it is; None sends no body."""
    data = "" if body is None else body if isinstance(body, str) else json.dumps(body)
    response = _client.generic(method, address, data, "application/json", headers=dict(headers or {}))
    assert not _client.cookies
    return response


def call_with_key(created: CreatedKey, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Return the response to a call with the key."""
    return call(method, path, body, {"X-API-Key": created.token.value, **headers})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
