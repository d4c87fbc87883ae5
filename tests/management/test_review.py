"""review and build_review: the findings, as JSON and as a table."""

import json
from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone

from keyadmin.models import Organisation
from tests.factories import KeyFactory


def test_review_and_build_review_find_the_same_keys(
    command: Callable[..., str], northwind: Organisation, contoso: Organisation
) -> None:
    later = timezone.now() + timedelta(days=30)
    KeyFactory.create(organisation=northwind, name="Open", expires_at=later)
    KeyFactory.create(organisation=northwind, name="Lasting", networks=["10.0.0.0/8"])
    KeyFactory.create(organisation=contoso, name="Theirs", expires_at=later)
    told = json.loads(command("review", "--organisation", "northwind", "--finding", "open", "--json"))
    assert [key["name"] for key in told["keys"]] == ["Open"]
    assert told["keys"][0]["findings"] == ["never-used", "open", "permissions"]
    assert told["keys"][0]["unused_scopes"] == ["chats:read"]
    assert {name: count for name, count in told["counts"].items() if count} == {
        "never-used": 2,
        "no-expiry": 1,
        "open": 1,
        "permissions": 2,
    }
    assert len(command("review", "--limit", "2").splitlines()) == 3
    assert json.loads(command("build_review", "--json"))["keys"] == 3
    assert "3 keys" in command("build_review")
