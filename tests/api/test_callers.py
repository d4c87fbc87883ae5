"""Who gets what: every endpoint asked by every kind of caller; and of another organisation nobody gets anything."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

import pytest

from keyadmin.api import openapi
from keyadmin.api.urls import api
from keyadmin.core.endpoints import KEY_ROUTES, PERSON_ROUTES
from keyadmin.models import Person
from tests.api.calling import call
from tests.api.world import CALLERS, OTHER_KEYS, World, worlds
from tests.callpath.rows import Given

#: Statuses in the order of CALLERS: administrator, system auditor, owner, auditor, member; then the keys that read
#: keys, write keys, read history, inherit what the owner may, and may nothing here; then nobody.
READ: Final = "200 200 200 200 404  200 403 403 200 403  401"
LIST: Final = "200 200 200 200 200  200 403 403 200 403  401"
HISTORY: Final = "200 200 200 200 404  403 403 200 200 403  401"
KEYS_WRITTEN: Final = "200 403 200 403 404  403 200 403 200 403  401"
#: What only who owns the organisation does, and no key.
OWNED: Final = "200 403 200 403 404  403 403 403 403 403  401"
CATALOGUE_READ: Final = "200 200 404 404 404  403 403 403 403 403  401"
CATALOGUE: Final = "200 403 404 404 404  403 403 403 403 403  401"
SYSTEM: Final = "200 403 403 403 403  403 403 403 403 403  401"
ANYBODY: Final = "200 200 200 200 200  200 200 200 200 200  200"

PERSON = {"email": "{new}@example.com", "name": "x", "organisation": "{home}", "role": "member"}
KEY = {"name": "CI", "scopes": ["keys:read"]}
SCOPE = {"resource": "x", "label": "x", "explanation": "x", "ability": "x"}
#: (method, address, body, statuses); 200 stands for 201 and 204 too. `{home}` is the caller's organisation's slug.
CALLS: Final[list[tuple[str, str, Any, str]]] = [
    ("GET", "/api/whoami", None, "200 200 200 200 200  200 200 200 200 200  401"),
    ("POST", "/api/verify", {"method": "GET", "path": "/api/chats"}, "403 403 403 403 403  403 403 403 200 403  401"),
    ("POST", "/api/explain", {"key": "{key}", "method": "GET", "path": "/api/chats"}, READ),
    ("POST", "/api/token", {"email": "x"}, "422 422 422 422 422  422 422 422 422 422  422"),
    ("POST", "/api/token/refresh", {"refresh_token": "x"}, "401 401 401 401 401  401 401 401 401 401  401"),
    ("POST", "/api/token/revoke", {"refresh_token": "x"}, ANYBODY),
    ("GET", "/api/openapi.json", None, ANYBODY),
    ("GET", "/api/docs", None, ANYBODY),
    ("GET", "/api/api-keys?organisation={home}", None, READ),
    ("POST", "/api/api-keys?organisation={home}", {"name": "x"}, "200 403 200 403 404  403 200 403 200 403  401"),
    ("DELETE", "/api/api-keys/{key}", None, KEYS_WRITTEN),
    ("GET", "/api/keys", None, LIST),
    ("POST", "/api/keys", KEY | {"organisation": "{home}"}, "200 403 200 403 404  403 403 403 200 403  401"),
    ("GET", "/api/keys/{key}", None, READ),
    ("PATCH", "/api/keys/{key}", {"name": "new"}, KEYS_WRITTEN),
    ("DELETE", "/api/keys/{key}", None, KEYS_WRITTEN),
    ("POST", "/api/keys/{key}/regenerate", None, "200 403 200 403 404  403 403 403 200 403  401"),
    ("POST", "/api/keys/{key}/end-grace", None, KEYS_WRITTEN),
    ("POST", "/api/keys/{key}/revoke", None, KEYS_WRITTEN),
    ("POST", "/api/keys/{revoked}/reactivate", None, "200 403 200 403 404  403 403 403 200 403  401"),
    ("GET", "/api/keys/{key}/usage", None, READ),
    ("GET", "/api/keys/{eventful}/history", None, HISTORY),
    ("GET", "/api/history", None, "200 200 200 200 200  403 403 200 200 403  401"),
    ("GET", "/api/history/export?format=csv", None, "200 200 200 200 200  403 403 200 200 403  401"),
    ("GET", "/api/history/{event}", None, HISTORY),
    ("GET", "/api/allow-list-entries", None, LIST),
    ("POST", "/api/allow-list-entries", {"key": "{key}", "network": "203.0.113.0/24"}, KEYS_WRITTEN),
    ("GET", "/api/allow-list-entries/{entry}", None, READ),
    ("PATCH", "/api/allow-list-entries/{entry}", {"network": "10.1.0.0/16"}, KEYS_WRITTEN),
    ("DELETE", "/api/allow-list-entries/{entry}?allow_any=true", None, KEYS_WRITTEN),
    ("GET", "/api/bots", None, LIST),
    ("POST", "/api/bots", {"name": "Bot {new}", "organisation": "{home}"}, OWNED),
    ("GET", "/api/bots/{bot}", None, READ),
    ("PATCH", "/api/bots/{bot}", {"description": "new"}, OWNED),
    ("POST", "/api/bots/{bot}/disable", None, OWNED),
    ("POST", "/api/bots/{idle_bot}/enable", None, OWNED),
    ("GET", "/api/channels", None, LIST),
    ("POST", "/api/channels", {"name": "Channel {new}", "organisation": "{home}"}, OWNED),
    ("GET", "/api/channels/{channel}", None, READ),
    ("PATCH", "/api/channels/{channel}", {"name": "Channel {new}"}, OWNED),
    ("DELETE", "/api/channels/{channel}", None, OWNED),
    ("GET", "/api/organisations", None, LIST),
    ("POST", "/api/organisations", {"name": "x", "slug": "x-{new}"}, SYSTEM),
    ("GET", "/api/organisations/{own}", None, READ),
    ("PATCH", "/api/organisations/{own}", {"name": "Home {new}"}, OWNED),
    ("POST", "/api/organisations/{own}/disable", {}, "200 403 403 403 404  403 403 403 403 403  401"),
    ("POST", "/api/organisations/{disabled}/enable", {}, "200 403 403 403 404  401 401 401 401 401  401"),
    ("GET", "/api/people", None, "200 200 200 200 200  403 403 403 403 403  401"),
    ("POST", "/api/people", PERSON, OWNED),
    ("GET", "/api/people/{person}", None, "200 200 200 200 404  403 403 403 403 403  401"),
    ("PATCH", "/api/people/{person}", {"name": "new"}, OWNED),
    ("POST", "/api/people/{person}/link", None, OWNED),
    ("POST", "/api/people/{person}/deactivate", None, OWNED),
    ("POST", "/api/people/{leaver}/reactivate", None, OWNED),
    (
        "PUT",
        "/api/people/{person}/system-role",
        {"system_role": "auditor"},
        "200 403 403 403 404  403 403 403 403 403  401",
    ),
    ("PUT", "/api/people/{person}/roles/{own}", {"role": "auditor"}, OWNED),
    ("DELETE", "/api/people/{person}/roles/{own}", None, OWNED),
    ("GET", "/api/tiers", None, CATALOGUE_READ),
    ("POST", "/api/tiers", {"name": "Tier {new}", "hourly_limit": 5}, CATALOGUE),
    ("GET", "/api/tiers/{tier}", None, CATALOGUE_READ),
    ("PATCH", "/api/tiers/{tier}", {"hourly_limit": 7}, CATALOGUE),
    ("DELETE", "/api/tiers/{tier}", None, CATALOGUE),
    ("GET", "/api/scopes", None, CATALOGUE_READ),
    ("POST", "/api/scopes", SCOPE | {"name": "x:{letters}"}, CATALOGUE),
    ("GET", "/api/scopes/{scope}", None, CATALOGUE_READ),
    ("PATCH", "/api/scopes/{scope}", {"label": "new"}, CATALOGUE),
    ("DELETE", "/api/scopes/{scope}", None, CATALOGUE),
]


@pytest.fixture
def world(given: Given) -> Iterator[World]:
    yield from worlds(given)


def ask(world: World, caller: str, method: str, address: str, body: Any) -> Any:
    return call(method, address, body, world.headers[caller])


def filled(world: World, text: str) -> str:
    """The text with fresh things of the home organisation in its braces."""
    letters = "".join(chr(ord("a") + int(digit, 16)) for digit in uuid4().hex[:16])
    known = {"home": world.home.slug, "new": uuid4().hex, "letters": letters}

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name in ("own", "disabled"):
            world.home.refresh_from_db()
            if world.home.is_active == (name == "disabled"):
                path = f"/api/organisations/{world.home.id}/{'disable' if name == 'disabled' else 'enable'}"
                assert ask(world, "administrator", "POST", path, {}).status_code == 200
            return str(world.home.id)
        if name in ("eventful", "event"):
            key = world.target["key"](world.home)
            assert ask(world, "administrator", "PATCH", f"/api/keys/{key}", {"name": "seen"}).status_code == 200
            return key if name == "eventful" else world.event()
        return known.get(name) or world.target[name](world.home)

    return re.sub(r"\{([a-z_]+)\}", fill, text)


def test_every_endpoint_is_asked() -> None:
    paths = openapi.document(api)["paths"].items()
    said = {(method.upper(), re.sub(r"\{\w+\}", "{}", path)) for path, methods in paths for method in methods}
    asked = {(method, re.sub(r"\{\w+\}", "{}", address.partition("?")[0])) for method, address, *_ in CALLS}
    declared = {(route.method, re.sub(r"\{\w+\}", "{}", route.pattern)) for route in KEY_ROUTES + PERSON_ROUTES}
    unwritten = {("GET", "/api/openapi.json"), ("GET", "/api/docs")}
    assert asked == declared == said | unwritten


@pytest.mark.parametrize(("method", "address", "body", "statuses"), CALLS, ids=lambda value: str(value)[:40])
def test_who_gets_what(world: World, method: str, address: str, body: Any, statuses: str) -> None:
    expected = dict(zip(CALLERS, map(int, statuses.split()), strict=True))
    got = {}
    for caller in CALLERS:
        sent = None if body is None else filled(world, json.dumps(body))
        status = ask(world, caller, method, filled(world, address), sent).status_code
        got[caller] = 200 if status in (201, 204) else status
    assert got == expected


def _alike(answer: Any) -> Any:
    """All but the request's id, and the caller's own remaining calls."""
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
    headers["RateLimit"] = ""
    return answer.status_code, headers, answer.content.replace(answer["X-Request-Id"].encode(), b"")


@pytest.mark.parametrize("caller", [*CALLERS[2:], *OTHER_KEYS])
def test_another_organisations_things_are_like_none(world: World, caller: str) -> None:
    if caller in OTHER_KEYS:
        world.headers[caller] = world.other_key(caller)
    other: Person = world.given.person(world.elsewhere, "owner")
    event = ask(world, "administrator", "POST", f"/api/people/{other.id}/link", None)
    assert event.status_code == 200
    nothing = str(uuid4())
    statuses = set()
    for method, address, body, _statuses in CALLS:
        name = next(iter(re.findall(r"\{(\w+)\}", address.partition("?")[0])), "")
        if name in ("", "tier", "scope", "event"):
            continue
        kind = {"own": "organisation", "disabled": "organisation", "eventful": "key"}.get(name, name)
        theirs = world.target[kind](world.elsewhere)
        sent = None if body is None else filled(world, json.dumps(body))
        addresses = [re.sub(r"\{\w+\}", one, address, count=1) for one in (theirs, nothing)]
        addresses = [one.replace("{own}", str(world.home.id)) for one in addresses]
        got = [ask(world, caller, method, one, sent) for one in addresses]
        assert _alike(got[0]) == _alike(got[1]), (method, address)
        unopened = 401 if caller == "nobody" else 403  # whatever the id, and with the challenge that says so
        assert got[0].status_code == (unopened if "WWW-Authenticate" in got[0] else 404), (method, address)
        statuses.add(got[0].status_code)
    assert (404 in statuses) == (caller not in ("nobody", "ordinary key"))


NAMED: Final = [
    ("POST", "/api/keys", KEY | {"bot": "{bot}"}),
    ("POST", "/api/keys", KEY | {"organisation": "{slug}"}),
    ("GET", "/api/keys?organisation={slug}", None),
    ("GET", "/api/api-keys?organisation={slug}", None),
    ("GET", "/api/history?organisation={slug}", None),
    ("GET", "/api/history/export?format=csv&organisation={slug}", None),
    ("GET", "/api/bots?organisation={slug}", None),
    ("GET", "/api/channels?organisation={slug}", None),
    ("GET", "/api/people?organisation={slug}", None),
    ("GET", "/api/allow-list-entries?organisation={slug}", None),
    ("GET", "/api/allow-list-entries?bot={bot}", None),
    ("GET", "/api/allow-list-entries?key={key}", None),
    ("POST", "/api/bots", {"name": "x", "organisation": "{slug}"}),
    ("POST", "/api/channels", {"name": "x", "organisation": "{slug}"}),
    ("POST", "/api/allow-list-entries", {"network": "10.0.0.0/8", "bot": "{bot}"}),
    ("POST", "/api/allow-list-entries", {"network": "10.0.0.0/8", "key": "{key}"}),
    ("POST", "/api/explain", {"method": "GET", "path": "/", "key": "{key}"}),
    ("POST", "/api/people", {"name": "x", "email": "x@example.com", "role": "owner", "organisation": "{slug}"}),
    ("PUT", "/api/people/{person}/roles/{organisation}", {"role": "owner"}),
    ("DELETE", "/api/people/{person}/roles/{organisation}", None),
]


@pytest.mark.parametrize(("method", "address", "body"), NAMED, ids=lambda value: str(value)[:40])
def test_naming_another_organisations_things_is_like_naming_none(
    world: World, method: str, address: str, body: Any
) -> None:
    theirs = {name: world.target[name](world.elsewhere) for name in ("bot", "key", "organisation")}
    theirs |= {"slug": world.elsewhere.slug, "person": str(world.owner.id)}
    none = {name: str(uuid4()) for name in theirs} | {"person": theirs["person"]}
    text = address + "\n" + ("" if body is None else json.dumps(body))
    answers = []
    for named in (theirs, none):
        said = re.sub(r"\{(\w+)\}", lambda match, known=named: known[match[1]], text)  # type: ignore[misc]
        answers.append(ask(world, "owner", method, *said.split("\n")))
    assert answers[0].status_code == 404
    assert _alike(answers[0]) == _alike(answers[1])
