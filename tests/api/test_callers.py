"""Every operation, called by every kind of caller; no caller reaches another organisation."""

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
from tests.api.calls import CALLS, KEY, call_as, filled
from tests.api.world import CALLERS, OTHER_KEYS, World, worlds
from tests.fixtures.committed_rows import CommittedRows


@pytest.fixture
def world(rows: CommittedRows) -> Iterator[World]:
    yield from worlds(rows)


def test_matrix_covers_every_operation() -> None:
    paths = openapi.document(api)["paths"].items()
    said = {(method.upper(), re.sub(r"\{\w+\}", "{}", path)) for path, methods in paths for method in methods}
    asked = {(method, re.sub(r"\{\w+\}", "{}", address.partition("?")[0])) for method, address, *_ in CALLS}
    declared = {(route.method, re.sub(r"\{\w+\}", "{}", route.pattern)) for route in KEY_ROUTES + PERSON_ROUTES}
    unwritten = {("GET", "/api/openapi.json"), ("GET", "/api/docs")}
    assert asked == declared == said | unwritten


@pytest.mark.parametrize(("method", "address", "body", "statuses"), CALLS, ids=lambda value: str(value)[:40])
def test_operation_answers_each_kind_of_caller_as_expected(
    world: World, method: str, address: str, body: Any, statuses: str
) -> None:
    expected = dict(zip(CALLERS, map(int, statuses.split()), strict=True))
    got = {}
    for caller in CALLERS:
        sent = None if body is None else filled(world, json.dumps(body))
        status = call_as(world, caller, method, filled(world, address), sent).status_code
        got[caller] = 200 if status in (201, 204) else status
    assert got == expected


def _alike(answer: Any) -> Any:
    """The response without the request id and the remaining calls."""
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
    headers["RateLimit"] = ""
    return answer.status_code, headers, answer.content.replace(answer["X-Request-Id"].encode(), b"")


@pytest.mark.parametrize("caller", [*CALLERS[2:], *OTHER_KEYS])
def test_object_of_another_organisation_is_answered_like_a_missing_one(world: World, caller: str) -> None:
    if caller in OTHER_KEYS:
        world.headers[caller] = world.other_key(caller)
    other: Person = world.rows.person(world.elsewhere, "owner")
    event = call_as(world, "administrator", "POST", f"/api/people/{other.id}/link", None)
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
        got = [call_as(world, caller, method, one, sent) for one in addresses]
        assert _alike(got[0]) == _alike(got[1]), (method, address)
        denied = 401 if caller == "anonymous" else 403  # for every id, with a challenge
        assert got[0].status_code == (denied if "WWW-Authenticate" in got[0] else 404), (method, address)
        statuses.add(got[0].status_code)
    assert (404 in statuses) == (caller not in ("anonymous", "ordinary key"))


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


def with_names(text: str, names: dict[str, str]) -> str:
    """Replace each name in braces."""
    return re.sub(r"\{(\w+)\}", lambda match: names[match[1]], text)


@pytest.mark.parametrize(("method", "address", "body"), NAMED, ids=lambda value: str(value)[:40])
def test_reference_to_another_organisation_is_answered_like_a_missing_one(
    world: World, method: str, address: str, body: Any
) -> None:
    theirs = {name: world.target[name](world.elsewhere) for name in ("bot", "key", "organisation")}
    theirs |= {"slug": world.elsewhere.slug, "person": str(world.owner.id)}
    none = {name: str(uuid4()) for name in theirs} | {"person": theirs["person"]}
    text = address + "\n" + ("" if body is None else json.dumps(body))
    answers = []
    for named in (theirs, none):
        answers.append(call_as(world, "owner", method, *with_names(text, named).split("\n")))
    assert answers[0].status_code == 404
    assert _alike(answers[0]) == _alike(answers[1])
