"""Credentials: headers that identify a key, and the denial of everything else."""

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from keyadmin.callpath.authorize import authorize
from keyadmin.callpath.rules import Call
from keyadmin.core import tokens
from keyadmin.core.denials import Denial, DenialReason
from keyadmin.integrations.django.middleware import KeyMiddleware
from tests.callpath.invalid_tokens import unknown_token, wrong_secret
from tests.fixtures.committed_rows import CommittedRows, CreatedKey
from tests.live.client import Response
from tests.live.servers import Server


@pytest.fixture
def key(rows: CommittedRows) -> CreatedKey:
    return rows.key()


def refused(answer: Response, status: int = 401) -> Response:
    """Checks that the answer is a complete problem response with this status, and returns it."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["status"] == status
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    challenge = 'Bearer realm="api", error="invalid_token"' if status == 401 else None
    assert answer.headers["WWW-Authenticate"] == challenge
    assert answer.headers["RateLimit"] is None
    return answer


def test_every_form_of_credential_is_accepted(server: Server, key: CreatedKey) -> None:
    value, identity, secret = key.token.value, str(key.token.key_id), key.token.secret
    for headers in (
        [("X-API-Key", value)],
        [("x-api-key", value)],
        [("Authorization", f"Bearer {value}")],
        [("Authorization", f"bearer {value}")],
        [("Authorization", f"BEARER  {value}")],
        [("X-API-Key-Id", identity), ("X-API-Key-Secret", secret)],
        [("X-API-Key", f"\t{value}\t ")],
        [("X-API-Key", value), ("Authorization", "")],
        [("X-API-Key", ""), ("Authorization", f"Bearer {value}")],
        [("X-API-Key", " \t"), ("X-API-Key-Id", identity), ("X-API-Key-Secret", secret), ("Authorization", "")],
        [("X-API-Key", value), ("X-API-Key-Id", ""), ("X-API-Key-Secret", "")],
        [("X-API-Key", value), ("On-Behalf-Of", ""), ("X-Channel", " ")],
        [("X-API-Key", value), ("Authorization", "Basic dXNlcjpwYXNz")],
    ):
        answer = server.request("/api/chats", headers)
        assert answer.status == 200, (headers[0][0], answer.body)
        assert answer.json["key"] == str(key.key.id)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["RateLimit-Policy"] == '"hour";q=1000;w=3600'
        assert answer.headers["RateLimit"] == f'"hour";r={answer.json["remaining"]}'


def test_whoami_needs_no_scope(server: Server, rows: CommittedRows) -> None:
    created = rows.key(scopes=())
    answer = server.request("/api/whoami", created.headers)
    assert (answer.status, answer.json["id"], answer.json["scopes"]) == (200, str(created.key.id), [])
    assert answer.headers["RateLimit-Policy"] == '"hour";q=1000;w=3600'
    assert answer.headers["RateLimit"] == '"hour";r=999'
    assert answer.headers["Cache-Control"] == "no-store"
    refused(server.request("/api/whoami", [("X-API-Key", unknown_token(created.token).value)]))


def test_compact_key_cannot_be_sent_as_a_pair(server: Server, rows: CommittedRows) -> None:
    compact = rows.key(rows.organisation(key_prefix="whm"), compact=True)
    answer = server.request("/api/chats", compact.headers)
    assert (answer.status, answer.json["key_id"]) == (200, None)
    prefix, digits = compact.token.value.split("_")
    assert len(digits) == 32
    refused(server.request("/api/chats", [("X-API-Key-Id", prefix), ("X-API-Key-Secret", digits)]))
    refused(server.request("/api/chats", [("X-API-Key", f"WHM_{digits}")]))
    refused(server.request("/api/chats", [("X-API-Key", f"whm_{digits.upper()}")]))


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "Basic dXNlcjpwYXNz")],
        [("Authorization", "")],
        [("Authorization", "Bearer ")],
        [("X-API-Key", "")],
        [("X-API-Key", " \t")],
        [("X-API-Key-Id", ""), ("X-API-Key-Secret", ""), ("X-API-Key", ""), ("Authorization", "")],
    ],
)
def test_challenge_without_a_credential_names_no_error(server: Server, headers: list[tuple[str, str]]) -> None:
    answer = server.request("/api/chats", headers)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"


def test_more_than_one_credential_is_denied_with_400(server: Server, key: CreatedKey) -> None:
    value, identity, secret = key.token.value, str(key.token.key_id), key.token.secret
    for headers in (
        [("X-API-Key", value), ("Authorization", f"Bearer {unknown_token(key.token).value}")],
        [("X-API-Key", value), ("Authorization", f"Bearer {value}")],
        [("X-API-Key", value), ("X-API-Key", value)],
        [("X-API-Key", value), ("x-api-key", "")],
        [("X-API-Key", f"{value},{value}")],
        [("Authorization", f"Bearer {value}"), ("Authorization", f"Bearer {value}")],
        [("X-API-Key", value), ("X-API-Key-Id", identity), ("X-API-Key-Secret", secret)],
        [("X-API-Key-Id", identity)],
        [("X-API-Key-Secret", secret)],
        [("X-API-Key-Id", identity), ("X-API-Key-Id", identity), ("X-API-Key-Secret", secret)],
        [("X-API-Key", value), ("X-API-Key-Secret", secret)],
        [("X-API-Key", value), ("On-Behalf-Of", "a@b.c"), ("On-Behalf-Of", "a@b.c")],
        [("X-API-Key-Id", identity), ("X-API-Key-Secret", "")],
        [("X-API-Key", value), ("X-Channel", "sms"), ("X-Channel", "sms")],
    ):
        refused(server.request("/api/chats", headers), 400)


def test_every_invalid_key_gets_the_same_response(server: Server, rows: CommittedRows, key: CreatedKey) -> None:
    """Unknown id, wrong secret, id and secret of different keys, and keys that have ended."""
    again = rows.key()
    swapped = f"{key.token.key_id}_{again.token.secret}"
    revoked, expired = rows.key(), rows.key()
    rows.execute("UPDATE key SET revoked_at = now() WHERE id = %s", revoked.key.id)
    rows.execute("UPDATE key SET expires_at = now() WHERE id = %s", expired.key.id)
    paused = rows.key(rows.organisation(is_active=False))
    answers = [
        refused(server.request("/api/chats", [("X-API-Key", value)])).without_id()
        for value in (
            unknown_token(key.token).value,
            wrong_secret(key.token).value,
            swapped,
            "nonsense",
            *(created.token.value for created in (revoked, expired, paused)),
        )
    ]
    pair = [("X-API-Key-Id", str(key.token.key_id)), ("X-API-Key-Secret", again.token.secret)]
    answers.append(refused(server.request("/api/chats", pair)).without_id())
    assert answers == answers[:1] * len(answers)


def test_every_unknown_key_runs_the_same_statement(rows: CommittedRows, statements: list[str]) -> None:
    key = rows.key()
    call = Call("GET", "/api/chats", None)
    for token in (unknown_token(key.token), wrong_secret(key.token)):
        assert authorize(token, call) == Denial(DenialReason.INVALID_CREDENTIAL)
    assert statements == statements[:1] * 2


def misshapen(value: str) -> list[str]:
    typo = value[:-1] + ("0" if value[-1] != "0" else "1")
    swapped = value[:30] + value[31] + value[30] + value[32:] if value[30] != value[31] else typo
    return [typo, swapped, value[:-1], value + "0", "x" * 8000, "kad_" + "0" * 7996, value.upper(), "kad_", "_", "é"]


def test_wrong_format_or_checksum_is_an_invalid_credential(
    server: Server, rows: CommittedRows, key: CreatedKey
) -> None:
    for wrong in misshapen(key.token.value):
        refused(server.request("/api/chats", [("X-API-Key", wrong)]))
    assert rows.meter(key).total == 0


def test_wrong_format_or_checksum_runs_no_statement(key: CreatedKey, statements: list[str]) -> None:
    door = KeyMiddleware(lambda request: HttpResponse())
    for wrong in misshapen(key.token.value):
        request = RequestFactory().get("/api/chats", headers={"X-API-Key": wrong})
        assert door(request).status_code == 401
    assert statements == []
    assert door(RequestFactory().get("/api/chats", headers={"X-API-Key": key.token.value})).status_code == 200
    assert statements != []


@pytest.mark.parametrize("value", [b"\xe9\xff", b"kad_\xe9\xff", b"\xc3\xa9", b"kad_0 0", b"a\tb"])
def test_arbitrary_bytes_are_denied(server: Server, value: bytes) -> None:
    for headers in ([("X-API-Key", value)], [("Authorization", b"Bearer " + value)]):
        refused(server.request("/api/chats", headers))
    refused(server.request("/api/chats", [("X-API-Key-Id", value), ("X-API-Key-Secret", value)]))


def test_bytes_that_are_invalid_in_a_header_are_rejected(server: Server, key: CreatedKey) -> None:
    value = key.token.value.encode()
    for headers in (
        [("X-API-Key", value + b"\x00")],
        [("X-API-Key", b"\r\n " + value)],
        [(b"X-API-Key ", value)],
        [(b"X-API-Key\xe9", value)],
    ):
        assert server.request("/api/chats", headers).status in (400, 401)


def test_key_with_a_space_in_it_is_denied(server: Server, key: CreatedKey) -> None:
    value = key.token.value
    refused(server.request("/api/chats", [("X-API-Key", f"{value[:20]} {value[20:]}")]))
    refused(server.request("/api/chats", [("Authorization", f"Bearer {value} {value}")]))


def test_header_name_with_underscores_is_ignored(server: Server, key: CreatedKey) -> None:
    for name in ("X_API_KEY", "X_API-Key", "x_api_key"):
        answer = server.request("/api/chats", [(name, key.token.value)])
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


def test_misplaced_key_is_not_logged(server: Server, key: CreatedKey) -> None:
    """The key is sent in the wrong places. The log lines exist."""
    value = key.token.value
    compact = tokens.mint("whm", tokens.KeyFormat.COMPACT).value
    server.request(f"/api/chats?api_key={value}")
    server.request(f"/api/chats?api_key={compact}&key={value}", key.headers)
    server.request(f"/api/chats/{value}", key.headers)
    server.request(
        "/api/chats", [("Authorization", f"Bearer {unknown_token(key.token).value}"), ("Referer", f"/?k={value}")]
    )
    answered = server.request("/api/chats", [("X-API-Key", value)])
    server.request("/api/chats", [("X-API-Key", value + "\x00")])
    log = server.log.read_text()
    assert answered.headers["X-Request-Id"] in log
    for hidden in (value, key.token.secret, compact, compact[4:]):
        assert hidden not in log


@pytest.mark.parametrize("separator", ["%20", "/", "%2F", "+"])
def test_key_that_is_split_in_a_path_is_not_logged(server: Server, key: CreatedKey, separator: str) -> None:
    identity, secret = str(key.token.key_id), key.token.secret
    for headers in (key.headers, []):
        server.request(f"/api/chats/{identity}_{secret[:20]}{separator}{secret[20:]}", headers)
        server.request(f"/elsewhere/{secret[:25]}{separator}{secret[25:]}", headers)
    log = server.log.read_text()
    assert "/api/chats" in log
    for hidden in (secret[:15], secret[25:40]):
        assert hidden not in log


def test_key_in_the_query_is_ignored(server: Server, key: CreatedKey) -> None:
    answer = server.request(f"/api/chats?api_key={key.token.value}")
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


def test_trace_is_denied_with_405(server: Server, key: CreatedKey) -> None:
    answer = server.request("/api/chats", [*key.headers, ("X-Probe", "sesame")], method="TRACE")
    assert (answer.status, answer.headers["Content-Type"]) == (405, "application/problem+json")
    assert answer.headers["Allow"] is not None
    assert b"sesame" not in answer.body
