"""`/api/keys`: managing keys by program."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from keyadmin.models import AllowListEntry, Key, Organisation, paging
from tests.api.conftest import Ask
from tests.callpath.rows import Given, Made

SECRETS = {"key", "secret"}


@pytest.fixture
def owner(given: Given) -> Organisation:
    return given.organisation(default_expiry_days=None)


@pytest.fixture
def manager(given: Given, owner: Organisation) -> Made:
    return given.key(owner, scopes=["keys:read", "keys:write", "history:read", "chats:read"])


def make(ask: Ask, manager: Made, **fields: Any) -> dict[str, Any]:
    response = ask(manager, "POST", "/api/keys", {"name": "CRM", "scopes": ["chats:read"], **fields})
    assert response.status_code == 201, response.content
    return dict(response.json())


def test_new_key_works_and_its_secret_is_shown_once(ask: Ask, manager: Made, given: Given) -> None:
    made = make(ask, manager, scopes=["chats:read"], networks=["127.0.0.0/8"], description="For the CRM")
    assert made["key"] == f"{made['key_id']}_{made['secret']}"
    assert (made["scopes"], made["networks"], made["status"]) == (["chats:read"], ["127.0.0.0/8"], "active")
    seen = ask(manager, "GET", f"/api/keys/{made['id']}")
    assert seen.json() == {name: value for name, value in made.items() if name not in SECRETS}
    assert made["secret"] not in ask(manager, "GET", "/api/keys").content.decode()
    assert ask(manager, "GET", "/api/whoami", **{"X-API-Key": made["key"]}).json()["name"] == "CRM"


def test_repeated_idempotency_key_creates_one_key_and_shows_one_secret(ask: Ask, manager: Made) -> None:
    first = ask(manager, "POST", "/api/keys", {"name": "Once", "scopes": ["chats:read"]}, **{"Idempotency-Key": "abc"})
    second = ask(manager, "POST", "/api/keys", {"name": "Once", "scopes": ["chats:read"]}, **{"Idempotency-Key": "abc"})
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json() | dict.fromkeys(SECRETS)
    assert Key.objects.filter(name="Once").count() == 1


def test_edit_with_a_stale_etag_is_412(ask: Ask, manager: Made) -> None:
    made = make(ask, manager)
    path = f"/api/keys/{made['id']}"
    etag = ask(manager, "GET", path)["ETag"]
    changed = ask(manager, "PATCH", path, {"name": "CRM 2"}, **{"If-Match": etag})
    assert (changed.status_code, changed.json()["name"], changed.json()["scopes"]) == (200, "CRM 2", ["chats:read"])
    late = ask(manager, "PATCH", path, {"name": "CRM 3"}, **{"If-Match": etag})
    assert (late.status_code, late.json()["type"]) == (412, "urn:keyadmin:problem:precondition-failed")
    assert ask(manager, "PATCH", path, {"name": "CRM 3"}).json()["name"] == "CRM 3"


def test_removing_the_last_network_needs_allow_any(ask: Ask, manager: Made) -> None:
    made = make(ask, manager, networks=["10.0.0.0/8"])
    path = f"/api/keys/{made['id']}"
    refused = ask(manager, "PATCH", path, {"networks": []})
    assert (refused.status_code, refused.json()["errors"]) == (422, {"allow_any": ["Any address will be allowed."]})
    assert ask(manager, "PATCH", path, {"networks": [], "allow_any": True}).json()["networks"] == []


WRONG_MOMENTS = [4102444800, "4102444800", "2099-12-31 23:59:59Z", "2099-12-31T23:59:59", "2099-12-31"]


@pytest.mark.parametrize("moment", WRONG_MOMENTS)
def test_time_that_is_not_rfc3339_is_422(ask: Ask, manager: Made, moment: Any) -> None:
    new = {"name": "CRM", "scopes": ["chats:read"], "expires_at": moment}
    for path in ("/api/keys", "/api/api-keys"):
        body = new if path == "/api/keys" else {"name": "CRM", "expires_at": moment}
        refused = ask(manager, "POST", path, body)
        assert (refused.status_code, list(refused.json()["errors"])) == (422, ["expires_at"])


def test_empty_idempotency_key_is_422(ask: Ask, manager: Made) -> None:
    refused = ask(manager, "POST", "/api/keys", {"name": "CRM", "scopes": ["chats:read"]}, **{"Idempotency-Key": ""})
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["Idempotency-Key"])


def test_key_can_be_revoked_reactivated_and_deleted(ask: Ask, manager: Made) -> None:
    made = make(ask, manager, scopes=["chats:read"])
    path = f"/api/keys/{made['id']}"
    assert ask(manager, "POST", f"{path}/revoke", {"reason": "Lost"}).json()["revoked_reason"] == "Lost"
    assert ask(manager, "GET", "/api/whoami", **{"X-API-Key": made["key"]}).status_code == 401
    assert ask(manager, "POST", f"{path}/revoke").status_code == 409
    assert ask(manager, "POST", f"{path}/reactivate", {}).json()["status"] == "active"
    renewed = ask(manager, "POST", f"{path}/regenerate", {"grace_seconds": 3600}).json()
    assert renewed["key_id"] == made["key_id"]
    assert renewed["key"] != made["key"]
    assert renewed["old_secret_until"]
    for key in (made["key"], renewed["key"]):
        assert ask(manager, "GET", "/api/whoami", **{"X-API-Key": key}).status_code == 200
    assert ask(manager, "POST", f"{path}/end-grace").json()["old_secret_until"] is None
    assert ask(manager, "GET", "/api/whoami", **{"X-API-Key": made["key"]}).status_code == 401
    assert ask(manager, "DELETE", path).status_code == 204
    assert ask(manager, "GET", path).status_code == 404
    told = ask(manager, "GET", f"{path}/history").json()
    assert [event["type"].removeprefix("key.") for event in told] == [
        "deleted",
        "grace_ended",
        "regenerated",
        "reactivated",
        "revoked",
        "issued",
    ]
    assert {event["actor"]["interface"] for event in told} == {"api"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x", "surprise": 1}, "surprise"),
        ({"name": "x", "networks": ["10.0.0.1/8"]}, "networks.0"),
        ({"name": "x", "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"name": "x", "tier": "Nothing"}, "tier"),
        ({"name": "x", "channels": ["nowhere"]}, "channels"),
        ({"name": "x", "kind": "strange"}, "kind"),
        ({"name": "x\x00"}, "name"),
    ],
)
def test_invalid_body_is_422_with_the_field(ask: Ask, manager: Made, body: dict[str, Any], field: str) -> None:
    refused = ask(manager, "POST", "/api/keys", {"scopes": ["chats:read"], **body})
    assert (refused.status_code, list(refused.json()["errors"])) == (422, [field])
    assert refused["Content-Type"] == "application/problem+json"


def test_key_cannot_grant_scopes_that_it_lacks(ask: Ask, manager: Made, given: Given, owner: Organisation) -> None:
    assert ask(manager, "POST", "/api/keys", {"name": "x", "scopes": ["chats:export"]}).status_code == 403
    assert ask(manager, "POST", "/api/keys", {"name": "x", "inherits": True}).status_code == 403
    assert ask(manager, "POST", "/api/keys", {"name": "x", "kind": "master"}).status_code == 403
    ordinary = given.key(owner, scopes=["chats:read"])
    for method, path in (
        ("GET", "/api/keys"),
        ("POST", "/api/keys"),
        ("GET", "/api/api-keys"),
        ("GET", "/api/history"),
    ):
        refused = ask(ordinary, method, path, {"name": "x"} if method == "POST" else None)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:keyadmin:problem:insufficient-scope")


def test_link_header_leads_through_all_pages(ask: Ask, manager: Made, given: Given, owner: Organisation) -> None:
    for number in range(4):
        given.key(owner, name=f"Item {number}", created_at=timezone.now() - timedelta(days=number + 1))
    first = ask(manager, "GET", "/api/keys?limit=2&q=Item")
    assert [key["name"] for key in first.json()] == ["Item 0", "Item 1"]
    second = ask(manager, "GET", first["Link"].split(">")[0][1:])
    assert [key["name"] for key in second.json()] == ["Item 2", "Item 3"]
    assert 'rel="next"' not in second["Link"]
    assert ask(manager, "GET", "/api/keys?limit=0").status_code == 422
    assert ask(manager, "GET", "/api/keys?serach=x").status_code == 422
    assert list(ask(manager, "GET", "/api/keys?status=live").json()["errors"]) == ["status"]


def test_link_header_leads_through_all_pages_of_a_long_list(
    ask: Ask, manager: Made, given: Given, owner: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "COUNT_LIMIT", 1)
    for number in range(3):
        made = given.key(owner, name=f"Item {number}", created_at=timezone.now() - timedelta(days=number + 1))
        for network in ("10.0.0.0/16", "10.1.0.0/16"):
            AllowListEntry.objects.create(key=made.key, network=network)
    for url, wanted in (("/api/keys?limit=2&q=Item&status=active", 3), ("/api/allow-list-entries?limit=4", 6)):
        first = ask(manager, "GET", url)
        second = ask(manager, "GET", first["Link"].split(">")[0][1:])
        assert len({row["id"] for row in (*first.json(), *second.json())}) == wanted
        back = second["Link"].split('>; rel="prev"')[0].rpartition("<")[2]
        assert ask(manager, "GET", back).json() == first.json()


def test_key_of_another_organisation_is_404(ask: Ask, manager: Made, given: Given) -> None:
    other, nothing = given.key(name="Theirs").key.id, "00000000-0000-4000-8000-000000000000"
    for method, tail, body in [
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("DELETE", "", None),
        ("GET", "/history", None),
        ("POST", "/revoke", {}),
        ("POST", "/reactivate", {}),
        ("POST", "/regenerate", {}),
        ("POST", "/end-grace", {}),
    ]:
        theirs, none = (ask(manager, method, f"/api/keys/{one}{tail}", body) for one in (other, nothing))
        assert (theirs.status_code, none.status_code) == (404, 404), (method, tail)
        assert theirs.json() | {"request_id": ""} == none.json() | {"request_id": ""}
    assert "Theirs" not in ask(manager, "GET", "/api/keys?limit=200").content.decode()
