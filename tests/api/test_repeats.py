"""Idempotency-Key: a repeated request creates one object and shows one secret, for every resource."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

import pytest

from keyadmin.api import openapi
from keyadmin.api.urls import api
from keyadmin.models import Event
from tests.api.calling import call
from tests.api.world import World, worlds
from tests.fixtures.committed_rows import CommittedRows

#: (address, body, where the answer has the thing's id, its secrets); `{home}` is the organisation's slug.
MAKING: Final[list[tuple[str, Any, str, tuple[str, ...]]]] = [
    ("/api/keys", {"name": "CI", "scopes": ["chats:read"], "organisation": "{home}"}, "id", ("key", "secret")),
    ("/api/keys/{key}/regenerate", {"grace_seconds": 60}, "id", ("key", "secret")),
    ("/api/api-keys?organisation={home}", {"name": "CI"}, "data.id", ("data.key",)),
    ("/api/allow-list-entries", {"key": "{key}", "network": "203.0.113.0/24"}, "id", ()),
    ("/api/bots", {"name": "Bot {new}", "organisation": "{home}"}, "id", ()),
    ("/api/channels", {"name": "Channel {new}", "organisation": "{home}"}, "id", ()),
    ("/api/organisations", {"name": "x", "slug": "x-{new}"}, "id", ()),
    (
        "/api/people",
        {"email": "{new}@example.com", "name": "x", "organisation": "{home}", "role": "member"},
        "invitation.id",
        ("link",),
    ),
    ("/api/invitations/{invitation}/link", None, "invitation.id", ("link",)),
    ("/api/people/{newcomer}/verify-email", None, "person.id", ("link",)),
    ("/api/people/{person}/link", None, "person.id", ("link",)),
    ("/api/tiers", {"name": "Tier {new}", "hourly_limit": 5}, "id", ()),
    (
        "/api/scopes",
        dict.fromkeys(("resource", "label", "explanation", "ability"), "x") | {"name": "x:{letters}"},
        "name",
        (),
    ),
]


@pytest.fixture
def world(rows: CommittedRows) -> Iterator[World]:
    yield from worlds(rows)


def post(world: World, address: str, body: Any, nonce: str) -> Any:
    return call("POST", address, body, world.headers["administrator"] | {"Idempotency-Key": nonce})


def filled(world: World, value: Any) -> Any:
    letters = "".join(chr(ord("a") + int(digit, 16)) for digit in uuid4().hex[:16])
    known = {"home": world.home.slug, "new": uuid4().hex, "letters": letters}
    for name in set(re.findall(r"\{([a-z]+)\}", json.dumps(value))) - known.keys():
        known[name] = world.target[name](world.home)
    return json.loads(re.sub(r"\{([a-z]+)\}", lambda match: known[match[1]], json.dumps(value)))


def without(told: Any, secrets: tuple[str, ...]) -> Any:
    """The response with null for its secrets."""
    told = json.loads(json.dumps(told))
    for secret in secrets:
        *steps, name = secret.split(".")
        place = told
        for step in steps:
            place = place[step]
        assert place[name]
        place[name] = None
    return told


def test_every_creation_is_tested_with_an_idempotency_key() -> None:
    said = {
        path
        for path, _method, operation in openapi.operations(openapi.document(api))
        if "Idempotency-Key" in [parameter["name"] for parameter in operation["parameters"]]
    }
    asked = {re.sub(r"\{\w+\}", "{}", address.partition("?")[0]) for address, *_ in MAKING}
    assert {re.sub(r"\{\w+\}", "{}", path) for path in said} == asked


@pytest.mark.parametrize(("address", "body", "place", "secrets"), MAKING, ids=lambda value: str(value)[:40])
def test_repeated_request_creates_nothing_and_shows_no_secret(
    world: World, address: str, body: Any, place: str, secrets: tuple[str, ...]
) -> None:
    address, body = filled(world, [address, body])
    first = post(world, address, body, "n-1")
    events = Event.objects.count()
    again = post(world, address, body, "n-1")
    renews = address.endswith(("/regenerate", "/link", "/verify-email"))
    assert (first.status_code, again.status_code) == (200 if renews else 201, 200)
    assert again.json() == without(first.json(), secrets)
    assert (again.get("Location"), again.get("ETag")) == (first.get("Location"), first.get("ETag"))
    assert Event.objects.count() == events
    identity = first.json()
    for step in place.split("."):
        identity = identity[step]
    if not renews:
        collection = address.partition("?")[0].replace("/people", "/invitations")
        assert first["Location"] == f"{collection}/{identity}"


def test_idempotency_key_of_another_request_is_422(world: World) -> None:
    created = post(world, "/api/tiers", {"name": f"Tier {uuid4()}", "hourly_limit": 5}, "n-1")
    for address, body in (("/api/tiers", {"name": "x", "hourly_limit": 5}), ("/api/bots", {"name": "x"})):
        body = body if address == "/api/tiers" else body | {"organisation": world.home.slug}
        refused = post(world, address, body, "n-1")
        assert (refused.status_code, list(refused.json()["errors"])) == (422, ["Idempotency-Key"])
    spelt = post(world, "/api/tiers", f'{{"hourly_limit": 5,\n "name": "{created.json()["name"]}"}}', "n-1")
    assert spelt.json() == created.json()
    assert call("DELETE", created["Location"], headers=world.headers["administrator"]).status_code == 204
    gone = post(world, "/api/tiers", {"name": created.json()["name"], "hourly_limit": 5}, "n-1")
    assert (gone.status_code, gone.json()["type"]) == (409, "urn:keyadmin:problem:conflict")


@pytest.mark.parametrize("nonce", ["", "two words", "x" * 256, "ü"])
def test_malformed_idempotency_key_is_422(world: World, nonce: str) -> None:
    refused = post(world, "/api/tiers", {"name": "x", "hourly_limit": 5}, nonce)
    assert (refused.status_code, list(refused.json()["errors"])) == (422, ["Idempotency-Key"])
