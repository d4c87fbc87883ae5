"""Permissions of an identified key: scopes by route, channels, and On-Behalf-Of."""

from functools import partial
from uuid import uuid4

import pytest

from tests.fixtures.committed_rows import CommittedRows, CreatedKey
from tests.live.client import Response
from tests.live.servers import Server


def forbidden(answer: Response, slug: str = "insufficient-scope") -> Response:
    assert answer.status == 403, answer.body
    assert answer.json["type"] == f"urn:keyadmin:problem:{slug}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["RateLimit-Policy"] == '"hour";q=1000;w=3600'
    assert answer.headers["RateLimit"].startswith('"hour";r=')
    challenge = answer.headers["WWW-Authenticate"]
    assert (challenge is None) == (slug != "insufficient-scope")
    assert challenge is None or challenge.startswith('Bearer realm="api", error="insufficient_scope"')
    return answer


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("chats:read", "GET", "/api/chats"),
        ("chats:read", "HEAD", "/api/chats"),
        ("chats:read", "GET", "/api/chats/"),
        ("chats:read", "GET", "/api/chats/42/messages"),
        ("chats:write", "POST", "/api/chats"),
        ("messages:send", "POST", "/api/chats/42/messages"),
        ("messages:send", "POST", "/api/channels/whatsapp/messages"),
        ("chats:export", "GET", "/api/export"),
        ("chats:export", "GET", "/api/export/2024/01"),
        ("contacts:manage", "PUT", "/api/contacts/42"),
        ("contacts:manage", "GET", "/api/contacts?email=a%2Fb@c;d"),
    ],
)
def test_scope_opens_its_routes_only(server: Server, rows: CommittedRows, scope: str, method: str, path: str) -> None:
    answer = server.request(path, rows.key(scopes=(scope,)).headers, method)
    assert answer.status in (200, 404), answer.body
    assert answer.headers["RateLimit"] == '"hour";r=999'
    others = {"chats:read", "chats:export", "contacts:manage", "templates:read", "templates:send"} - {scope}
    lacking = rows.key(scopes=tuple(others))
    refused = server.request(path, lacking.headers, method)
    assert (refused.status, refused.headers["RateLimit"]) == (403, '"hour";r=1000')
    assert (
        f'scope="{scope}' in refused.headers["WWW-Authenticate"] or " " + scope in refused.headers["WWW-Authenticate"]
    )
    assert rows.meter(lacking).total == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/chats"),
        ("GET", "/api/"),
        ("GET", "/api/unknown"),
        ("GET", "/api/chats/1/2/3"),
        ("OPTIONS", "/api/chats"),
        ("GET", "/api/api-keys"),
    ],
)
def test_unmapped_path_is_denied_to_every_key(server: Server, rows: CommittedRows, method: str, path: str) -> None:
    every = (
        "chats:read",
        "chats:write",
        "chats:export",
        "contacts:manage",
        "messages:send",
        "templates:read",
        "templates:send",
        "users:impersonate",
    )
    forbidden(server.request(path, rows.key(scopes=every).headers, method))


@pytest.mark.parametrize(
    "path",
    [
        "/api//chats",
        "/api/../api/chats",
        "/api/./chats",
        "/api/chats%2f42",
        "/api/chats%2F",
        "/api/%2e%2e/api/chats",
        "/api/chats;x=1",
        "/api/chats%3bx",
        "/api/%63hats",
        "/%61pi/chats",
        "/api/chats%00",
        "/api/chats%5c42",
        "/api/chats\\42",
        "/api/chats%",
        "/api/chats%zz",
        "/api/chats%e9",
        "/api/chats//",
        "/api/chats#x",
        "http://localhost/api/chats",
        "/api/chats%253f",
        b"/api/chats/\x85",
    ],
)
def test_ambiguous_path_is_denied_with_400(server: Server, rows: CommittedRows, path: str | bytes) -> None:
    created = rows.key()
    answer = server.request(path, created.headers)
    assert answer.status == 400, answer.body
    assert rows.meter(created).total == 0


@pytest.mark.parametrize("path", ["//api/chats", "/./api/chats", "/x/../api/chats", "/API/chats", "/api"])
def test_other_spelling_of_a_path_does_not_reach_the_api(server: Server, rows: CommittedRows, path: str) -> None:
    """A path without the prefix is not a call: it gets no answer of the API, with or without a key."""
    for headers in ([], rows.key().headers):
        answer = server.request(path, headers)
        assert answer.status in (301, 302, 400, 404)
        assert b'"pid"' not in answer.body


