"""Fixtures of page tests: a person in each role, and form data."""

from typing import Any

import pytest

from keyadmin.models import Organisation, Person, Tier
from tests.web.role_matrix import ROLES


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
