"""Fixtures of page tests: clients on which a person is signed in, with and without htmx, and form data."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from keyadmin.models import Organisation, Person, Tier
from tests.web.role_matrix import ROLES

type SignedIn = Callable[[Person], Client]


class Htmx(Client):
    """A client that sends the headers of htmx. `behind` is the path of the page that sends the request."""

    behind = "/keys/"

    def generic(self, method: str, path: str, *args: Any, **extra: Any) -> Any:
        headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{self.behind}"}
        extra["headers"] = {**headers, **(extra.get("headers") or {})}
        return super().generic(method, path, *args, **extra)


@pytest.fixture
def signed_in(db: None) -> SignedIn:
    def sign_in(person: Person) -> Client:
        client = Client()
        client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
        return client

    return sign_in


@pytest.fixture
def htmx(db: None) -> SignedIn:
    def sign_in(person: Person) -> Client:
        client = Htmx()
        client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
        return client

    return sign_in


@pytest.fixture
def cast(maya: Person, priya: Person, jonas: Person, asha: Person, sam: Person, lena: Person) -> dict[str, Person]:
    """A person in each role, by name, in the order of ROLES."""
    return dict(zip(ROLES, (maya, priya, jonas, asha, sam, lena), strict=True))


@pytest.fixture
def new_key(northwind: Organisation) -> dict[str, Any]:
    """The fields that the form sends to create a read-only key of Northwind."""
    return {
        "name": "CRM integration",
        "description": "",
        "owner": f"standard:{northwind.id}",
        "preset": "read",
        "scopes": ["chats:read"],
        "expires": "90",
        "expires_on": "",
        "tier": str(Tier.objects.get(name="Standard").id),
        "networks": "",
        "idempotency_key": "a-nonce-of-this-form",
    }
