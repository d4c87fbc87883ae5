"""`/api/keys`: managing keys by program."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone

from keyadmin.models import AllowListEntry, Key, Organisation, UsageHour, paging
from keyadmin.operations import privileges
from tests.api.calling import call_with_key
from tests.fixtures.committed_rows import CommittedRows, CreatedKey

SECRETS = {"key", "secret"}


@pytest.fixture
def owner(rows: CommittedRows) -> Organisation:
    return rows.organisation(default_expiry_days=None)


@pytest.fixture
def manager(rows: CommittedRows, owner: Organisation) -> CreatedKey:
    return rows.key(owner, scopes=["keys:read", "keys:write", "history:read", "chats:read"])


def make(manager: CreatedKey, **fields: Any) -> dict[str, Any]:
    response = call_with_key(manager, "POST", "/api/keys", {"name": "CRM", "scopes": ["chats:read"], **fields})
    assert response.status_code == 201, response.content
    return dict(response.json())


def test_new_key_works_and_its_secret_is_shown_once(manager: CreatedKey, rows: CommittedRows) -> None:
    created = make(manager, scopes=["chats:read"], networks=["127.0.0.0/8"], description="For the CRM")
    assert created["key"] == f"{created['key_id']}_{created['secret']}"
    assert (created["scopes"], created["networks"], created["status"]) == (["chats:read"], ["127.0.0.0/8"], "active")
    seen = call_with_key(manager, "GET", f"/api/keys/{created['id']}")
    assert seen.json() == {name: value for name, value in created.items() if name not in SECRETS}
    assert created["secret"] not in call_with_key(manager, "GET", "/api/keys").content.decode()
    assert call_with_key(manager, "GET", "/api/whoami", **{"X-API-Key": created["key"]}).json()["name"] == "CRM"


def test_name_of_a_new_key_is_taken_from_its_description(manager: CreatedKey) -> None:
    path, new = "/api/keys", {"scopes": ["chats:read"], "description": "Nightly sync"}
    created = call_with_key(manager, "POST", path, new).json()
    assert (created["name"], created["name_follows_description"]) == ("Nightly sync", True)
    path = f"/api/keys/{created['id']}"
    edited = call_with_key(manager, "PATCH", path, {"description": "Hourly sync"}).json()
    assert (edited["name"], edited["name_follows_description"]) == ("Hourly sync", True)
    edited = call_with_key(manager, "PATCH", path, {"name": "Sync"}).json()
    assert (edited["name"], edited["name_follows_description"]) == ("Sync", False)
    assert call_with_key(manager, "PATCH", path, {"description": "Any"}).json()["name"] == "Sync"
    refused = call_with_key(manager, "POST", "/api/keys", {"scopes": ["chats:read"]})
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["name"])


def test_key_has_the_totals_of_allowed_and_denied_calls(manager: CreatedKey) -> None:
    created = make(manager)
    assert (created["total_calls"], created["denied_calls"]) == (0, 0)
    for outcome, count in (("ok", 5), ("address", 3), ("scope", 4)):
        UsageHour.objects.create(key_id=created["id"], hour=timezone.now(), outcome=outcome, count=count)
    [listed] = [key for key in call_with_key(manager, "GET", "/api/keys").json() if key["id"] == created["id"]]
    assert (listed["total_calls"], listed["denied_calls"]) == (0, 7)


def test_repeated_idempotency_key_creates_one_key_and_shows_one_secret(manager: CreatedKey) -> None:
    first = call_with_key(
        manager, "POST", "/api/keys", {"name": "Once", "scopes": ["chats:read"]}, **{"Idempotency-Key": "abc"}
    )
    second = call_with_key(
        manager, "POST", "/api/keys", {"name": "Once", "scopes": ["chats:read"]}, **{"Idempotency-Key": "abc"}
    )
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json() | dict.fromkeys(SECRETS)
    assert Key.objects.filter(name="Once").count() == 1


def test_edit_with_a_stale_etag_is_412(manager: CreatedKey) -> None:
    created = make(manager)
    path = f"/api/keys/{created['id']}"
    etag = call_with_key(manager, "GET", path)["ETag"]
    changed = call_with_key(manager, "PATCH", path, {"name": "CRM 2"}, **{"If-Match": etag})
    assert (changed.status_code, changed.json()["name"], changed.json()["scopes"]) == (200, "CRM 2", ["chats:read"])
    late = call_with_key(manager, "PATCH", path, {"name": "CRM 3"}, **{"If-Match": etag})
    assert (late.status_code, late.json()["type"]) == (412, "urn:keyadmin:problem:precondition-failed")
    assert call_with_key(manager, "PATCH", path, {"name": "CRM 3"}).json()["name"] == "CRM 3"


def test_removing_the_last_network_needs_allow_any(manager: CreatedKey) -> None:
    created = make(manager, networks=["10.0.0.0/8"])
    path = f"/api/keys/{created['id']}"
    refused = call_with_key(manager, "PATCH", path, {"networks": []})
    assert (refused.status_code, refused.json()["errors"]) == (
        422,
        {"allow_any": ["This is the last range. Removing it allows any IP address."]},
    )
    assert call_with_key(manager, "PATCH", path, {"networks": [], "allow_any": True}).json()["networks"] == []


def test_note_of_an_allow_list_entry_is_set_changed_and_kept(manager: CreatedKey) -> None:
    created = make(manager)
    url = "/api/allow-list-entries"
    sent = {"key": created["id"], "network": "203.0.113.0/24", "note": " Berlin  office "}
    entry = call_with_key(manager, "POST", url, sent).json()
    assert entry["note"] == "Berlin office"
    path = f"{url}/{entry['id']}"
    assert call_with_key(manager, "PATCH", path, {"note": "Berlin"}).json()["note"] == "Berlin"
    moved = call_with_key(manager, "PATCH", path, {"network": "203.0.113.0/25"}).json()
    assert (moved["network"], moved["note"], moved["revision"]) == ("203.0.113.0/25", "Berlin", 3)
    assert call_with_key(manager, "PATCH", path, {}).json() == moved
    assert call_with_key(manager, "GET", f"{url}?key={created['id']}", None).json() == [moved]
    for note in ("n" * 201, created["key"], None, 7, "a\nb"):
        refused = call_with_key(manager, "PATCH", path, {"note": note})
        assert (refused.status_code, list(refused.json()["errors"])) == (422, ["note"]), note
    assert call_with_key(manager, "PATCH", path, {"note": ""}).json()["note"] == ""


WRONG_MOMENTS = [4102444800, "4102444800", "2099-12-31 23:59:59Z", "2099-12-31T23:59:59", "2099-12-31"]


@pytest.mark.parametrize("moment", WRONG_MOMENTS)
def test_time_that_is_not_rfc3339_is_422(manager: CreatedKey, moment: Any) -> None:
    new = {"name": "CRM", "scopes": ["chats:read"], "expires_at": moment}
    for path in ("/api/keys", "/api/api-keys"):
        body = new if path == "/api/keys" else {"name": "CRM", "expires_at": moment}
        refused = call_with_key(manager, "POST", path, body)
        assert (refused.status_code, list(refused.json()["errors"])) == (422, ["expires_at"])


def test_empty_idempotency_key_is_422(manager: CreatedKey) -> None:
    refused = call_with_key(
        manager, "POST", "/api/keys", {"name": "CRM", "scopes": ["chats:read"]}, **{"Idempotency-Key": ""}
    )
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["Idempotency-Key"])


def test_key_can_be_revoked_reactivated_and_deleted(manager: CreatedKey) -> None:
    created = make(manager, scopes=["chats:read"])
    path = f"/api/keys/{created['id']}"
    assert call_with_key(manager, "POST", f"{path}/revoke", {"reason": "Lost"}).json()["revoked_reason"] == "Lost"
    assert call_with_key(manager, "GET", "/api/whoami", **{"X-API-Key": created["key"]}).status_code == 401
    assert call_with_key(manager, "POST", f"{path}/revoke").status_code == 409
    assert call_with_key(manager, "POST", f"{path}/reactivate", {}).json()["status"] == "active"
    renewed = call_with_key(manager, "POST", f"{path}/regenerate", {"grace_seconds": 3600}).json()
    assert renewed["key_id"] == created["key_id"]
    assert renewed["key"] != created["key"]
    assert renewed["old_secret_until"]
    for key in (created["key"], renewed["key"]):
        assert call_with_key(manager, "GET", "/api/whoami", **{"X-API-Key": key}).status_code == 200
    assert call_with_key(manager, "POST", f"{path}/end-grace").json()["old_secret_until"] is None
    assert call_with_key(manager, "GET", "/api/whoami", **{"X-API-Key": created["key"]}).status_code == 401
    assert call_with_key(manager, "DELETE", path).status_code == 204
    assert call_with_key(manager, "GET", path).status_code == 404
    told = call_with_key(manager, "GET", f"{path}/history").json()
    assert [event["type"].removeprefix("key.") for event in told] == [
        "deleted",
        "grace_ended",
        "regenerated",
        "reactivated",
        "revoked",
        "issued",
    ]
    assert {event["actor"]["interface"] for event in told} == {"api"}


def test_replaced_secret_grants_nothing_beyond_its_grace_period(manager: CreatedKey) -> None:
    body = {"scopes": ["keys:write", "chats:read"]}
    leaked = make(manager, **body)
    path = f"/api/keys/{leaked['id']}"
    renewed = call_with_key(manager, "POST", f"{path}/regenerate", {"grace_seconds": 3600}).json()
    by_thief = {"X-API-Key": leaked["key"]}

    made = call_with_key(manager, "POST", "/api/keys", {"name": "CI", **body}, **by_thief).json()
    assert made["expires_at"] == renewed["old_secret_until"]
    ended = make(manager, scopes=["chats:read"])
    assert call_with_key(manager, "POST", f"/api/keys/{ended['id']}/revoke").status_code == 200
    for method, address, sent in (
        ("POST", "/api/keys", {"name": "CI", "expires_at": None, **body}),
        ("POST", f"{path}/regenerate", {}),
        ("POST", f"{path}/regenerate", {"expires_at": renewed["old_secret_until"]}),
        ("POST", f"/api/keys/{made['id']}/regenerate", {}),
        ("POST", f"/api/keys/{ended['id']}/reactivate", {}),
        ("PATCH", f"/api/keys/{made['id']}", {"expires_at": None}),
    ):
        assert call_with_key(manager, method, address, sent, **by_thief).status_code == 403, (method, address)

    by_owner = {"X-API-Key": renewed["key"]}
    assert call_with_key(manager, "POST", f"{path}/regenerate", {}, **by_owner).status_code == 200


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
def test_invalid_body_is_422_with_the_field(manager: CreatedKey, body: dict[str, Any], field: str) -> None:
    refused = call_with_key(manager, "POST", "/api/keys", {"scopes": ["chats:read"], **body})
    assert (refused.status_code, list(refused.json()["errors"])) == (422, [field])
    assert refused["Content-Type"] == "application/problem+json"


def test_key_cannot_grant_scopes_that_it_lacks(manager: CreatedKey, rows: CommittedRows, owner: Organisation) -> None:
    assert call_with_key(manager, "POST", "/api/keys", {"name": "x", "scopes": ["chats:export"]}).status_code == 403
    assert call_with_key(manager, "POST", "/api/keys", {"name": "x", "inherits": True}).status_code == 403
    assert call_with_key(manager, "POST", "/api/keys", {"name": "x", "kind": "master"}).status_code == 403
    ordinary = rows.key(owner, scopes=["chats:read"])
    for method, path in (
        ("GET", "/api/keys"),
        ("POST", "/api/keys"),
        ("GET", "/api/api-keys"),
        ("GET", "/api/history"),
    ):
        refused = call_with_key(ordinary, method, path, {"name": "x"} if method == "POST" else None)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:keyadmin:problem:insufficient-scope")


def test_link_header_leads_through_all_pages(manager: CreatedKey, rows: CommittedRows, owner: Organisation) -> None:
    for number in range(4):
        rows.key(owner, name=f"Item {number}", created_at=timezone.now() - timedelta(days=number + 1))
    first = call_with_key(manager, "GET", "/api/keys?limit=2&q=Item")
    assert [key["name"] for key in first.json()] == ["Item 0", "Item 1"]
    second = call_with_key(manager, "GET", first["Link"].split(">")[0][1:])
    assert [key["name"] for key in second.json()] == ["Item 2", "Item 3"]
    assert 'rel="next"' not in second["Link"]
    assert call_with_key(manager, "GET", "/api/keys?limit=0").status_code == 422
    assert call_with_key(manager, "GET", "/api/keys?serach=x").status_code == 422
    assert list(call_with_key(manager, "GET", "/api/keys?status=live").json()["errors"]) == ["status"]


def test_link_header_leads_through_all_pages_of_a_long_list(
    manager: CreatedKey, rows: CommittedRows, owner: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "COUNT_LIMIT", 1)
    for number in range(3):
        created = rows.key(owner, name=f"Item {number}", created_at=timezone.now() - timedelta(days=number + 1))
        for network in ("10.0.0.0/16", "10.1.0.0/16"):
            AllowListEntry.objects.create(key=created.key, network=network)
    for url, wanted in (("/api/keys?limit=2&q=Item&status=active", 3), ("/api/allow-list-entries?limit=4", 6)):
        first = call_with_key(manager, "GET", url)
        second = call_with_key(manager, "GET", first["Link"].split(">")[0][1:])
        assert len({row["id"] for row in (*first.json(), *second.json())}) == wanted
        back = second["Link"].split('>; rel="prev"')[0].rpartition("<")[2]
        assert call_with_key(manager, "GET", back).json() == first.json()


def test_key_of_another_organisation_is_404(manager: CreatedKey, rows: CommittedRows) -> None:
    other, nothing = rows.key(name="Theirs").key.id, "00000000-0000-4000-8000-000000000000"
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
        theirs, none = (call_with_key(manager, method, f"/api/keys/{one}{tail}", body) for one in (other, nothing))
        assert (theirs.status_code, none.status_code) == (404, 404), (method, tail)
        assert theirs.json() | {"request_id": ""} == none.json() | {"request_id": ""}
    assert "Theirs" not in call_with_key(manager, "GET", "/api/keys?limit=200").content.decode()


@pytest.mark.parametrize("path", ["/api/keys", "/api/api-keys"])
def test_key_without_expiry_gets_the_latest_one_that_its_creator_and_the_policy_allow(
    rows: CommittedRows, owner: Organisation, path: str
) -> None:
    def create(creator: CreatedKey, **fields: Any) -> Any:
        body = {"name": "x"} | ({"scopes": ["chats:read"]} if path == "/api/keys" else {}) | fields
        answer = call_with_key(creator, "POST", path, body)
        answer.key = answer.json().get("data", answer.json())
        return answer

    scopes, end = ["keys:write", "chats:read"], timezone.now().replace(microsecond=123457) + timedelta(days=20)
    limited = rows.key(owner, scopes=scopes, expires_at=end)
    unlimited = rows.key(owner, scopes=scopes)
    assert create(unlimited).key["expires_at"] is None
    assert create(limited).key["expires_at"] == end.isoformat().replace("+00:00", "Z")
    assert create(limited, expires_at=None).status_code == 403
    Organisation.objects.filter(id=owner.id).update(may_never_expire=False, max_expiry_days=7)
    for creator in (limited, unlimited):
        expiry = datetime.fromisoformat(create(creator).key["expires_at"])
        assert abs(expiry - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)
    Organisation.objects.filter(id=owner.id).update(max_expiry_days=400)
    assert create(limited).key["expires_at"] == end.isoformat().replace("+00:00", "Z")
    Organisation.objects.filter(id=owner.id).update(max_expiry_days=None, default_expiry_days=None)
    assert create(unlimited).key["expires_at"]
    assert list(create(unlimited, expires_at=None).json()["errors"]) == ["expires_at"]


def test_expiry_is_answered_as_it_is_kept(manager: CreatedKey) -> None:
    kept = "2099-12-31T23:59:59.123457Z"
    created = make(manager, expires_at="2100-01-01T01:59:59.123457+02:00")
    assert created["expires_at"] == kept
    assert call_with_key(manager, "GET", f"/api/keys/{created['id']}").json()["expires_at"] == kept
    listed = call_with_key(manager, "GET", "/api/api-keys").json()["data"]
    assert [key["expires_at"] for key in listed if key["id"] == created["id"]] == [kept]
    answer = call_with_key(manager, "PATCH", f"/api/keys/{created['id']}", {"expires_at": kept})
    assert (answer.status_code, answer.json()["revision"]) == (200, 1)


def test_scopes_of_a_key_that_inherits_are_422_and_its_effective_scopes_are_shown(
    manager: CreatedKey, rows: CommittedRows, owner: Organisation
) -> None:
    person = rows.person(owner, "auditor")
    inheriting = rows.key(owner, inherits=True, creator=person).key
    path = f"/api/keys/{inheriting.id}"
    for method, place, body in (
        ("POST", "/api/keys", {"name": "x", "inherits": True, "scopes": ["chats:read"]}),
        ("PATCH", path, {"scopes": ["chats:read"]}),
        ("PATCH", path, {"scopes": ["chats:read"], "inherits": True}),
    ):
        refused = call_with_key(manager, method, place, body)
        assert (refused.status_code, list(refused.json()["errors"])) == (422, ["scopes"]), body

    def effective() -> Any:
        shown = call_with_key(manager, "GET", path).json()
        listed = [key for key in call_with_key(manager, "GET", "/api/keys").json() if key["id"] == str(inheriting.id)]
        assert listed == [shown]
        return shown["scopes"], shown["effective_scopes"]

    assert effective() == ([], ["history:read", "keys:read"])
    person.memberships.update(role="owner")
    assert effective()[1] == sorted(privileges.scopes_of_owner())
    person.is_active = False
    person.save()
    assert effective() == ([], [])
    changed = call_with_key(manager, "PATCH", path, {"scopes": ["chats:read"], "inherits": False}).json()
    assert (changed["scopes"], changed["effective_scopes"]) == (["chats:read"], ["chats:read"])
    assert make(manager)["effective_scopes"] == ["chats:read"]


def test_search_for_a_whole_key_finds_it_by_its_public_part(manager: CreatedKey, rows: CommittedRows) -> None:
    created = make(manager, name="Found")
    rows.key(manager.key.organisation, name="Other")
    for text, names in ((created["key"], ["Found"]), (created["secret"], []), (created["masked"] + "••••", ["Found"])):
        found = call_with_key(manager, "GET", f"/api/keys?q={quote(text)}")
        assert [key["name"] for key in found.json()] == names
