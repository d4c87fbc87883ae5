"""ETag and If-Match: an edit of an object that has changed since it was read is 412, for every resource."""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any, Final
from uuid import uuid4

import pytest

from keyadmin.api import openapi
from keyadmin.api.urls import api
from keyadmin.models import Event
from tests.api.calling import call
from tests.api.documented import body_fields
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
        for tags in ('W/"2"', '"abc"', '""', '"1", W/"2"', '"1" ,"3",'):
            assert call_as_administrator(world, method, place, body, tags).status_code == 412, (place, tags)
        for no_tags in ("2", '"2', ",", '"1" "2"', '*, "2"', 'w/"2"'):
            wrong = call_as_administrator(world, method, place, body, no_tags)
            assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["If-Match"]), (place, no_tags)
    assert call_as_administrator(world, "PATCH", address, edit(), "*").status_code == 200
    assert call_as_administrator(world, "PATCH", address, edit(), '"1",W/"3" , "3"').status_code == 200


@pytest.mark.parametrize("address", [address for address, *_ in EDITED])
def test_edit_that_changes_nothing_is_200_and_records_no_event(world: World, address: str) -> None:
    own, editable = str(world.home.id), body_fields("PATCH", address)
    address = re.sub(r"\{(\w+)\}", lambda m: own if m[1] == "own" else world.target[m[1]](world.home), address)
    read = call_as_administrator(world, "GET", address).json()
    fields = [name for name in editable if name in read and name != "tier"]
    assert fields
    before = Event.objects.count()
    for body in [{name: read[name]} for name in fields] + [{name: read[name] for name in fields}]:
        answer = call_as_administrator(world, "PATCH", address, body, f'"{read["revision"]}"')
        assert (answer.status_code, answer["ETag"]) == (200, f'"{read["revision"]}"'), (body, answer.content)
        assert answer.json() == read
    assert Event.objects.count() == before


def test_role_that_a_person_has_already_is_204_and_records_no_event(world: World) -> None:
    person, own = world.target["person"](world.home), str(world.home.id)
    for path, body in (("system-role", {"system_role": "auditor"}), (f"roles/{own}", {"role": "auditor"})):
        for _ in range(2):
            assert call_as_administrator(world, "PUT", f"/api/people/{person}/{path}", body).status_code == 204
            events = Event.objects.filter(target_id=person).count()
        assert call_as_administrator(world, "PUT", f"/api/people/{person}/{path}", body).status_code == 204
        assert Event.objects.filter(target_id=person).count() == events