def test_key_restricted_to_channels_is_denied_on_others(server: Server, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    sms, web = rows.channel(organisation, "sms"), rows.channel(organisation, "web")
    created = rows.key(organisation, scopes=("chats:read", "messages:send", "contacts:manage"), channels=(sms,))
    assert web.slug == "web"
    assert server.request("/api/chats", [*created.headers, ("X-Channel", "sms")]).status == 200
    for named in ([("X-Channel", "web")], [("X-Channel", "SMS")], [], [("X-Channel", "none")]):
        forbidden(server.request("/api/chats", [*created.headers, *named]))
    assert server.request("/api/channels/sms/messages", created.headers, "POST").json["arguments"] == {"channel": "sms"}
    forbidden(server.request("/api/channels/web/messages", [*created.headers, ("X-Channel", "sms")], "POST"))
    assert server.request("/api/contacts", created.headers).status == 200  # not about channels
    free = rows.key(organisation, scopes=("chats:read", "messages:send"))
    assert server.request("/api/chats", free.headers).status == 200
    assert server.request("/api/channels/web/messages", free.headers, "POST").status == 200


@pytest.fixture
def impersonator(rows: CommittedRows) -> CreatedKey:
    return rows.key(kind="master", scopes=("chats:read", "users:impersonate"))


def test_on_behalf_of_accepts_an_active_person_of_the_organisation(
    server: Server, rows: CommittedRows, impersonator: CreatedKey
) -> None:
    organisation = impersonator.key.organisation
    person = rows.person(organisation, email=f"sam.{uuid4().hex[:8]}@example.com", name="Sam Reyes")
    for named in (str(person.id), str(person.id).upper(), person.email, person.email.upper(), person.email.title()):
        answer = server.request("/api/chats", [*impersonator.headers, ("On-Behalf-Of", f" {named} ")])
        assert answer.status == 200, named
        assert answer.json["on_behalf_of"] == {"id": str(person.id), "email": person.email, "name": "Sam Reyes"}
    assert server.request("/api/chats", impersonator.headers).json["on_behalf_of"] is None


def test_on_behalf_of_another_person_is_denied_with_403(
    server: Server, rows: CommittedRows, impersonator: CreatedKey
) -> None:
    organisation = impersonator.key.organisation
    stranger = rows.person(rows.organisation(), "owner")
    homeless, left = rows.person(), rows.person(organisation, is_active=False)
    administrator = rows.person(system_role="administrator")
    bodies = set()
    for named in (
        stranger.email,
        stranger.id,
        homeless.email,
        left.email,
        left.id,
        administrator.email,
        uuid4(),
        "x",
        "unknown@example.com",
        "'; --",
        "%",
    ):
        answer = server.request("/api/chats", [*impersonator.headers, ("On-Behalf-Of", str(named))])
        bodies.add(str(forbidden(answer, "unknown-person").without_id()))
    assert len(bodies) == 1
    assert server.request("/api/chats", [*impersonator.headers, ("On-Behalf-Of", b"\xe9\xff@x.y")]).status == 403
    assert rows.meter(impersonator).total == 0


def test_on_behalf_of_without_the_scope_is_denied(server: Server, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    person = rows.person(organisation)
    created = rows.key(organisation)
    for named in (person.email, "unknown@example.com"):
        forbidden(server.request("/api/chats", [*created.headers, ("On-Behalf-Of", named)]))
    assert rows.meter(created).total == 0


def test_on_behalf_of_a_deactivated_person_is_denied_at_once(
    server: Server, rows: CommittedRows, impersonator: CreatedKey
) -> None:
    person = rows.person(impersonator.key.organisation)
    headers = [*impersonator.headers, ("On-Behalf-Of", person.email)]
    assert server.request("/api/chats", headers).status == 200
    rows.execute("UPDATE person SET is_active = false WHERE id = %s", person.id)  # no version moves
    forbidden(server.request("/api/chats", headers), "unknown-person")


@pytest.mark.parametrize(
    ("person", "role", "expected"),
    [
        ({"system_role": "administrator"}, None, {"chats:read", "keys:write", "history:read"}),
        ({}, "owner", {"chats:read", "keys:write", "history:read"}),
        ({}, "auditor", {"keys:read", "history:read"}),
        ({"system_role": "auditor"}, "member", {"keys:read", "history:read"}),
        ({}, "member", set()),
        ({}, None, set()),
        ({"is_active": False}, "owner", set()),
    ],
)
def test_inheriting_key_has_the_scopes_of_its_creators_roles(
    server: Server, rows: CommittedRows, person: dict[str, object], role: str | None, expected: set[str]
) -> None:
    organisation = rows.organisation()
    creator = rows.person(organisation if role else None, role or "", **person)
    created = rows.key(organisation, inherits=True, creator=creator, scopes=())
    answer = server.request("/api/chats", created.headers)
    if "chats:read" not in expected:
        forbidden(answer)
        return
    assert expected <= set(answer.json["scopes"])
    assert "users:impersonate" not in answer.json["scopes"]


def test_only_a_master_key_inherits_impersonation(server: Server, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    administrator, person = rows.person(system_role="administrator"), rows.person(organisation)
    inheriting = partial(rows.key, organisation, inherits=True, creator=administrator, scopes=())
    named = [("On-Behalf-Of", person.email)]
    standard, master = inheriting(), inheriting(kind="master")
    forbidden(server.request("/api/chats", [*standard.headers, *named]))
    assert server.request("/api/chats", [*master.headers, *named]).json["on_behalf_of"]["id"] == str(person.id)
