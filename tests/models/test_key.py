"""The status of a key: Python and SQL agree on it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from keyadmin.models import Bot, Key, KeyStatus, Organisation
from tests.factories import BotFactory, KeyFactory

NOW = timezone.now()


@pytest.mark.parametrize(
    ("state", "bot_active", "organisation_active", "status"),
    [
        ({}, True, True, KeyStatus.ACTIVE),
        ({"expires_at": NOW + timedelta(days=7, hours=1)}, True, True, KeyStatus.ACTIVE),
        ({"expiring": True}, True, True, KeyStatus.EXPIRING),
        ({"expires_at": NOW + timedelta(days=7, seconds=-1)}, True, True, KeyStatus.EXPIRING),
        ({}, False, True, KeyStatus.PAUSED),
        ({}, True, False, KeyStatus.PAUSED),
        ({"expiring": True}, False, True, KeyStatus.PAUSED),
        ({"expired": True}, False, False, KeyStatus.EXPIRED),
        ({"revoked": True, "expired": True}, False, False, KeyStatus.REVOKED),
        ({"revoked": True}, True, True, KeyStatus.REVOKED),
    ],
)
def test_status_is_the_same_in_python_and_sql(
    northwind: Organisation, state: dict[str, Any], bot_active: bool, organisation_active: bool, status: KeyStatus
) -> None:
    key = KeyFactory.create(bot=BotFactory.create(organisation=northwind), **state)
    Bot.objects.update(is_active=bot_active)
    Organisation.objects.update(is_active=organisation_active)
    read = Key.objects.get(id=key.id)
    assert read.status == status
    assert read.status_at(timezone.now()) == status
    annotated = Key.objects.with_status().get(id=key.id)
    assert annotated.status_now == status == annotated.status
    found = [one for one in KeyStatus if Key.objects.with_status().in_status(one.value).exists()]
    assert found == [status]


def test_key_without_bot_is_active_or_paused(northwind: Organisation) -> None:
    KeyFactory.create(organisation=northwind)
    for is_active, status in ((True, KeyStatus.ACTIVE), (False, KeyStatus.PAUSED)):
        Organisation.objects.update(is_active=is_active)
        assert Key.objects.with_status().get().status == status
        assert [one for one in KeyStatus if Key.objects.in_status(one.value).exists()] == [status]
