"""Real nginx and real Caddy, with the files of deploy/, in front of a real upstream."""

import json
import socket
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest

from keyadmin.env import ROOT
from keyadmin.integrations.gateway.forwarded_request import NGINX_FORWARDED_NAMES
from keyadmin.operations import keys
from tests.factories import OPERATOR
from tests.fixtures.committed_rows import CommittedRows, CreatedKey
from tests.integrations.gateway.servers import CORS_ORIGIN, Gateway, Verify, values
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


#: By which programs change the path, method, address, scheme or user of a request.
OVERRIDES = """
    X-Original-URL X-Original-Path X-Original-Host X-Rewrite-URL X-Envoy-Original-Path X-Script-Name X-Host
    X-Sendfile-Type X-Accel-Mapping X-Accel-Redirect X-Middleware-Subrequest
    X-HTTP-Method X-HTTP-Method-Override X-Method-Override
    True-Client-IP Client-IP CF-Connecting-IP CF-Connecting-IPv6 CF-Pseudo-IPv4 Fastly-Client-IP Fly-Client-IP
    X-Client-IP X-Cluster-Client-IP X-Originating-IP X-Remote-IP X-Remote-Addr X-Azure-ClientIP X-Azure-SocketIP
    X-Envoy-External-Address X-ProxyUser-IP Proxy-Client-IP WL-Proxy-Client-IP Forwarded
    Front-End-HTTPS X-Scheme X-URL-Scheme
    X-Forwarded-Proto X-Forwarded-Host X-Forwarded-Server X-Forwarded-Port X-Forwarded-Scheme X-Forwarded-Ssl
    X-Forwarded-Protocol X-Forwarded-By X-Forwarded-Prefix X-Forwarded-Path X-Forwarded-URL X-Forwarded-User
    X-Forwarded-Email X-Forwarded-Groups X-Forwarded-Preferred-Username X-Forwarded-Access-Token
    X-Forwarded-Client-Cert
    Remote-User Remote-Name Remote-Email Remote-Groups X-Remote-User X-Remote-Name X-Remote-Email X-Remote-Group
    X-Remote-Groups X-Auth-User X-Auth-Request-User X-Auth-Request-Email X-Auth-Request-Groups
    X-Auth-Request-Preferred-Username X-Auth-Request-Access-Token X-Authenticated-User X-Authenticated-Userid
    X-Authenticated-Groups X-Authenticated-Scope X-Authentik-Username X-Authentik-Email X-Authentik-Groups
    X-Authentik-Name X-Authentik-UID X-Webauth-User X-Consumer-ID X-Consumer-Custom-ID X-Consumer-Username
    X-Credential-Identifier X-Credential-Username X-Userinfo CF-Access-Authenticated-User-Email
    X-Goog-Authenticated-User-Email X-Goog-Authenticated-User-ID X-MS-Client-Principal X-MS-Client-Principal-ID
    X-MS-Client-Principal-Name X-Amzn-Oidc-Identity X-Amzn-Oidc-Data X-Amzn-Oidc-Accesstoken Tailscale-User-Login
    Tailscale-User-Name
    SSL-Client-Cert SSL-Client-Verify SSL-Client-Subject-DN X-SSL-Client-Cert X-SSL-Client-Verify X-SSL-Client-DN
    X-SSL-Client-S-DN X-Client-Cert X-Client-Verify X-ARR-ClientCert
    Proxy Proxy-Connection Proxy-Authorization Keep-Alive TE
""".split()  # noqa: SIM905


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


def test_override_headers_of_a_client_do_not_reach_the_upstream(gateway: Gateway, rows: CommittedRows) -> None:
    created = rows.key()
    with Connection(gateway.port) as connection:
        for name in OVERRIDES:
            for spelled in (name, name.lower(), name.upper().replace("-", "_")):
                answer = connection.request("/api/chats", [*created.headers, (spelled, "mallory")])
                assert "mallory" not in json.dumps(heard(answer)), spelled
        assert "kept" in json.dumps(heard(connection.request("/api/chats", [*created.headers, ("X-Own", "kept")])))


