"""Calls with a credential over plain HTTP, where HTTPS is required."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory, override_settings

from keyadmin.core import tokens
from keyadmin.integrations.django.middleware import KeyMiddleware

VALUE = tokens.mint("kad").value
IDENTITY, SECRET = VALUE.rsplit("_", 1)


@pytest.fixture(autouse=True)
def production() -> Iterator[None]:
    with override_settings(KEYADMIN_REQUIRE_HTTPS=True, SECURE_SSL_REDIRECT=True):
        yield


def expect_denial(response: Any) -> None:
    """A problem document that tells what to do, and no redirect."""
    assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json")
    assert "Location" not in response
    assert response["Cache-Control"] == "no-store"
    for words in (b"urn:keyadmin:problem:https-required", b"exposed", b"regenerate"):
        assert words in response.content


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": VALUE},
        {"Authorization": f"Bearer {VALUE}"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"X-API-Key-Id": IDENTITY, "X-API-Key-Secret": SECRET},
        {"X-API-Key": "not a key"},
    ],
)
@pytest.mark.parametrize("path", ["/api/whoami", "/api/keys", "/api/nothing", "/api/docs"])
def test_call_with_a_credential_over_plain_http_is_denied_without_a_redirect(
    path: str, headers: dict[str, str]
) -> None:
    for send in (Client().get, Client().post, Client().options):
        expect_denial(send(path, headers=headers))


@pytest.mark.parametrize("path", ["/api/token", "/api/token/refresh", "/api/keys"])
def test_body_over_plain_http_is_denied(path: str) -> None:
    expect_denial(Client().post(path, {"password": "correct horse"}, content_type="application/json"))


@pytest.mark.parametrize("path", [f"/api/chats?api_key={VALUE}", f"/api/chats/{VALUE}"], ids=["query", "path"])
def test_key_in_a_url_over_plain_http_is_denied(path: str) -> None:
    expect_denial(Client().get(path))


@pytest.mark.parametrize("path", ["/account/login/", "/api/docs", "/api/openapi.json"])
def test_request_without_a_credential_is_redirected(path: str) -> None:
    response = Client().get(path, headers={"X-API-Key": ""})
    assert (response.status_code, response["Location"]) == (301, f"https://testserver{path}")


def test_call_over_https_is_decided(db: None) -> None:
    response = Client().get("/api/whoami", headers={"X-API-Key": VALUE}, secure=True)
    assert response.status_code == 401


def test_middleware_for_django_projects_denies_a_credential_over_plain_http() -> None:
    middleware = KeyMiddleware(lambda request: HttpResponse())
    expect_denial(middleware(RequestFactory().get("/api/chats", headers={"X-API-Key": VALUE})))
    assert middleware(RequestFactory().get("/api/chats")).status_code == 401


@override_settings(KEYADMIN_REQUIRE_HTTPS=False, SECURE_SSL_REDIRECT=False)
def test_development_allows_plain_http(db: None) -> None:
    assert Client().get("/api/whoami", headers={"X-API-Key": VALUE}).status_code == 401
