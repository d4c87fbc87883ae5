"""`POST /api/explain`: the rule that decides. The call is not made, counted or stored."""

from typing import Any

import pytest

from keyadmin.core.key_shapes import contains_key
from keyadmin.models import Event
from tests.api.calling import call_with_key
from tests.fixtures.committed_rows import CommittedRows, CreatedKey


@pytest.fixture
def asking(rows: CommittedRows) -> CreatedKey:
    return rows.key(scopes=["keys:read"])


def test_response_names_the_rule_that_denies_the_call(rows: CommittedRows, asking: CreatedKey) -> None:
    about = rows.key(asking.key.organisation, name="CRM", networks=["10.0.0.0/8"])
    body = {"key": about.key.key_id, "method": "GET", "path": "/api/export?from=1", "address": "10.1.2.3"}
    before, events = rows.meter(about), Event.objects.count()
    told = call_with_key(asking, "POST", "/api/explain", body)
    assert told.status_code == 200
    said: dict[str, Any] = told.json()
    rules, remedies = said.pop("rules"), said.pop("remedies")
    assert said == {
        "allowed": False,
        "status": 403,
        "reason": "scope",
        "detail": "This key lacks the permission for this method and path.",
        "decided_by": "permission",
        "key": {"id": str(about.key.id), "key_id": about.key.key_id, "name": "CRM"},
        "call": {
            "method": "GET",
            "path": "/api/export",
            "address": "10.1.2.3",
            "channel": None,
            "on_behalf_of": None,
        },
        "needs": ["chats:export"],
        "rate_limit": {"limit": 1000, "remaining": 1000},
    }
    assert remedies == [{"kind": "permissions", "detail": "Grant Export data."}]
    assert rules[4] == {
        "rule": "permission",
        "title": "Permission",
        "state": "decides",
        "reason": "scope",
        "detail": "GET /api/export needs Export data. The key has Read chats.",
    }
    assert [rule["state"] for rule in rules] == ["pass"] * 4 + ["decides"] + ["not_reached"] * 3
    after = rows.meter(about)
    assert (after.total, after.used, after.last_used_at) == (before.total, before.used, before.last_used_at)
    assert Event.objects.count() == events


def test_allowed_call_passes_every_rule(rows: CommittedRows, asking: CreatedKey) -> None:
    about = rows.key(asking.key.organisation)
    said = call_with_key(
        asking, "POST", "/api/explain", {"key": str(about.key.id), "method": "GET", "path": "/api/chats"}
    ).json()
    assert (said["allowed"], said["status"], said["reason"], said["decided_by"]) == (True, 200, "ok", None)
    assert (said["detail"], said["remedies"], said["needs"]) == (None, [], ["chats:read"])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"key": "CRM"}, "key"),
        ({"method": "TRACE"}, "method"),
        ({"path": "api/chats"}, "path"),
        ({"path": None}, "path"),
        ({"address": "10.0.0.0/8"}, "address"),
        ({"channel": "\x00"}, "channel"),
        ({"on_behalf_of": "x" * 2001}, "on_behalf_of"),
        ({"cost": 2}, "cost"),
    ],
)
def test_invalid_call_is_422_with_the_field(asking: CreatedKey, wrong: dict[str, Any], field: str) -> None:
    body = {"key": str(asking.key.id), "method": "GET", "path": "/api/chats"} | wrong
    told = call_with_key(asking, "POST", "/api/explain", body)
    assert (told.status_code, list(told.json()["errors"])) == (422, [field])


def test_secret_is_rejected_and_stored_nowhere(
    asking: CreatedKey, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = asking.token.secret
    body = {"key": str(asking.key.id), "method": "GET", "path": "/api/chats"}
    for field in ("key", "path", "channel", "on_behalf_of", "address"):
        told = call_with_key(asking, "POST", "/api/explain", body | {field: asking.token.value})
        assert (told.status_code, list(told.json()["errors"])) == (422, [field])
        assert "secret" in told.json()["errors"][field][0]
        assert secret not in told.content.decode()
    assert secret not in caplog.text + "".join(capfd.readouterr())
    assert contains_key(asking.token.value)