@pytest.mark.parametrize("name", ["X-Forwarded-Anything", "x-forwarded-tenant"])
def test_unknown_forwarded_header_does_not_reach_the_upstream(gateway: Gateway, rows: CommittedRows, name: str) -> None:
    created, before = rows.key(), len(gateway.reached())
    answer = gateway.request(headers=[*created.headers, (name, "mallory")])
    if gateway.name == "nginx":  # which cannot remove headers by the beginning of their name
        expect_problem(answer, 400, "ambiguous-request")
        assert len(gateway.reached()) == before
    else:
        assert "mallory" not in json.dumps(heard(answer))


def test_nginx_file_replaces_every_forwarded_header_that_verify_accepts() -> None:
    text = (ROOT / "deploy" / "nginx.conf").read_text().lower()
    api = text[text.index("location / {") : text.index("location = /_keyadmin {")]
    for name in NGINX_FORWARDED_NAMES:
        assert f"proxy_set_header {name} " in api


@pytest.mark.parametrize(
    "name", [*TRUSTED, "Host", "X-Request-Id", "X-Channel", "Authorization", "close, X-Keyadmin-Bot"]
)
@pytest.mark.parametrize("header", ["Connection", "connection", "Proxy-Connection"])
def test_connection_header_of_a_client_deletes_no_header(
    gateway: Gateway, rows: CommittedRows, header: str, name: str
) -> None:
    organisation = rows.organisation()
    created = rows.key(organisation, bot=rows.bot(organisation))
    said = [*created.headers, ("X-Channel", "sms"), ("Authorization", "Basic QTpC")]
    with_it, without = (heard(gateway.request(headers=[*said, *more])) for more in ([(header, name)], []))
    assert {known for known, _ in with_it} - {"Connection"} == {known for known, _ in without} - {"Connection"}


