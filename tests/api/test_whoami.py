"""`GET /api/whoami`, unknown paths and error handlers."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import resolve

from keyadmin import urls
from keyadmin.core.callers import Caller, KeyIdentity
from keyadmin.core.callers import Person as OnBehalfOf
from keyadmin.core.denials import Quota
from keyadmin.models import Person

PROBLEM = "application/problem+json"


def identity(**changes: Any) -> KeyIdentity:
    fields: dict[str, Any] = {
        "id": uuid4(),
        "key_id": "kad_0123456789abcdef",
        "name": "CRM",
        "kind": "standard",
        "organisation_id": uuid4(),
        "organisation_slug": "northwind",
        "organisation_name": "Northwind",
        "bot_id": None,
        "bot_name": None,
        "tier": "Standard",
        "limit": 1000,
    }
    return KeyIdentity(**fields | changes)


def answer_to(rf: RequestFactory, caller: Caller, method: str = "GET") -> HttpResponse:
    """The response to a request that the call path has allowed."""
    request = rf.generic(method, "/api/whoami")
    request.caller = caller  # type: ignore[attr-defined]
    response: HttpResponse = resolve("/api/whoami").func(request)
    return response


def test_key_sees_itself_and_its_remaining_calls(rf: RequestFactory) -> None:
    key = identity()
    response = answer_to(rf, Caller(key, uuid4(), frozenset({"messages:send", "chats:read"}), Quota(1000, 999)))
    assert response.status_code == 200
    assert json.loads(response.content) == {
        "id": str(key.id),
        "key_id": "kad_0123456789abcdef",
        "name": "CRM",
        "kind": "standard",
        "organisation": {"id": str(key.organisation_id), "slug": "northwind", "name": "Northwind"},
        "bot": None,
        "expires_at": None,
        "scopes": ["chats:read", "messages:send"],
        "tier": {"name": "Standard", "hourly_limit": 1000, "remaining": 999},
        "on_behalf_of": None,
    }


def test_key_of_a_bot_sees_bot_and_on_behalf_of_person(rf: RequestFactory) -> None:
    person = OnBehalfOf(uuid4(), "sam@northwind.example", "Sam Reyes")
    key = identity(key_id=None, kind="bot", bot_id=uuid4(), bot_name="Concierge")
    said = json.loads(answer_to(rf, Caller(key, uuid4(), frozenset(), Quota(1000, 0), person)).content)
    assert said["key_id"] is None
    assert said["bot"] == {"id": str(key.bot_id), "name": "Concierge"}
    assert said["on_behalf_of"] == {"id": str(person.id), "email": "sam@northwind.example", "name": "Sam Reyes"}


def test_other_method_is_405_with_allow(rf: RequestFactory) -> None:
    response = answer_to(rf, Caller(identity(), uuid4(), frozenset(), Quota(1, 1)), "POST")
    assert (response.status_code, response["Content-Type"], response["Allow"]) == (405, PROBLEM, "GET, HEAD")


def test_head_has_the_headers_of_get(rf: RequestFactory) -> None:
    caller = Caller(identity(), uuid4(), frozenset(), Quota(1000, 999))
    assert answer_to(rf, caller, "HEAD").headers == answer_to(rf, caller).headers
    assert answer_to(rf, caller, "HEAD").status_code == 200


def test_unhandled_exception_is_a_500_problem(rf: RequestFactory) -> None:
    request = rf.get("/api/whoami")
    request.caller = Caller(None, None, frozenset(), Quota(1, 1))  # type: ignore[arg-type, attr-defined]
    response = resolve("/api/whoami").func(request)
    assert (response.status_code, response["Content-Type"]) == (500, PROBLEM)


def test_unknown_path_is_a_404_problem(rf: RequestFactory) -> None:
    for path in ("/api/nothing", "/api/", "/api/whoami/", "/api/openapi", "/api/docs/"):
        request = rf.post(path)
        request.caller = Caller(identity(), uuid4(), frozenset(), Quota(1, 1))  # type: ignore[attr-defined]
        response = resolve(path).func(request)
        assert (response.status_code, response["Content-Type"]) == (404, PROBLEM)


@pytest.mark.parametrize("path", ["/api/whoami", "/api/", "/api/nothing", "/api/openapi", "/api/docs/"])
def test_path_without_a_credential_is_401_whether_it_exists_or_not(db: None, path: str) -> None:
    response = Client().get(path)
    assert (response.status_code, response["Content-Type"]) == (401, PROBLEM)


def test_session_cookie_is_not_a_credential(maya: Person) -> None:
    client = Client()
    client.force_login(maya, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/api/whoami").status_code == 401


@pytest.mark.parametrize(
    ("handler", "status"),
    [(urls.handler400, 400), (urls.handler403, 403), (urls.handler404, 404), (urls.handler500, 500)],
)
def test_error_handler_answers_a_problem_under_api(rf: RequestFactory, handler: Any, status: int) -> None:
    request = rf.get("/api/whoami")
    response = handler(request) if status == 500 else handler(request, Exception())
    assert (response.status_code, response["Content-Type"]) == (status, PROBLEM)
