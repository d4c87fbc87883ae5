"""`POST /api/verify`: a service without a gateway asks about calls that it received."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import RequestFactory
from django.urls import resolve

from tests.callpath.invalid_tokens import wrong_secret
from tests.factories import PersonFactory, as_actor
from tests.fixtures.committed_rows import CommittedRows, CreatedKey
from tests.live.client import Response
from tests.live.servers import Server

CHATS = {"method": "GET", "path": "/api/chats"}


@pytest.fixture
def service(rows: CommittedRows) -> CreatedKey:
    """A key that may verify calls."""
    return rows.key(scopes=("keys:verify",), limit=100_000)


def post(server: Server, service: CreatedKey, body: Any) -> Response:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [*service.headers, ("Content-Type", "application/json")]
    return server.request("/api/verify", headers, "POST", text)


def ask(server: Server, service: CreatedKey, created: CreatedKey | None = None, **call: Any) -> Any:
    key = {"key": created.token.value} if created else {}
    answer = post(server, service, CHATS | key | call)
    assert answer.status == 200, answer.body
    return answer.json


def outcome(decision: Any) -> tuple[int, str]:
    assert decision["allowed"] is (decision["status"] == 200)
    assert (decision["detail"] is None) == decision["allowed"]
    return decision["status"], decision["reason"]


def sibling(rows: CommittedRows, service: CreatedKey, **fields: Any) -> CreatedKey:
    return rows.key(service.key.organisation, **fields)


def test_allowed_call_is_counted(server: Server, rows: CommittedRows, service: CreatedKey) -> None:
    organisation = service.key.organisation
    bot = rows.bot(organisation)
    created = sibling(rows, service, bot=bot)
    decision = ask(server, service, created, address="203.0.113.9")
    assert decision == {
        "allowed": True,
        "status": 200,
        "reason": "ok",
        "detail": None,
        "key": {
            "id": str(created.key.id),
            "key_id": created.key.key_id,
            "name": created.key.name,
            "organisation": {"id": str(organisation.id), "slug": organisation.slug, "name": organisation.name},
            "bot": {"id": str(bot.id), "name": bot.name},
        },
        "scopes": ["chats:read"],
        "on_behalf_of": None,
        "rate_limit": {"limit": 1000, "remaining": 999, "retry_after": None},
    }
    meter = rows.meter(created)
    assert (meter.total, str(meter.last_used_ip)) == (1, "203.0.113.9")
    assert rows.meter(service).total == 1


def test_key_or_pair_is_required_as_the_credential(server: Server, rows: CommittedRows, service: CreatedKey) -> None:
    created = sibling(rows, service)
    pair: dict[str, Any] = {"key_id": created.token.key_id, "secret": created.token.secret}
    assert outcome(ask(server, service, **pair)) == (200, "ok")
    assert outcome(ask(server, service)) == (401, "no_credential")
    assert outcome(ask(server, service, key=wrong_secret(created.token).value)) == (401, "invalid_credential")
    assert outcome(ask(server, service, key="\ud800\x00é")) == (401, "invalid_credential")
    assert outcome(ask(server, service, key="")) == (401, "no_credential")
    for mixed in ({"key": created.token.value, **pair}, {"key_id": pair["key_id"]}, {"key": "a,b"}):
        assert outcome(ask(server, service, **mixed)) == (400, "ambiguous_credentials")


def test_decision_names_the_denial_reason(server: Server, rows: CommittedRows, service: CreatedKey) -> None:
    created = sibling(rows, service, networks=("10.0.0.0/8",))
    decision = ask(server, service, created, address="11.0.0.1")
    assert outcome(decision) == (403, "address")
    assert decision["key"]["key_id"] == created.key.key_id
    assert decision["rate_limit"] == {"limit": 1000, "remaining": 1000, "retry_after": None}
    assert outcome(ask(server, service, created)) == (403, "address")  # an address that cannot be told is on no list
    assert outcome(ask(server, service, created, address="10.1.2.3")) == (200, "ok")
    assert outcome(ask(server, service, sibling(rows, service), method="POST")) == (403, "scope")
    assert outcome(ask(server, service, sibling(rows, service), path="/api/unheard-of")) == (403, "unmapped")
    assert outcome(ask(server, service, sibling(rows, service), method="TRACE")) == (405, "method")
    rows.execute("UPDATE key SET revoked_at = now() WHERE id = %s", created.key.id)
    rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", created.key.id)
    decision = ask(server, service, created, address="10.1.2.3")
    assert outcome(decision) == (401, "revoked")
    assert decision["key"]["name"] == created.key.name


def test_decision_considers_channel_and_on_behalf_of(server: Server, rows: CommittedRows, service: CreatedKey) -> None:
    organisation = service.key.organisation
    created = rows.key(organisation, channels=(rows.channel(organisation, "sms"),))
    assert outcome(ask(server, service, created, channel="sms")) == (200, "ok")
    assert outcome(ask(server, service, created, channel="web")) == (403, "channel")
    master = rows.key(organisation, kind="master", scopes=("chats:read", "users:impersonate"))
    person = rows.person(organisation, email=f"{uuid4().hex}@example.com")
    decision = ask(server, service, master, on_behalf_of=person.email)
    assert decision["on_behalf_of"] == {"id": str(person.id), "email": person.email, "name": person.name}
    assert outcome(ask(server, service, master, on_behalf_of="unknown")) == (403, "on_behalf_of")


@pytest.mark.parametrize(
    "call",
    [
        {"path": "/api/../chats"},
        {"path": "chats"},
        {"path": ""},
        {"path": "/api/chats?x=1"},
        {"path": "/\x00"},
        {"path": "/api/%2f"},
        {"address": "10.0.0.256"},
        {"address": ""},
        {"address": "10.0.0.1, 8.8.8.8"},
        {"address": "::1%eth0"},
        {"address": "\x00"},
        {"address": "\ud800"},
        {"on_behalf_of": "a\x00b"},
        {"on_behalf_of": "\ud800"},
        {"channel": "\x7f"},
        {"channel": "a,b"},
        {"method": "G\nT"},
    ],
)
def test_ambiguous_call_is_decided_with_400(
    server: Server, rows: CommittedRows, service: CreatedKey, call: dict[str, str]
) -> None:
    created = rows.key(service.key.organisation, kind="master", scopes=("chats:read", "users:impersonate"))
    assert outcome(ask(server, service, created, **call)) == (400, "ambiguous_request")
    assert rows.meter(created).total == 0


def test_key_of_another_organisation_is_an_invalid_credential(
    server: Server, rows: CommittedRows, service: CreatedKey
) -> None:
    stranger = rows.key()
    decision = ask(server, service, stranger)
    assert decision == ask(server, service, key=wrong_secret(stranger.token).value)
    assert outcome(decision) == (401, "invalid_credential")
    assert decision["key"] is None
    assert rows.meter(stranger).total == 0
    master = rows.key(kind="master", scopes=("keys:verify",))
    assert outcome(ask(server, master, stranger)) == (200, "ok")


def test_caller_without_the_permission_is_denied(server: Server, rows: CommittedRows, service: CreatedKey) -> None:
    created = sibling(rows, service)
    answer = post(server, created, CHATS | {"key": created.token.value})
    assert answer.status == 403
    assert 'scope="keys:verify"' in answer.headers["WWW-Authenticate"]
    assert server.request("/api/verify", method="POST").status == 401
    answer = server.request("/api/verify", service.headers)  # only POST is declared
    assert (answer.status, answer.json["type"]) == (403, "urn:keyadmin:problem:insufficient-scope")


def test_cost_consumes_that_many_calls(server: Server, rows: CommittedRows, service: CreatedKey) -> None:
    created = sibling(rows, service, limit=10)
    assert ask(server, service, created, cost=7)["rate_limit"]["remaining"] == 3
    decision = ask(server, service, created, cost=4)
    assert outcome(decision) == (429, "limited")
    assert 0 < decision["rate_limit"]["retry_after"] <= 3660
    answer = post(server, service, CHATS | {"key": created.token.value, "cost": 11})
    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert answer.json["errors"] == {
        "cost": ["The cost is above the key's limit of 10 calls an hour. Send a lower cost."]
    }
    assert rows.meter(created).total == 7
    assert ask(server, service, created, cost=3)["rate_limit"]["remaining"] == 0


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"method", "path"}),
        ([], {"body"}),
        (None, {"body"}),
        (CHATS | {"kex": "x"}, {"kex"}),
        (CHATS | {"cost": 0}, {"cost"}),
        (CHATS | {"cost": -1}, {"cost"}),
        (CHATS | {"cost": 1.5}, {"cost"}),
        (CHATS | {"cost": "1"}, {"cost"}),
        (CHATS | {"cost": True}, {"cost"}),
        (CHATS | {"cost": 2**31}, {"cost"}),
        (CHATS | {"key": ["x"]}, {"key"}),
        (CHATS | {"path": None}, {"path"}),
        ({"calls": []}, {"calls"}),
        ({"calls": [CHATS] * 101}, {"calls"}),
        ({"calls": [CHATS], "key": "x"}, {"key"}),
        ({"calls": [CHATS, CHATS | {"kex": 1}, {"method": "GET"}]}, {"calls.1.kex", "calls.2.path"}),
    ],
)
def test_invalid_body_is_422_by_field(server: Server, service: CreatedKey, body: Any, fields: set[str]) -> None:
    answer = post(server, service, body)
    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/problem+json"), answer.body
    assert answer.json["type"] == "urn:keyadmin:problem:invalid"
    assert set(answer.json["errors"]) == fields


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"method": "GET", "path": "/a", "path": "/b"}',
        b'{"cost": NaN}',
        b"[" * 100_000,
        b'{"method": "' + b"x" * 3_000_000 + b'"}',
    ],
    ids=["empty", "broken", "bytes", "twice", "nan", "deep", "large"],
)
def test_unreadable_body_is_a_problem(server: Server, service: CreatedKey, body: bytes) -> None:
    answer = post(server, service, body)
    assert answer.status in (400, 413, 422), answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_list_of_calls_is_decided_in_order(server: Server, rows: CommittedRows, service: CreatedKey) -> None:
    created, small = sibling(rows, service), sibling(rows, service, limit=5)
    key, little = {"key": created.token.value}, {"key": small.token.value}
    calls = [CHATS | key, CHATS, CHATS | little | {"cost": 6}, CHATS | key | {"method": "POST"}, CHATS | little]
    calls += [CHATS | key] * 95
    answer = post(server, service, {"calls": calls})
    decisions = [outcome(decision) for decision in answer.json["decisions"]]
    assert decisions[:5] == [(200, "ok"), (401, "no_credential"), (422, "cost"), (403, "scope"), (200, "ok")]
    assert decisions[5:] == [(200, "ok")] * 95
    assert (rows.meter(created).total, rows.meter(small).total) == (96, 1)


def test_list_of_calls_takes_two_seconds_at_most(server: Server, rows: CommittedRows, service: CreatedKey) -> None:
    """The row of each key is locked. Calls that were not decided say so, and the others keep their decision."""
    free, held = sibling(rows, service), [sibling(rows, service) for _ in range(4)]
    calls = [CHATS | {"key": created.token.value} for created in (free, *held * 10, free)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM meter WHERE key_id = ANY(%s) FOR UPDATE", [[created.key.id for created in held]])
        began = time.monotonic()
        answer = post(server, service, {"calls": calls})
        assert time.monotonic() - began < 2
    decisions = [outcome(decision) for decision in answer.json["decisions"]]
    assert decisions == [(200, "ok"), *[(503, "unavailable")] * 41]
    assert answer.json["decisions"][-1]["rate_limit"]["retry_after"] == 1
    assert rows.meter(free).total == 1
    assert [rows.meter(created).total for created in held] == [0] * 4


def test_no_secret_is_logged(server: Server, rows: CommittedRows, service: CreatedKey) -> None:
    created = sibling(rows, service)
    post(
        server, service, CHATS | {"key": created.token.value, "kex": created.token.secret, "path": created.token.value}
    )
    ask(server, service, created)
    ask(server, service, key="hunter2-is-no-key", path="/hunter3", on_behalf_of="hunter4")
    log = server.log.read_text()
    for secret in (created.token.value, created.token.secret, "hunter2", "hunter3", "hunter4"):
        assert secret not in log
    assert f"verified_by={service.key.id}" in log
    assert str(created.key.id) in log


def test_person_may_not_verify_calls(rf: RequestFactory) -> None:
    """The caller is a person with an access token."""
    request = rf.post("/api/verify", CHATS, content_type="application/json")
    request.auth = as_actor(PersonFactory.build())  # type: ignore[attr-defined]
    response = resolve("/api/verify").func(request)
    assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json")
