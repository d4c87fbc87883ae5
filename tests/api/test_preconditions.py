"""ETag and If-Match: an edit of an object that has changed since it was read is 412, for every resource."""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any, Final
from uuid import uuid4

import pytest

from keyadmin.api import openapi
from keyadmin.api.urls import api
from tests.api.calling import call
from tests.api.world import World, worlds
from tests.fixtures.committed_rows import CommittedRows

#: What is read, the field that others edit, and every other edit that takes If-Match: method, address, body.
EDITED: Final[list[tuple[str, str, list[tuple[str, str, Any]]]]] = [
    ("/api/keys/{key}", "name", [("DELETE", "", None)]),
    ("/api/bots/{bot}", "name", []),
    ("/api/organisations/{own}", "name", []),
    ("/api/channels/{channel}", "name", [("DELETE", "", None)]),
    ("/api/tiers/{tier}", "name", [("DELETE", "", None)]),
    ("/api/scopes/{scope}", "label", [("DELETE", "", None)]),
    ("/api/allow-list-entries/{entry}", "network", [("DELETE", "", None)]),
    (
        "/api/people/{person}",
        "name",
        [
            ("PUT", "/system-role", {"system_role": "auditor"}),
            ("PUT", "/roles/{own}", {"role": "owner"}),
            ("DELETE", "/roles/{own}", None),
        ],
    ),
]


@pytest.fixture
def world(rows: CommittedRows) -> Iterator[World]:
    yield from worlds(rows)


def call_as_administrator(world: World, method: str, address: str, body: Any = None, etag: str = "") -> Any:
    return call(method, address, body, world.headers["administrator"] | ({"If-Match": etag} if etag else {}))


def test_every_edit_is_tested_with_if_match() -> None:
    said = {
        (method.upper(), path)
        for path, method, operation in openapi.operations(openapi.document(api))
        if "If-Match" in [parameter["name"] for parameter in operation["parameters"]]
    }
    asked = {("PATCH", path) for path, *_ in EDITED}
    asked |= {(method, path + more) for path, _, others in EDITED for method, more, _body in others}
    assert {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in said} == {
        (method, re.sub(r"\{\w+\}", "{}", path)) for method, path in asked
    }


@pytest.mark.parametrize(("address", "field", "others"), EDITED, ids=lambda value: str(value)[:30])
def test_edit_with_a_stale_etag_is_412_and_changes_nothing(
    world: World, address: str, field: str, others: list[tuple[str, str, Any]]
) -> None:
    def edit() -> dict[str, str]:
        return {field: f"10.1.{next(numbers)}.0/24" if field == "network" else f"New {uuid4().hex}"}

    own, numbers = str(world.home.id), count()
    address = re.sub(r"\{(\w+)\}", lambda m: own if m[1] == "own" else world.target[m[1]](world.home), address)
    read = call_as_administrator(world, "GET", address)
    assert read["ETag"] == f'"{read.json()["revision"]}"'
    changed = call_as_administrator(world, "PATCH", address, edit(), read["ETag"])
    assert (changed.status_code, changed["ETag"]) == (200, '"2"')
    for method, more, body in [("PATCH", "", edit()), *others]:
        place = address + more.replace("{own}", own)
        late = call_as_administrator(world, method, place, body, read["ETag"])
        assert (late.status_code, late.json()["type"]) == (412, "urn:keyadmin:problem:precondition-failed"), place
        assert late.json()["detail"].startswith("Someone else changed this")
        assert call_as_administrator(world, "GET", address)["ETag"] == '"2"'
        wrong = call_as_administrator(world, method, place, body, 'W/"2"')
        assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["If-Match"])
    assert call_as_administrator(world, "PATCH", address, edit(), "*").status_code == 200
