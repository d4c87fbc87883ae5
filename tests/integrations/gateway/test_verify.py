"""Requests to `/verify` with several workers."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from keyadmin import __version__
from tests.fixtures.committed_rows import CommittedRows
from tests.integrations.gateway.servers import Gateway, Verify, verify
from tests.live.client import Connection, Headers, Response


def told(answer: Response) -> str:
    return str(answer.json["type"]).removeprefix("urn:keyadmin:problem:")


def by_nginx(method: str = "GET", uri: str = "/api/chats") -> Headers:
    return [("X-Original-Method", method), ("X-Original-URI", uri)]


def by_caddy(method: str = "GET", uri: str = "/api/chats") -> Headers:
    return [("X-Forwarded-Method", method), ("X-Forwarded-Uri", uri)]


def test_allowed_request_is_204_with_the_caller(verify: Verify, rows: CommittedRows) -> None:
    created = rows.key()
    answer = verify.request(created.headers)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["X-Keyadmin-Key-Id"] == created.key.key_id
    assert answer.headers["X-Keyadmin-Bot"] is None
    assert answer.headers["RateLimit"] == '"hour";r=999'
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])
    meter = rows.meter(created)
    assert (meter.used, meter.last_used_ip) == (1, "203.0.113.9")


@pytest.mark.parametrize("question", ["GET", "POST", "HEAD", "PUT", "TRACE"])
def test_method_and_query_of_the_subrequest_are_ignored(verify: Verify, rows: CommittedRows, question: str) -> None:
    created = rows.key()
    assert verify.raw([*by_nginx(), *created.headers], "/verify?uri=/api/export", question).status == 204
    assert verify.raw([*by_nginx("POST"), *created.headers], "/verify", question).status == 403


def test_headers_of_nginx_and_caddy_are_understood(verify: Verify, rows: CommittedRows) -> None:
    created = rows.key()
    nginx, caddy = by_nginx(uri="/api/chats?a=1,2"), by_caddy(uri="/api/chats?a=1,2")
    for headers in (nginx, caddy, [*nginx, *caddy]):
        assert verify.raw([*headers, *created.headers]).status == 204


@pytest.mark.parametrize(
    "said",
    [
        [],
        [("X-Original-Method", "GET")],
        [("X-Original-URI", "/api/chats")],
        [("X-Original-Method", "GET"), ("X-Forwarded-Uri", "/api/chats")],
        [("X-Original_Method", "GET"), ("X-Original_URI", "/api/chats")],
        [*by_nginx(), *by_caddy("POST")],
        [*by_nginx(), *by_caddy(uri="/api/contacts")],
        [*by_nginx(), ("X-Forwarded-Method", "GET")],
        [*by_nginx(), ("X-Original-Method", "GET")],
        [*by_nginx(), ("X-Original-URI", "/api/chats")],
        by_nginx(method=""),
        by_nginx(method="get"),
        by_nginx(method="GET GET"),
        by_nginx(uri=""),
        by_nginx(uri="api/chats"),
        by_nginx(uri="http://localhost/api/chats"),
        by_nginx(uri="/api/chats#x"),
        by_nginx(uri="/api/../api/chats"),
        by_nginx(uri="/api//chats"),
        by_nginx(uri="/api/chats%2f"),
        by_nginx(uri="/api/chats;a"),
        by_nginx(uri="/api/chats%3fa"),
        by_nginx(uri="/api/chats%23"),
        [("X-Original-Method", "GET"), ("X-Original-URI", b"/api/chats/\xff")],
        [("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", b"/api/chats/\xc3")],
        [*by_nginx(), ("X-Keyadmin-Key-Id", "mallory")],
        [*by_nginx(), ("X-Keyadmin-Anything", "mallory")],
        [*by_nginx(), ("X-Channel", "a"), ("X-Channel", "a")],
        [*by_nginx(), ("X-Channel", "a, b")],
        [*by_nginx(), ("On-Behalf-Of", "a@example.com"), ("On-Behalf-Of", "a@example.com")],
    ],
)
def test_ambiguous_forwarded_request_is_denied(verify: Verify, rows: CommittedRows, said: Headers) -> None:
    created = rows.key()
    answer = verify.raw([*said, *created.headers])
    assert (answer.status, told(answer)) == (400, "ambiguous-request")
    assert rows.meter(created).used == 0


def test_credentials_are_decided_as_everywhere(verify: Verify, rows: CommittedRows) -> None:
    created = rows.key()
    key, (identity, secret) = created.token.value, created.token.value.rsplit("_", 1)
    cases: list[tuple[int, Headers]] = [
        (204, [("authorization", f"bearer {key}")]),
        (204, [("X-API-Key", f"\t{key}\t")]),
        (204, [("X-API-Key-Id", identity), ("X-API-Key-Secret", secret)]),
        (204, [("X-API-Key", key), ("X_API_Key", "another")]),
        (401, [("X_API_Key", key)]),
        (401, [("X-API_Key", key)]),
        (401, []),
        (401, [("Authorization", "Basic QTpC")]),
        (401, [("X-API-Key", "x" * 8000)]),
        (401, [("X-API-Key", key.upper())]),
        (400, [("X-API-Key", key), ("X-API-Key", key)]),
        (400, [("X-API-Key", f"{key}, {key}")]),
        (400, [("X-API-Key", key), ("Authorization", f"Bearer {key}")]),
        (400, [("X-API-Key-Id", identity)]),
        (204, [("X-API-Key", key), ("Authorization", "")]),
        (204, [("X-API-Key", ""), ("Authorization", f"Bearer {key}")]),
        (204, [("X-API-Key", key), ("On-Behalf-Of", ""), ("X-Channel", " ")]),
        (401, [("X-API-Key", ""), ("Authorization", " ")]),
        (400, [("X-API-Key", key), ("X-API-Key", "")]),
    ]
    for status, headers in cases:
        answer = verify.request(headers)
        assert answer.status == status, headers
        if status == 401:
            assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="api"')
    assert verify.request([("X-API-Key", b"\xe9\xff")]).status in (400, 401)


def test_denial_for_nginx_repeats_the_body_in_a_header(verify: Verify, rows: CommittedRows) -> None:
    answer = verify.request()
    assert json.loads(answer.headers["X-Keyadmin-Problem"]) == answer.json
    assert verify.raw(by_caddy()).headers["X-Keyadmin-Problem"] is None


def test_trace_is_denied(verify: Verify, rows: CommittedRows) -> None:
    answer = verify.request(rows.key().headers, method="TRACE")
    assert (answer.status, answer.headers["Allow"] is not None) == (405, True)


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["10.1.2.3"], 204),
        (["11.1.2.3"], 403),
        (["8.8.8.8, 10.1.2.3"], 204),
        (["10.1.2.3, 8.8.8.8"], 403),
        (["10.1.2.3", "8.8.8.8"], 403),
        (["::ffff:10.1.2.3"], 204),
        (["unknown"], 403),
        (["10.1.2.3:5678"], 204),
        (["8.8.8.8:5678"], 403),
        (["[::ffff:10.1.2.3]:5678"], 204),
        (["10.1.2.3", ""], 403),
        ([], 403),
    ],
)
def test_client_address_is_the_forwarded_one(
    verify: Verify, rows: CommittedRows, forwarded: list[str], expected: int
) -> None:
    created = rows.key(networks=("10.0.0.0/8",))
    said = [("X-Forwarded-For", value) for value in forwarded]
    assert verify.raw([*by_nginx(), *said, *created.headers]).status == expected
    assert verify.raw([*by_nginx(), *said, ("X_Forwarded_For", "10.1.2.3"), *created.headers]).status == expected


def test_credential_over_plain_http_is_denied_by_the_scheme_that_the_gateway_reports(
    database_url: str, rows: CommittedRows, tmp_path: Any
) -> None:
    created = rows.key()
    settings = {"DJANGO_SETTINGS_MODULE": "tests.example.https_settings"}
    with verify(tmp_path, database_url, **settings) as strict:
        for scheme in ("http", "HTTP", "ws", "https, http"):
            answer = strict.request([*created.headers, ("X-Forwarded-Proto", scheme)])
            assert (answer.status, told(answer)) == (403, "https-required"), scheme
            assert "regenerate" in answer.json["detail"]
            assert strict.request([("X-Forwarded-Proto", scheme)]).status == 401
        assert rows.meter(created).used == 0
        for scheme in ("https", "wss", "HTTPS"):
            assert strict.request([*created.headers, ("X-Forwarded-Proto", scheme)]).status == 204
        assert strict.request(created.headers).status == 204


def test_peer_that_is_no_gateway_is_denied(database_url: str, rows: CommittedRows, tmp_path: Any) -> None:
    created = rows.key()
    with verify(tmp_path, database_url, KEYADMIN_TRUSTED_PROXIES="10.0.0.1") as untrusted:
        answer = untrusted.request([*created.headers, ("X-Request-Id", "from-a-stranger")])
        assert (answer.status, told(answer)) == (403, "not-a-gateway")
        assert answer.headers["X-Request-Id"] != "from-a-stranger"
        assert untrusted.raw([], "/healthz").status == 200
        assert "KEYADMIN_TRUSTED_PROXIES" in untrusted.server.log.read_text()
    assert rows.meter(created).used == 0


def test_every_decision_is_logged_without_its_secret(verify: Verify, rows: CommittedRows) -> None:
    created = rows.key()
    verify.request([*created.headers, ("X-Request-Id", "allowed-request-1")], uri="/api/chats?api_key=not-for-logs")
    verify.request([*created.headers, ("X-Request-Id", "refused-request-1")], method="POST")
    verify.raw([*created.headers, ("X-Request-Id", "unclear-request-1")])
    lines = {
        line.partition("request_id=")[2].split()[0]: line
        for line in verify.server.log.read_text().splitlines()
        if "request_id=" in line
    }
    assert "allowed" in lines["allowed-request-1"]
    assert f"key={created.key.id}" in lines["allowed-request-1"]
    assert all(
        word in lines["refused-request-1"]
        for word in ("denied", "scope", str(created.key.id), "status=403", "address=")
    )
    assert "the gateway sent no method and URI" in lines["unclear-request-1"]
    text = verify.server.log.read_text()
    assert created.token.value not in text
    assert "not-for-logs" not in text


def test_request_id_of_the_gateway_is_kept(verify: Verify, rows: CommittedRows) -> None:
    created = rows.key()
    for given_id, kept in (("0123456789abcdef", True), ("short", False), ("<script>alert(1)", False)):
        answered = verify.request([*created.headers, ("X-Request-Id", given_id)]).headers["X-Request-Id"]
        assert (answered == given_id) == kept


def test_other_paths_are_404(verify: Verify) -> None:
    for path in ("/", "/verify/", "/verify/x", "/api/whoami"):
        answer = verify.raw(by_nginx(), path)
        assert (answer.status, told(answer)) == (404, "not-found")


def test_concurrent_calls_are_answered_and_counted_exactly(verify: Verify, rows: CommittedRows) -> None:
    """More callers than threads, with one key and with many."""
    busy, others = rows.key(limit=200), [rows.key() for _ in range(4)]

    def calls(number: int) -> Counter[int]:
        created = busy if number % 2 else others[number % 8 // 2]
        with Connection(verify.server.port) as connection:
            return Counter(connection.request("/verify", [*by_nginx(), *created.headers]).status for _ in range(40))

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(calls, range(16)))
    assert sum(statuses[1::2], Counter()) == {204: 200, 429: 120}
    assert sum(statuses[::2], Counter()) == {204: 320}
    assert rows.meter(busy).used == 200
    assert [rows.meter(other).used for other in others] == [80] * 4


def test_health_needs_no_credential(verify: Verify, gateways: dict[str, Gateway]) -> None:
    assert verify.raw([], "/healthz").json == {"status": "ok", "version": __version__}
    readiness = verify.raw([], "/readyz").json
    assert (readiness["status"], list(readiness)) == ("ok", ["status", "worker"])  # no worker runs in this test
    for path in ("/healthz", "/readyz"):
        answer = verify.raw([], path)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert gateways["nginx"].request(path).status == 401  # a path of the API's, as any other
