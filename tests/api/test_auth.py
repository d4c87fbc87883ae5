"""Every operation of the API needs exactly one credential."""

import re
from typing import Any, Final
from uuid import uuid4

import pytest

from keyadmin.api import openapi
from keyadmin.api.urls import api
from tests.api.calling import bearer, call
from tests.api.world import token_of
from tests.fixtures.committed_rows import CommittedRows

PROBLEM: Final = "application/problem+json"
OPEN: Final = {("post", "/api/token"), ("post", "/api/token/refresh"), ("post", "/api/token/revoke")}
OPERATIONS: Final = [(method, path) for path, method, _ in openapi.operations(openapi.document(api))]


def request_to(method: str, path: str, headers: dict[str, str]) -> Any:
    numbers = path.replace("{number}", "1")
    return call(method.upper(), re.sub(r"\{\w+\}", str(uuid4()), numbers), {} if method != "get" else None, headers)


def test_only_the_token_operations_have_no_authenticator() -> None:
    unauthenticated = {
        (method.lower(), f"/api{path}")
        for router in api._get_bound_routers()
        for path, view in router.path_operations.items()
        for operation in view.operations
        for method in operation.methods
        if not operation.auth_callbacks
    }
    assert unauthenticated == OPEN


@pytest.mark.parametrize(("method", "path"), [operation for operation in OPERATIONS if operation not in OPEN])
def test_operation_without_a_credential_is_401_and_with_two_is_400(rows: CommittedRows, method: str, path: str) -> None:
    key, other = rows.key(), rows.key()
    token = token_of(rows.person())
    anonymous = request_to(method, path, {})
    assert (anonymous.status_code, anonymous["Content-Type"]) == (401, PROBLEM)
    assert anonymous["WWW-Authenticate"] == 'Bearer realm="api"'
    for name, value in (("X-API-Key", key.token.value), ("X-API-Key-Id", str(key.key.key_id))):
        for authorization in (bearer(token), bearer(other.token.value), bearer(key.token.value)):
            ambiguous = request_to(method, path, {name: value, **authorization})
            assert (ambiguous.status_code, ambiguous["Content-Type"]) == (400, PROBLEM)
            assert ambiguous.json()["type"] == "urn:keyadmin:problem:ambiguous-credentials"
    twice = request_to(method, path, {"Authorization": f"Bearer {token}, Bearer {token}"})
    assert twice.status_code == 400
    assert (rows.meter(key).total, rows.meter(other).total) == (0, 0)


def test_call_of_a_key_is_counted_once(rows: CommittedRows) -> None:
    key = rows.key()
    response = call("GET", "/api/whoami", None, {"X-API-Key": key.token.value})
    assert (response.status_code, response["RateLimit"], response["Cache-Control"]) == (200, '"hour";r=999', "no-store")
    assert rows.meter(key).total == 1


@pytest.mark.parametrize("method", ["PUT", "TRACE", "OPTIONS"])
def test_method_without_an_operation_is_decided_like_any_call(rows: CommittedRows, method: str) -> None:
    key = rows.key()
    assert call(method, "/api/whoami", None, {}).status_code == (405 if method == "TRACE" else 401)
    denied = call(method, "/api/whoami", None, {"X-API-Key": key.token.value})
    assert denied.status_code == (405 if method == "TRACE" else 403)
    person = call(method, "/api/whoami", None, bearer(token_of(rows.person())))
    assert (person.status_code, person["Content-Type"], person["Allow"]) == (405, PROBLEM, "GET, HEAD")
