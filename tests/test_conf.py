"""keyadmin's settings: defaults, overrides, and the two that depend on the pepper ring."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from keyadmin.conf import Conf, conf


def test_setting_that_is_not_set_has_its_default(settings: Any) -> None:
    settings.KEYADMIN_BASE_URL = "https://keys.example.com"
    assert Conf().base_url == "https://keys.example.com"
    del settings.KEYADMIN_BASE_URL
    assert Conf().base_url == ""


def test_overridden_setting_is_read_again_and_restored() -> None:
    with override_settings(KEYADMIN_CALL_DEADLINE_SECONDS=7.0):
        assert conf.call_deadline_seconds == 7.0
        with override_settings(KEYADMIN_CALL_DEADLINE_SECONDS=8.0):
            assert conf.call_deadline_seconds == 8.0
    assert conf.call_deadline_seconds == 1.0


def test_current_pepper_is_the_highest_unless_it_is_set(settings: Any) -> None:
    settings.KEYADMIN_PEPPERS = {1: b"a", 3: b"b"}
    settings.KEYADMIN_CURRENT_PEPPER = 1
    assert Conf().current_pepper == 1
    del settings.KEYADMIN_CURRENT_PEPPER
    assert Conf().current_pepper == 3


def test_missing_pepper_ring_is_an_error(settings: Any) -> None:
    del settings.KEYADMIN_PEPPERS
    with pytest.raises(ImproperlyConfigured, match="KEYADMIN_PEPPERS"):
        _ = Conf().peppers


def test_reading_a_setting_writes_nothing_into_djangos_settings(settings: Any) -> None:
    assert Conf().closed_prefixes == ("/api/",)
    assert not hasattr(settings, "KEYADMIN_CLOSED_PREFIXES")
