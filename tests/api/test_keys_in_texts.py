"""A key that is pasted into a text is refused, or stored as a digest or redacted; no table contains it afterwards."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.db import connection

from keyadmin.core import tokens
from keyadmin.core.tokens import KeyFormat
from keyadmin.models import Event, IdempotencyRecord
from tests.api.calling import call
from tests.api.calls import CALLS, filled
from tests.api.documented import body_fields
from tests.api.world import World, worlds
from tests.fixtures.committed_rows import CommittedRows

MESSAGE: Final = "This text contains an API key. Remove it and regenerate the key."
#: Fields that hold a text which people type; all others have a form of their own.
TEXTS: Final = ("name", "description", "reason", "label", "resource", "caption", "explanation", "ability")
OPERATIONS: Final = [
    (method, address, body, field)
    for method, address, body, _statuses in CALLS
    if address not in ("/api/openapi.json", "/api/docs")
    for field in TEXTS
    if field in body_fields(method, address) and (address, field) != ("/api/scopes", "name")
]


@pytest.fixture
def world(rows: CommittedRows) -> Iterator[World]:
    yield from worlds(rows)


def require_no_table_contains(secret: str) -> None:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE %s", [f"%{secret}%"])  # noqa: S608
            assert cursor.fetchone() == (0,), table


@pytest.mark.parametrize(("method", "address", "body", "field"), OPERATIONS, ids=lambda each: str(each)[:40])
def test_text_with_a_key_is_422_in_every_field(world: World, method: str, address: str, body: Any, field: str) -> None:
    prefix = world.home.key_prefix
    compact = tokens.mint(prefix, KeyFormat.COMPACT).value
    whole = tokens.mint(prefix)
    base = {} if body is None else json.loads(filled(world, json.dumps(body)))
    place = filled(world, address)
    for text in (whole.value, f"Was {compact} before", f"{whole.value[:30]}%20{whole.value[30:]}", whole.secret):
        answer = call(method, place, base | {field: text}, world.headers["administrator"])
        assert (answer.status_code, answer.json()["errors"].get(field)) == (422, [MESSAGE]), text
        assert text not in answer.content.decode()
    require_no_table_contains(compact[-20:])
    require_no_table_contains(whole.secret[:20])


def test_key_in_user_agent_request_id_or_idempotency_key_is_not_stored(world: World) -> None:
    key = tokens.mint(world.home.key_prefix, KeyFormat.COMPACT).value
    headers = world.headers["owner"] | {"User-Agent": f"curl {key}", "Idempotency-Key": key, "X-Request-Id": key}
    body = {"name": "CI", "scopes": ["keys:read"], "organisation": world.home.slug}
    first, second = (call("POST", "/api/keys", body, headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert Event.objects.order_by("-number").values_list("user_agent", flat=True)[0] == "[redacted]"
    assert len(IdempotencyRecord.objects.latest("created_at").idempotency_key) == 64
    require_no_table_contains(key[-32:])


def test_ordinary_long_text_is_accepted(world: World) -> None:
    name = "Northwindwarehouseinventorysynchronisationserviceforthenorthernandsouthernregions2026"
    body = {"name": name, "scopes": ["keys:read"], "organisation": world.home.slug, "description": "Ünïcödé " * 50}
    answer = call("POST", "/api/keys", body, world.headers["owner"])
    assert (answer.status_code, answer.json()["name"]) == (201, name)
    assert Event.objects.order_by("-number")[0].target_label == name
