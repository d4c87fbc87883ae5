"""How tests call the API in this process: by one client, since each would build all of Django's middleware anew.

The API keeps nothing in cookies, so no call leaves anything to the next.
"""

import json
from collections.abc import Mapping
from typing import Any

from django.test import Client

_client = Client()


def call(method: str, address: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
    """The response. A body that is text is sent as it is, None not at all."""
    data = "" if body is None else body if isinstance(body, str) else json.dumps(body)
    response = _client.generic(method, address, data, "application/json", headers=dict(headers or {}))
    assert not _client.cookies
    return response
