"""Scopes and their routes."""

from typing import Any

import pytest

from keyadmin.core.errors import ConflictError, InvalidInputError, NotFoundError
from keyadmin.core.routes import Route
from keyadmin.models import Organisation, Person, Scope, ScopeRoute
from keyadmin.models.scope import OWN_SCOPES
from keyadmin.operations.catalogue import scopes
from tests.factories import OPERATOR, KeyFactory, as_actor
from tests.operations.helpers import latest_event, version

FIELDS: dict[str, Any] = {
    "name": "notes:read",
    "resource": "Notes",
    "label": "Read notes",
    "explanation": "Reads notes.",
    "ability": "read notes",
}
ROUTES = [Route("GET", "/api/notes", ""), Route("POST", "/api/channels/{channel}/notes", "", "path")]


def test_scope_is_created_with_routes(maya: Person) -> None:
    scopes.create(actor=as_actor(maya), **FIELDS, is_sensitive=True, routes=ROUTES)
    scope = Scope.objects.get(name="notes:read")
    assert (scope.label, scope.is_sensitive, scope.position) == ("Read notes", True, 100)
    assert {(route.method, route.pattern, route.channel_from) for route in scope.routes.all()} == {
        ("GET", "/api/notes", ""),
        ("POST", "/api/channels/{channel}/notes", "path"),
    }
    told = ["GET /api/notes", "POST /api/channels/{channel}/notes (channel: path)"]
    assert latest_event().changes["routes"] == [None, told]
    assert version() == 2


def test_edited_scope_records_the_changed_fields(db: None) -> None:
    scopes.edit(actor=OPERATOR, scope="chats:export", label="Take data out", routes=[Route("GET", "/api/export", "")])
    assert latest_event().changes == {
        "label": ["Export data", "Take data out"],
        "routes": [["GET /api/export (channel: header)", "GET /api/export/** (channel: header)"], ["GET /api/export"]],
    }
    assert version() == 2
    with pytest.raises(InvalidInputError, match="No changes"):
        scopes.edit(actor=OPERATOR, scope="chats:export", routes=[Route("GET", "/api/export", "")])


def test_edit_without_routes_keeps_them(db: None) -> None:
    scopes.edit(actor=OPERATOR, scope="chats:export", label="Take data out")
    assert ScopeRoute.objects.filter(scope="chats:export").count() == 2


def test_unused_scope_is_removed(db: None) -> None:
    scopes.remove(actor=OPERATOR, scope="chats:export")
    assert not ScopeRoute.objects.filter(scope="chats:export").exists()
    assert latest_event().target_id == "chats:export"
    assert version() == 2


def test_scope_of_a_key_is_not_removed(northwind: Organisation) -> None:
    KeyFactory.create(organisation=northwind, scopes=["chats:export"])
    with pytest.raises(ConflictError, match="1 key has this permission"):
        scopes.remove(actor=OPERATOR, scope="chats:export")


@pytest.mark.parametrize("name", sorted(OWN_SCOPES))
def test_own_scopes_cannot_be_changed(db: None, name: str) -> None:
    with pytest.raises(ConflictError, match="part of keyadmin"):
        scopes.edit(actor=OPERATOR, scope=name, routes=ROUTES)
    with pytest.raises(ConflictError, match="part of keyadmin"):
        scopes.remove(actor=OPERATOR, scope=name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "notes"),
        ("name", "Notes:read"),
        ("name", "notes:read "),
        ("name", "chats:read"),
        ("name", "a:" + "b" * 60),
        ("label", ""),
        ("resource", ""),
        ("explanation", "x" * 301),
        ("ability", ""),
        ("position", -1),
    ],
)
def test_invalid_scope_is_rejected(db: None, field: str, value: object) -> None:
    with pytest.raises(InvalidInputError) as raised:
        scopes.create(actor=OPERATOR, **FIELDS | {field: value})
    assert list(raised.value.errors) == [field]


@pytest.mark.parametrize(
    "routes",
    [
        [Route("HEAD", "/api/notes", "")],
        [Route("get", "/api/notes", "")],
        [Route("GET", "api/notes", "")],
        [Route("GET", "/api/**/notes", "")],
        [Route("GET", "/api/notes", "", "path")],
        [Route("GET", "/" + "a" * 200, "")],
        [Route("GET", "/api/whoami", "")],
        [Route("GET", "/api/**", "")],
        [Route("POST", "/{door}/*", "")],
        [Route("GET", "/api/notes", ""), Route("GET", "/api/notes", "", "header")],
    ],
)
def test_invalid_routes_are_rejected(db: None, routes: list[Route]) -> None:
    with pytest.raises(InvalidInputError) as raised:
        scopes.create(actor=OPERATOR, **FIELDS, routes=routes)
    assert list(raised.value.errors) == ["routes"]


def test_unknown_scope_is_not_found(db: None) -> None:
    with pytest.raises(NotFoundError):
        scopes.remove(actor=OPERATOR, scope="notes:read")
