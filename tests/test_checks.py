"""System checks: each setting with which callers are allowed who should not be, or no caller is."""

from typing import Any

import pytest

from keyadmin.core import cidr
from keyadmin.models import ScopeRoute, Secret
from tests.factories import KeyFactory
from tests.system_checks import check_ids


def test_sound_configuration_passes_every_check() -> None:
    assert check_ids() == set()
    assert (
        check_ids(KEYADMIN_TRUSTED_PROXIES=cidr.compile_networks([cidr.parse("10.0.0.0/8"), cidr.parse("::1")]))
        == set()
    )


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
def test_wrong_setting_fails_its_check(settings: dict[str, Any], id_: str) -> None:
    assert check_ids(**settings) == {id_}


def test_missing_pepper_of_a_key_fails_the_database_check(db: None) -> None:
    ring = {number: bytes(range(number, number + 32)) for number in (1, 2)}  # other tests leave keys under these
    Secret.objects.filter(key=KeyFactory.create()).update(pepper_id=7)
    assert check_ids(databases=["default"], KEYADMIN_PEPPERS=ring) == {"keyadmin.E007"}
    assert check_ids(databases=["default"], KEYADMIN_PEPPERS=ring | {7: bytes(range(7, 39))}) == set()
    assert check_ids(KEYADMIN_PEPPERS=ring) == set()


def test_route_of_a_permission_over_an_own_endpoint_is_a_warning(db: None) -> None:
    """Editing rejects such a route. The route may be older than the endpoint."""
    assert check_ids(databases=["default"]) == set()
    ScopeRoute.objects.create(scope_id="chats:read", method="GET", pattern="/api/**")
    assert check_ids(databases=["default"]) == {"keyadmin.W008"}