def upgrade(gateway: Gateway, *headers: tuple[str, str]) -> tuple[bytes, socket.socket]:
    """Sends an upgrade request. The head of the answer, and the connection."""
    client = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
    said = [("Host", "localhost"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13")]
    lines = ["GET /api/chats HTTP/1.1", *(f"{name}: {value}" for name, value in [*said, *headers])]
    client.sendall("\r\n".join([*lines, "", ""]).encode())
    head = b""
    while b"\r\n\r\n" not in head and (data := client.recv(1 << 16)):
        head += data
    return head, client


@pytest.mark.parametrize("connection", ["Upgrade", "keep-alive, Upgrade", "upgrade"])
def test_websocket_upgrade_passes(gateway: Gateway, rows: CommittedRows, connection: str) -> None:
    created = rows.key()
    head, client = upgrade(gateway, *created.headers, ("Connection", connection), ("Upgrade", "websocket"))
    with client:
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        frame, echoed = b"\x81\x85abcd\x09\x07\x0f\x08\x0e", b""
        client.sendall(frame)
        while len(echoed) < len(frame) and (data := client.recv(100)):
            echoed += data
        assert echoed == frame
    assert rows.meter(created).used == 1


def test_websocket_upgrade_without_a_key_is_denied(gateway: Gateway) -> None:
    head, client = upgrade(gateway, ("Connection", "Upgrade"), ("Upgrade", "websocket"))
    client.close()
    assert head.startswith(b"HTTP/1.1 401 "), head


@pytest.mark.parametrize("protocol", ["h2c", "TLS/1.0", "h2c, websocket", "websocket-x"])
def test_other_upgrades_do_not_pass(gateway: Gateway, rows: CommittedRows, protocol: str) -> None:
    created = rows.key()
    for connection in ("Upgrade", "Upgrade, HTTP2-Settings", "X-Keyadmin-Scopes, Upgrade"):
        headers = heard(gateway.request(headers=[*created.headers, ("Connection", connection), ("Upgrade", protocol)]))
        assert values(headers, "Upgrade") == []
        assert "upgrade" not in "".join(values(headers, "Connection")).lower()
        assert values(headers, "X-Keyadmin-Scopes") == ["chats:read"]


def test_large_body_passes(gateway: Gateway, rows: CommittedRows) -> None:
    created = rows.key(scopes=("chats:read", "chats:write"))
    for size in (1_100_000, 20_000_000):
        answer = gateway.server.request("/api/chats", created.headers, "POST", b"x" * size)
        assert (answer.status, len(answer.json["body"])) == (200, size)


@pytest.mark.parametrize("count", [99, 120, 300])
def test_too_many_headers_are_431(gateway: Gateway, rows: CommittedRows, count: int) -> None:
    created, before = rows.key(), len(gateway.reached())
    answer = gateway.request(headers=[*created.headers, *((f"X-Own-{number}", "x") for number in range(count))])
    expect_problem(answer, 431, "too-many-headers")
    assert len(gateway.reached()) == before
    assert rows.meter(created).used == 0
    few = [(f"X-Own-{number}", "x") for number in range(60)]
    assert gateway.request(headers=[*created.headers, *few]).status == 200


def test_problem_of_nginx_itself_is_a_problem_document(gateways: dict[str, Gateway], rows: CommittedRows) -> None:
    nginx, created = gateways["nginx"], rows.key()
    expect_problem(nginx.request(headers=[*created.headers, ("X-Large", "x" * 40_000)]), 431, "too-many-headers")
    expect_problem(nginx.request("/api/chats/" + "x" * 40_000, created.headers), 414, "uri-too-long")
    expect_problem(nginx.request(headers=[*created.headers, ("Content-Length", "x")]), 400, "bad-request")
    expect_problem(nginx.request(method="TRACE"), 405, "method-not-allowed")


def test_api_that_does_not_answer_is_503(gateway: Gateway, rows: CommittedRows) -> None:
    answer = gateway.request("/api/chats/hang-up", rows.key().headers)
    expect_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"] == "1"


def test_preflight_of_an_allowed_origin_needs_no_key(gateway: Gateway) -> None:
    before = len(gateway.reached())
    said = [("Origin", CORS_ORIGIN), ("Access-Control-Request-Method", "POST")]
    said.append(("Access-Control-Request-Headers", "x-api-key,content-type"))
    answer = gateway.request(headers=said, method="OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers.get_all("Access-Control-Allow-Origin") == [CORS_ORIGIN]
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert {"x-api-key", "content-type", "authorization"} <= set(allowed.split(", "))
    assert answer.headers["Access-Control-Max-Age"] == "600"
    assert len(gateway.reached()) == before


@pytest.mark.parametrize(
    "headers",
    [
        [("Access-Control-Request-Method", "POST")],
        [("Origin", "https://evil.example"), ("Access-Control-Request-Method", "POST")],
        [("Origin", CORS_ORIGIN + ".evil.example"), ("Access-Control-Request-Method", "POST")],
        [("Origin", "null"), ("Access-Control-Request-Method", "POST")],
        [("Origin", CORS_ORIGIN)],
    ],
)
def test_other_options_requests_need_a_key(gateway: Gateway, headers: Headers) -> None:
    answer = gateway.request(headers=headers, method="OPTIONS")
    expect_problem(answer, 401, "unauthenticated")
    assert answer.headers["Access-Control-Allow-Methods"] is None


def test_page_of_an_allowed_origin_may_read_answers_and_denials(gateway: Gateway, rows: CommittedRows) -> None:
    created = rows.key()
    for origin, allowed in ((CORS_ORIGIN, [CORS_ORIGIN]), ("https://evil.example", None)):
        for headers, status in ((created.headers, 200), ([], 401)):
            answer = gateway.request(headers=[*headers, ("Origin", origin)])
            assert answer.status == status
            assert answer.headers.get_all("Access-Control-Allow-Origin") == allowed
            assert ("RateLimit" in (answer.headers["Access-Control-Expose-Headers"] or "")) == bool(allowed)


def test_answers_say_when_the_key_expires(gateway: Gateway, rows: CommittedRows) -> None:
    expires = datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC)
    created, lasting = rows.key(expires_at=expires), rows.key()
    for headers, path, expected in (
        (created.headers, "/api/chats", ["2030-12-31T23:59:59Z"]),
        (created.headers, "/api/contacts", ["2030-12-31T23:59:59Z"]),
        (lasting.headers, "/api/chats", None),
        ([*lasting.headers, ("Keyadmin-Key-Expires", "2000-01-01T00:00:00Z")], "/api/chats", None),
        ([], "/api/chats", None),
    ):
        answer = gateway.request(path, headers)
        assert answer.headers.get_all("Keyadmin-Key-Expires") == expected, (path, answer.status)


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
