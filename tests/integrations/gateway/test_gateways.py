"""Real nginx and real Caddy, with the files of deploy/, in front of a real upstream."""

import json
import socket
from collections import Counter
from typing import Any

import psutil
import pytest

from keyadmin.operations import keys
from tests.factories import OPERATOR
from tests.fixtures.committed_rows import CommittedRows, CreatedKey
from tests.integrations.gateway.servers import Gateway, Verify, values
from tests.live.client import Connection, Headers, Response
from tests.live.load import call, processes

#: All that an upstream may hear about the caller, and that a client may try to say itself.
TRUSTED = [
    "X-Keyadmin-Key-Id",
    "X-Keyadmin-Organisation",
    "X-Keyadmin-Bot",
    "X-Keyadmin-Scopes",
    "X-Keyadmin-On-Behalf-Of",
    "X-Forwarded-For",
    "X-Real-IP",
]
GATEWAYS_OWN = ["X-Original-Method", "X-Original-URI", "X-Forwarded-Method", "X-Forwarded-Uri", "X-Keyadmin-Problem"]


def heard(answer: Response) -> list[tuple[str, str]]:
    """The headers that the upstream received."""
    assert answer.status == 200, answer.body
    return [(name, value) for name, value in answer.json["headers"]]


def expect_problem(answer: Response, status: int, slug: str) -> None:
    """Expects keyadmin's problem response: each header once, the body, and the request id."""
    assert answer.status == status, answer.body
    assert answer.json["type"] == f"urn:keyadmin:problem:{slug}"
    assert answer.json["status"] == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert answer.headers.get_all("X-Request-Id") == [answer.json["request_id"]]
    assert not [name for name in answer.headers if name.lower().startswith("x-keyadmin")]


def test_upstream_receives_the_caller(gateway: Gateway, rows: CommittedRows) -> None:
    organisation = rows.organisation(slug="lamplight")
    bot = rows.bot(organisation)
    bot.name = "Café % bot"
    bot.save()
    created = rows.key(organisation, bot=bot, scopes=("chats:read", "contacts:manage"))
    answer = gateway.request("/api/chats?limit=5&a=%2F..;", [*created.headers, ("X-Channel", "web")])
    headers = heard(answer)
    assert answer.json["path"] == "/api/chats?limit=5&a=%2F..;"
    assert values(headers, "X-Keyadmin-Key-Id") == [created.key.key_id]
    assert values(headers, "X-Keyadmin-Organisation") == ["lamplight"]
    assert values(headers, "X-Keyadmin-Bot") == ["Caf%C3%A9 %25 bot"]
    assert values(headers, "X-Keyadmin-Scopes") == ["chats:read contacts:manage"]
    assert values(headers, "X-Keyadmin-On-Behalf-Of") == []
    assert values(headers, "X-Forwarded-For") == values(headers, "X-Real-IP") == ["127.0.0.1"]
    assert values(headers, "X-Channel") == ["web"]
    assert answer.headers.get_all("RateLimit") == ['"hour";r=999']
    assert answer.headers.get_all("RateLimit-Policy") == ['"hour";q=1000;w=3600']
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert answer.headers.get_all("X-Request-Id") == values(headers, "X-Request-Id")
    assert not [name for name in answer.headers if name.lower().startswith("x-keyadmin")]


def test_upstream_does_not_receive_the_secret(gateway: Gateway, rows: CommittedRows) -> None:
    created = rows.key()
    identity, secret = created.token.value.rsplit("_", 1)
    ways: list[Headers] = [
        created.headers,
        [("authorization", f"bEaReR {created.token.value}")],
        [("X-API-Key-Id", identity), ("X-API-Key-Secret", secret)],
    ]
    for headers in ways:
        assert secret not in json.dumps(heard(gateway.request(headers=headers)))
    other = gateway.request(headers=[*created.headers, ("Authorization", "Basic QTpC")])
    assert values(heard(other), "Authorization") == ["Basic QTpC"]


