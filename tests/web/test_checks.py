"""Deploy checks: each setting that would open a door, or keep everybody out."""

from typing import Any

import pytest
from django.core.checks import run_checks
from django.test.utils import override_settings

from keyadmin.core import cidr
from keyadmin.models import ScopeRoute, Secret
from tests.factories import KeyFactory

SOUND = {"KEYADMIN_PEPPERS": {1: bytes(range(32))}, "ALLOWED_HOSTS": ["keys.example.com"]}


def found(databases: list[str] | None = None, **settings: Any) -> set[str]:
    with override_settings(**SOUND | settings):
        return {
            str(message.id)
            for message in run_checks(databases=databases, include_deployment_checks=True)
            if "keyadmin" in str(message.id)
        }


def test_a_sound_configuration() -> None:
    assert found() == set()
    assert found(KEYADMIN_TRUSTED_PROXIES=cidr.compile_networks([cidr.parse("10.0.0.0/8"), cidr.parse("::1")])) == set()


@pytest.mark.parametrize(
    ("settings", "id_"),
    [
        ({"KEYADMIN_PEPPERS": {}}, "keyadmin.E001"),
        ({"KEYADMIN_PEPPERS": {1: b"short"}}, "keyadmin.E002"),
        ({"KEYADMIN_PEPPERS": {1: bytes(range(32)), 2: bytes(32)}}, "keyadmin.E002"),
        ({"KEYADMIN_TRUSTED_PROXIES": cidr.compile_networks([cidr.parse("0.0.0.0/1")])}, "keyadmin.E003"),
        ({"KEYADMIN_CLOSED_PREFIXES": "/api/"}, "keyadmin.E009"),
        ({"KEYADMIN_CLOSED_PREFIXES": ["/api"]}, "keyadmin.E009"),
        ({"ALLOWED_HOSTS": []}, "keyadmin.E004"),
        ({"ALLOWED_HOSTS": ["keys.example.com", "*"]}, "keyadmin.E005"),
        ({"ALLOWED_HOSTS": ["localhost", "127.0.0.1", "[::1]"]}, "keyadmin.E006"),
    ],
)
def test_what_is_found(settings: dict[str, Any], id_: str) -> None:
    assert found(**settings) == {id_}


def test_a_pepper_that_keys_need_is_missing(db: None) -> None:
    ring = {number: bytes(range(number, number + 32)) for number in (1, 2)}  # other tests leave keys under these
    Secret.objects.filter(key=KeyFactory()).update(pepper_id=7)
    assert found(databases=["default"], KEYADMIN_PEPPERS=ring) == {"keyadmin.E007"}
    assert found(databases=["default"], KEYADMIN_PEPPERS=ring | {7: bytes(range(7, 39))}) == set()
    assert found(KEYADMIN_PEPPERS=ring) == set()


def test_a_permission_that_opens_an_endpoint_of_keyadmins_own(db: None) -> None:
    """As when an endpoint is younger than the route; editing refuses it."""
    assert found(databases=["default"]) == set()
    ScopeRoute.objects.create(scope_id="chats:read", method="GET", pattern="/api/**")
    assert found(databases=["default"]) == {"keyadmin.W008"}
