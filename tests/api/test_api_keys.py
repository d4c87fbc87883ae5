"""`/api/api-keys`, called by a client that was written from its documentation."""

import re

import pytest

from keyadmin.models import Event, Key, Organisation
from tests.api.calling import call_with_key
from tests.fixtures.committed_rows import CommittedRows, CreatedKey

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def whm(rows: CommittedRows) -> Organisation:
    return rows.organisation(key_format="compact", key_prefix="whm", default_expiry_days=None)


@pytest.fixture
def manager(rows: CommittedRows, whm: Organisation) -> CreatedKey:
    return rows.key(whm, format="compact", scopes=["keys:read", "keys:write", "chats:read"])


def test_documented_example_works_step_by_step(manager: CreatedKey) -> None:
    created = call_with_key(
        manager, "POST", "/api/api-keys", {"name": "Production", "expires_at": "2099-12-31T23:59:59Z"}
    )
    assert created.status_code == 201
    assert created.json()["status"] == "success"
    data = created.json()["data"]
    assert data.keys() == {"id", "name", "key", "key_prefix", "expires_at", "created_at"}
    assert re.fullmatch(r"whm_[0-9a-f]{32}", data["key"])
    assert data["key_prefix"] == data["key"][4:12]
    assert data["expires_at"] == "2099-12-31T23:59:59Z"
    assert RFC3339.fullmatch(data["created_at"])
    assert created["Cache-Control"] == "no-store"

    listed = call_with_key(manager, "GET", "/api/api-keys").json()
    assert listed["status"] == "success"
    first = listed["data"][0]
    assert first == {
        "id": data["id"],
        "name": "Production",
        "key_prefix": data["key_prefix"],
        "last_used_at": None,
        "expires_at": "2099-12-31T23:59:59Z",
        "is_active": True,
        "created_at": data["created_at"],
    }
    assert RFC3339.fullmatch(listed["data"][1]["last_used_at"])

    gone = call_with_key(manager, "DELETE", f"/api/api-keys/{data['id']}")
    assert (gone.status_code, gone.json()) == (
        200,
        {"status": "success", "data": {"message": "API key deleted successfully"}},
    )
    assert call_with_key(manager, "DELETE", f"/api/api-keys/{data['id']}").status_code == 404
    assert not Key.objects.filter(id=data["id"]).exists()
    verbs = list(Event.objects.filter(target_id=data["id"]).values_list("type", "interface", "actor_kind", "actor_id"))
    assert verbs == [(verb, "api", "key", manager.key.id) for verb in ("key.deleted", "key.issued")]