def test_upstream_receives_the_person_of_on_behalf_of(gateway: Gateway, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    person = rows.person(organisation)
    created = rows.key(organisation, kind="master", scopes=("chats:read", "users:impersonate"))
    answer = gateway.request(headers=[*created.headers, ("On-Behalf-Of", str(person.id))])
    assert values(heard(answer), "X-Keyadmin-On-Behalf-Of") == [person.email]
    stranger = rows.person(rows.organisation())
    expect_problem(gateway.request(headers=[*created.headers, ("On-Behalf-Of", stranger.email)]), 403, "unknown-person")
    twice = [("On-Behalf-Of", person.email)] * 2
    expect_problem(gateway.request(headers=[*created.headers, *twice]), 400, "ambiguous-request")


@pytest.mark.parametrize("name", [*TRUSTED, *GATEWAYS_OWN])
@pytest.mark.parametrize("spelling", ["as it is", "lower", "upper", "_", "mixed", "twice"])
def test_reserved_headers_of_a_client_do_not_reach_the_upstream(
    gateway: Gateway, rows: CommittedRows, name: str, spelling: str
) -> None:
    """Only the true values reach the upstream, each once, and only they decide."""
    created = rows.key(networks=("127.0.0.0/8",))
    truth: dict[str, list[Any]] = {known: [] for known in TRUSTED} | {
        "X-Keyadmin-Key-Id": [created.key.key_id],
        "X-Keyadmin-Organisation": [created.key.organisation.slug],
        "X-Keyadmin-Scopes": ["chats:read"],
        "X-Forwarded-For": ["127.0.0.1"],
        "X-Real-IP": ["127.0.0.1"],
    }
    spelled = {"lower": name.lower(), "upper": name.upper(), "_": name.replace("-", "_")}.get(spelling, name)
    if spelling == "mixed":
        spelled = name.replace("-", "_", 1).swapcase()
    said = [(spelled, "10.9.8.7")] * (2 if spelling == "twice" else 1)
    headers = heard(gateway.request(headers=[*said, *created.headers, *said]))
    assert "10.9.8.7" not in json.dumps(headers)
    for known, value in truth.items():
        assert values(headers, known) == value
    assert not [known for known, _ in headers if "_" in known]


@pytest.mark.parametrize("name", ["X-Keyadmin-Anything", "x-keyadmin-name"])
def test_other_names_with_the_reserved_prefix_do_not_reach_the_upstream(
    gateway: Gateway, rows: CommittedRows, name: str
) -> None:
    created, before = rows.key(), len(gateway.reached())
    answer = gateway.request(headers=[*created.headers, (name, "mallory")])
    if gateway.name == "nginx":  # which cannot remove headers by the beginning of their name
        expect_problem(answer, 400, "ambiguous-request")
        assert len(gateway.reached()) == before
    else:
        assert "mallory" not in json.dumps(heard(answer))


def test_spoofed_address_is_denied_by_an_allow_list(gateway: Gateway, rows: CommittedRows) -> None:
    created = rows.key(networks=("10.0.0.0/8",))
    for name in ("X-Forwarded-For", "X_Forwarded_For", "X-Real-IP", "Forwarded", "x-fOrwarded-for"):
        for value in ("10.1.2.3", "10.1.2.3, 127.0.0.1", "for=10.1.2.3"):
            expect_problem(gateway.request(headers=[(name, value), *created.headers]), 403, "address-not-allowed")


def test_address_is_that_of_the_client(gateway: Gateway, rows: CommittedRows) -> None:
    created = rows.key(networks=("127.0.0.2/32",))
    expect_problem(gateway.request(headers=created.headers), 403, "address-not-allowed")
    with Connection(gateway.port) as connection:
        connection.close()
        connection.socket = socket.create_connection(
            ("127.0.0.1", gateway.port), timeout=20, source_address=("127.0.0.2", 0)
        )
        assert values(heard(connection.request("/api/chats", created.headers)), "X-Forwarded-For") == ["127.0.0.2"]


REFUSALS: list[tuple[str, dict[str, Any], int, str, str | None]] = [
    ("none", {}, 401, "unauthenticated", 'Bearer realm="api"'),
    ("wrong", {}, 401, "unauthenticated", 'Bearer realm="api", error="invalid_token"'),
    ("two", {}, 400, "ambiguous-credentials", None),
    ("twice", {}, 400, "ambiguous-credentials", None),
    ("key", {"revoked": True}, 401, "unauthenticated", 'Bearer realm="api", error="invalid_token"'),
    ("key", {"expired": True}, 401, "unauthenticated", 'Bearer realm="api", error="invalid_token"'),
    ("key", {"networks": ("10.0.0.0/8",)}, 403, "address-not-allowed", None),
    ("key", {"scopes": ("contacts:manage",)}, 403, "insufficient-scope", 'scope="chats:read"'),
    ("key", {"limit": 1}, 429, "rate-limited", None),
]


@pytest.mark.parametrize(("shown", "fields", "status", "slug", "challenge"), REFUSALS)
def test_denial_reaches_the_client_with_all_headers_and_body(
    gateway: Gateway,
    rows: CommittedRows,
    shown: str,
    fields: dict[str, Any],
    status: int,
    slug: str,
    challenge: str | None,
) -> None:
    created = rows.key(**fields)
    headers = {
        "none": [],
        "wrong": [("X-API-Key", created.token.value[:-1] + "!")],
        "two": [*created.headers, ("Authorization", f"Bearer {created.token.value}")],
        "twice": created.headers * 2,
    }.get(shown, created.headers)
    for _ in range(fields.get("limit", 0)):
        assert gateway.request(headers=headers).status == 200
    before = len(gateway.reached())
    answer = gateway.request(headers=headers)
    expect_problem(answer, status, slug)
    assert len(gateway.reached()) == before
    challenges = answer.headers.get_all("WWW-Authenticate") or []
    assert len(challenges) == (challenge is not None)
    assert (challenge or "") in "".join(challenges)
    assert (answer.headers["RateLimit-Policy"] is not None) == (status in (403, 429))
    if status == 429:
        assert 0 < int(answer.headers["Retry-After"]) <= 3660
        assert answer.headers.get_all("RateLimit") == [f'"hour";r=0;t={answer.headers["Retry-After"]}']


def test_key_restricted_to_channels_is_denied_on_others(gateway: Gateway, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    created = rows.key(organisation, scopes=("messages:send",), channels=[rows.channel(organisation, "sms")])
    path = "/api/channels/{}/messages"
    assert gateway.request(path.format("sms"), created.headers, "POST").status == 200
    expect_problem(gateway.request(path.format("web"), created.headers, "POST"), 403, "insufficient-scope")


def test_trace_is_denied(gateway: Gateway, rows: CommittedRows) -> None:
    answer = gateway.request(headers=rows.key().headers, method="TRACE")
    assert answer.status == 405
    assert answer.headers["Allow"] is not None or gateway.name == "nginx"  # which answers it itself


CANONICAL = ["/api/chats/a%20b", "/api/chats/%C3%A9", "/api/chats/a,b", "/api/chats/a:b@c", "/api/chats/"]
DEVIOUS: list[str | bytes] = [
    "/api/chats/%2e%2e/contacts",
    "/api/chats/../contacts",
    "/api/chats/./x",
    "//api/chats",
    "/api//chats",
    "/api/chats%2fx",
    "/api/chats%2Fx",
    "/api/chats;x=1",
    "/api/chats/%3bx",
    "/api%5cchats",
    "/api/ch%61ts",
    "/api/chats/%00",
    "/api/chats/%zz",
    "/api/chats/%ff",
    "/api/chats/..",
    "/api/chats/%252e%252e/x",
    "/api/chats%3fx",
    "/api/chats/%3F",
    "/api/chats%23x",
    "/api/chats/%EF%BC%8Fx",
    b"/api/chats/\xff",
    b"/api/chats/\xc0\xaf",
    b"/api/chats/\xed\xa0\x80",
    b"/api/chats/caf\xe9?a=1",
]


@pytest.mark.parametrize("path", CANONICAL)
def test_upstream_receives_the_request_that_was_decided(gateway: Gateway, rows: CommittedRows, path: str) -> None:
    answer = gateway.request(path, rows.key().headers)
    assert answer.status == 200, answer.body
    assert answer.json["path"] == path


@pytest.mark.parametrize("path", DEVIOUS)
def test_ambiguous_path_does_not_reach_the_upstream(gateway: Gateway, rows: CommittedRows, path: str | bytes) -> None:
    created, before = rows.key(scopes=("chats:read", "contacts:manage")), len(gateway.reached())
    answer = gateway.request(path, created.headers)
    assert answer.status == 400, answer.body
    assert len(gateway.reached()) == before
    assert rows.meter(created).used == 0


def test_utf8_that_is_not_escaped_is_decided_as_if_it_were(gateway: Gateway, rows: CommittedRows) -> None:
    answer = gateway.request("/api/chats/café".encode(), rows.key().headers)
    assert answer.status == 200, answer.body
    assert answer.json["path"] in ("/api/chats/caf%C3%A9", "/api/chats/caf\xc3\xa9")


def test_head_and_options_are_decided(gateway: Gateway, rows: CommittedRows) -> None:
    created = rows.key()
    answer = gateway.request(headers=created.headers, method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["RateLimit"] == '"hour";r=999'
    refused = gateway.request(method="HEAD")
    assert (refused.status, refused.body) == (401, b"")
    expect_problem(gateway.request(headers=created.headers, method="OPTIONS"), 403, "insufficient-scope")


def test_bodies_and_errors_of_the_upstream_pass(gateway: Gateway, rows: CommittedRows) -> None:
    created = rows.key(scopes=("chats:read", "chats:write"))
    body = "x" * 300_000
    with Connection(gateway.port) as connection:
        head = f"POST /api/chats HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {created.token.value}\r\n"
        connection.socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        response = connection.socket.makefile("rb").read1(1 << 20)
    assert response.startswith(b"HTTP/1.1 200")
    broken = gateway.request("/api/chats/broken", created.headers)
    assert (broken.status, broken.json["path"]) == (500, "/api/chats/broken")


def test_large_headers_pass_up_to_the_limit(gateway: Gateway, rows: CommittedRows) -> None:
    created = rows.key()
    assert gateway.request(headers=[*created.headers, ("X-Large", "x" * 6000)]).status == 200
    expect_problem(gateway.request(headers=[("X-API-Key", "x" * 6000)]), 401, "unauthenticated")
    before = len(gateway.reached())
    assert gateway.request(headers=[("X-Large", "x" * 2_000_000)]).status in (400, 431)
    assert len(gateway.reached()) == before


def test_connections_are_kept_alive(gateway: Gateway, verify: Verify, rows: CommittedRows) -> None:
    created = rows.key()

    def connections() -> int:
        """To /verify, also those that have ended just now."""
        ends = [one.raddr for one in psutil.net_connections("tcp")] + [
            one.laddr for one in psutil.net_connections("tcp")
        ]
        return sum(bool(end) and end.port == verify.server.port for end in ends)

    with Connection(gateway.port) as connection:
        connection.request("/api/chats", created.headers)
        before = connections()
        for _ in range(60):
            assert connection.request("/api/chats", created.headers).status == 200
    assert connections() - before < 20


def test_revoked_key_is_denied_by_the_next_call(gateway: Gateway, rows: CommittedRows) -> None:
    for _ in range(10):
        created = rows.key()
        connections = [Connection(gateway.port) for _ in range(6)]  # to more than one worker
        for connection in connections:
            assert connection.request("/api/chats", created.headers).status == 200
        keys.revoke(actor=OPERATOR, key=created.key.id)
        for connection in connections:
            expect_problem(connection.request("/api/chats", created.headers), 401, "unauthenticated")
            connection.close()


def test_concurrent_calls_are_allowed_exactly_up_to_the_limit(gateway: Gateway, rows: CommittedRows) -> None:
    created = rows.key(limit=300)
    with processes(2) as pool:
        calls = [pool.submit(call, gateway.port, created.headers, 100) for _ in range(4)]
        statuses = sum((each.result() for each in calls), Counter())
    assert statuses == {200: 300, 429: 100}
    assert rows.meter(created).used == 300


def test_compact_key_is_identified_by_its_uuid(gateway: Gateway, rows: CommittedRows) -> None:
    created: CreatedKey = rows.key(compact=True)
    assert values(heard(gateway.request(headers=created.headers)), "X-Keyadmin-Key-Id") == [str(created.key.id)]
