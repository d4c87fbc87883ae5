"""Permissions: the list, and the dialogs to create, edit and remove one."""

import re
from typing import Any

import pytest

from keyadmin.models import Organisation, Person, Scope, ScopeRoute
from tests.factories import KeyFactory
from tests.fixtures.clients import SignedIn
from tests.operations.helpers import latest_event
from tests.web.markup import collapse

NEW = {
    "name": "notes:read",
    "resource": "Notes",
    "label": "Read notes",
    "caption": "",
    "explanation": "Lists notes.",
    "ability": "read notes",
    "method": ["GET", "GET", "GET"],
    "pattern": ["/api/notes", "/api/notes/{id}", ""],
    "channel_from": ["", "header", ""],
}


def test_list_shows_permissions_with_their_routes(priya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    KeyFactory.create(organisation=northwind, scopes=["chats:read"])
    html = signed_in(priya).get("/permissions/").content.decode()
    for scope in Scope.objects.all():
        assert f"<code>{scope.name}</code>" in html
    for route in ScopeRoute.objects.all():
        assert f"<code>{route.pattern.replace("'", '&#x27;')}</code>" in html
    assert html.count("Part of keyadmin") == 5
    assert "1 key<" in collapse(html)
    assert re.findall(r"<code>([a-z-]+:[a-z-]+)</code>", html) == list(Scope.objects.values_list("name", flat=True))


def test_created_permission_has_its_routes(maya: Person, signed_in: SignedIn) -> None:
    response = signed_in(maya).post("/permissions/create/", NEW | {"is_sensitive": "on"})
    assert response["Location"] == "/permissions/"
    scope = Scope.objects.get(name="notes:read")
    assert scope.is_sensitive
    routes = [(r.method, r.pattern, r.channel_from) for r in scope.routes.all()]
    assert routes == [("GET", "/api/notes", ""), ("GET", "/api/notes/{id}", "header")]
    assert latest_event().type == "scope.created"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "Notes"}, "Use the form resource:action, in lower-case letters and hyphens."),
        ({"name": "chats:read"}, "There is already a permission with this name."),
        ({"label": ""}, "Label: This field is required."),
        ({"pattern": ["/api/**/x", "/api/a", ""]}, "/api/**/x: ** can only be the last segment."),
        ({"pattern": ["api", "/api/a", ""]}, "&#x27;api&#x27; must start with /."),
        ({"pattern": ["/api/a", "/api/a", ""]}, "This route is listed twice."),
        ({"pattern": ["/" + "a" * 200, "/api/a", ""]}, "Use at most 200 characters."),
        ({"method": ["BREW", "GET", "GET"]}, "Choose a method and a channel source from the lists."),
        (
            {"channel_from": ["path", "", ""]},
            "use {channel} in the pattern if and only if the channel comes from the path.",
        ),
    ],
)
def test_create_with_invalid_input_shows_the_error(
    maya: Person, signed_in: SignedIn, changes: dict[str, Any], words: str
) -> None:
    before = Scope.objects.count()
    response = signed_in(maya).post("/permissions/create/", NEW | changes)
    assert response.status_code == 422
    html = response.content.decode()
    assert words in html
    assert Scope.objects.count() == before


def test_route_error_is_shown_in_its_row(maya: Person, htmx: SignedIn) -> None:
    sent = NEW | {"pattern": ["/api/notes", "/api/**/x", ""]}
    html = htmx(maya).post("/permissions/create/", sent).content.decode()
    rows = html.split('<li class="route-row">')[1:]
    assert "aria-invalid" not in rows[0]
    assert 'value="/api/**/x"' in rows[1]
    assert re.search(r'aria-invalid="true" aria-describedby="route-error-2"', rows[1])
    assert 'id="route-error-2"' in rows[1]


def test_edited_permission_has_the_new_values(maya: Person, signed_in: SignedIn) -> None:
    url = "/permissions/chats:read/edit/"
    html = signed_in(maya).get(url).content.decode()
    scope = Scope.objects.get(name="chats:read")
    for route in scope.routes.all():
        assert f'value="{route.pattern}"' in html
    assert 'name="name"' not in html
    response = signed_in(maya).post(url, NEW | {"name": "evil:name", "label": "Look at chats"})
    assert response.status_code == 302
    scope.refresh_from_db()
    assert (scope.name, scope.label) == ("chats:read", "Look at chats")
    assert [route.pattern for route in scope.routes.all()] == ["/api/notes", "/api/notes/{id}"]


@pytest.mark.parametrize("act", ["edit", "remove"])
def test_permission_of_keyadmin_itself_cannot_be_changed(maya: Person, signed_in: SignedIn, act: str) -> None:
    for response in (
        signed_in(maya).get(f"/permissions/keys:read/{act}/"),
        signed_in(maya).post(f"/permissions/keys:read/{act}/", NEW),
    ):
        assert response.status_code == 409
        assert "part of keyadmin" in response.content.decode()
    assert signed_in(maya).get(f"/permissions/no:such/{act}/").status_code == 404
    assert signed_in(maya).get(f"/permissions/x%00/{act}/").status_code == 404


def test_permission_is_removed_unless_a_key_has_it(maya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    client, url = signed_in(maya), "/permissions/chats:export/remove/"
    key = KeyFactory.create(organisation=northwind, scopes=["chats:export"])
    html = client.get(url).content.decode()
    assert "<b>1 key has it.</b> Remove it from the key first." in html
    assert "Remove permission</button>" not in html
    response = client.post(url)
    assert response.status_code == 409
    assert "1 key has this permission. Remove it from the key first." in response.content.decode()
    key.scopes.clear()
    assert client.post(url).status_code == 302
    assert not Scope.objects.filter(name="chats:export").exists()


def test_list_sends_as_many_statements_for_many_permissions_as_for_few(
    maya: Person, northwind: Organisation, signed_in: SignedIn, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(maya)
    counts = []
    for more in (1, 30):
        for number in range(more):
            scope = Scope.objects.create(
                name=f"{'a' * (more // 2 + 1)}:{'b' * (number + 1)}",
                resource="R",
                label="L",
                explanation="E",
                ability="a",
            )
            ScopeRoute.objects.create(scope=scope, method="GET", pattern="/x")
            KeyFactory.create(organisation=northwind, scopes=[scope.name])
        with django_assert_max_num_queries(12) as captured:
            assert client.get("/permissions/").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]
