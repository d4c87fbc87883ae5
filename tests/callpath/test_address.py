"""Allow-lists, and the address that a call comes from."""

import pytest

from tests.fixtures.committed_rows import CommittedRows, CreatedKey
from tests.live.servers import Server


@pytest.fixture
def key(rows: CommittedRows) -> CreatedKey:
    """A key with the allow-list 10.0.0.0/8 and 2001:db8::/32."""
    return rows.key(networks=("10.0.0.0/8", "2001:db8::/32"))


def status(server: Server, created: CreatedKey, *forwarded: str | bytes) -> int:
    answer = server.request("/api/chats", [*created.headers, *(("X-Forwarded-For", value) for value in forwarded)])
    if answer.status == 403:
        assert answer.json["type"] == "urn:keyadmin:problem:address-not-allowed"
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["RateLimit-Policy"] == '"hour";q=1000;w=3600'
        assert answer.headers["WWW-Authenticate"] is None
    return answer.status


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["10.1.2.3"], 200),
        (["11.0.0.1"], 403),
        (["9.255.255.255"], 403),
        (["::ffff:10.1.2.3"], 200),
        (["::ffff:11.0.0.1"], 403),
        (["::10.1.2.3"], 403),
        (["10.1.2.3, 8.8.8.8"], 403),
        (["8.8.8.8, 10.1.2.3"], 200),
        (["8.8.8.8", "10.1.2.3"], 200),
        (["10.1.2.3", "8.8.8.8"], 403),
        (["10.1.2.3, 127.0.0.1"], 200),
        (["8.8.8.8, 127.0.0.1"], 403),
        (["::1%<script>"], 403),
        (["10.1.2.3%eth0"], 403),
        (["10.1.2.3, garbage"], 403),
        (["10.1.2.3,"], 403),
        (["10.1.2.3", ""], 403),
        (["", ""], 403),
        (["10.1.2.3:443"], 200),
        (["8.8.8.8:1, 10.1.2.3:65535"], 200),
        (["10.1.2.3:443", "8.8.8.8:443"], 403),
        (["10.1.2.3:65536"], 403),
        (["10.1.2.3:"], 403),
        (["10.1.2.3:http"], 403),
        (["[10.1.2.3]:443"], 403),
        (["[::ffff:10.1.2.3]:443"], 200),
        (["[2001:db8::7]:443"], 200),
        (["[2001:db8::7]"], 200),
        (["2001:db8::7"], 200),
        (["[2001:db8::7]x"], 403),
        (["[2001:db9::7]:443"], 403),
        (["010.1.2.3"], 403),
        (["10.1.2"], 403),
        (["167838211"], 403),
        ([b"10.1.2.3\xe9"], 403),
        (["unknown"], 403),
        ([""], 403),
        ([], 403),
    ],
)
def test_forwarded_address_of_a_trusted_proxy_is_the_clients(
    proxied: Server, key: CreatedKey, forwarded: list[str | bytes], expected: int
) -> None:
    assert status(proxied, key, *forwarded) == expected


def test_forwarded_address_of_an_untrusted_peer_is_ignored(
    server: Server, rows: CommittedRows, key: CreatedKey
) -> None:
    assert status(server, key, "10.1.2.3") == 403
    local = rows.key(networks=("127.0.0.1/32",))
    assert status(server, local, "10.1.2.3") == 200
    assert str(rows.meter(local).last_used_ip) == "127.0.0.1"


@pytest.mark.parametrize("name", ["X_Forwarded_For", "X-Real-IP", "Forwarded", "True-Client-IP", "X-Client-IP"])
def test_other_forwarding_headers_are_ignored(proxied: Server, key: CreatedKey, name: str) -> None:
    value = "for=10.1.2.3" if name == "Forwarded" else "10.1.2.3"
    for true in ("8.8.8.8", ""):
        headers = [*key.headers, ("X-Forwarded-For", true), (name, value)]
        assert proxied.request("/api/chats", headers).status == 403


def test_address_must_be_on_the_lists_of_key_and_bot(proxied: Server, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    bot = rows.bot(organisation)
    rows.network("10.1.0.0/16", bot=bot)
    rows.network("2001:db8::/32", bot=bot)
    created = rows.key(organisation, bot=bot, networks=("10.0.0.0/8", "192.0.2.0/24"))
    assert status(proxied, created, "10.1.2.3") == 200
    assert status(proxied, created, "10.2.2.3") == 403
    assert status(proxied, created, "192.0.2.1") == 403
    assert status(proxied, created, "2001:db8::1") == 403
    bots_alone = rows.key(organisation, bot=bot)
    assert status(proxied, bots_alone, "2001:db8::1") == 200
    assert status(proxied, bots_alone, "2001:db9::1") == 403
    assert status(proxied, rows.key(organisation), "203.0.113.9") == 200


def test_key_without_lists_is_allowed_from_any_address(proxied: Server, rows: CommittedRows) -> None:
    created = rows.key()
    assert status(proxied, created, "2001:DB8:0::1") == 200
    assert str(rows.meter(created).last_used_ip) == "2001:db8::1"
    assert status(proxied, created, "::1%<script>") == 200
    assert rows.meter(created).last_used_ip is None


def test_call_denied_by_address_changes_neither_quota_nor_last_use(
    proxied: Server, rows: CommittedRows, key: CreatedKey
) -> None:
    assert status(proxied, key, "10.1.2.3") == 200
    before = vars(rows.meter(key))
    for _ in range(5):
        assert status(proxied, key, "11.0.0.1") == 403
    after = vars(rows.meter(key))
    assert {name: after[name] for name in after if name != "_state"} == {
        name: before[name] for name in before if name != "_state"
    }


def test_unreadable_forwarded_address_is_logged_once_a_minute_and_process(proxied: Server, key: CreatedKey) -> None:
    for number in range(12):
        assert status(proxied, key, f"unreadable-{number}") == 403
    lines = [line for line in proxied.log.read_text().splitlines() if "X-Forwarded-For is not readable" in line]
    assert 1 <= len(lines) <= len(proxied.workers())
    assert "127.0.0.1" in lines[-1]


def test_invalid_forwarded_address_is_escaped_in_the_log(proxied: Server, key: CreatedKey) -> None:
    marked = [*key.headers, ("X-Request-Id", "address-log-0001")]
    raw_address = ("X-Forwarded-For", b"::1%<script>\x1b[31m\x85")
    assert proxied.request("/api/chats", [*marked, raw_address]).status in (400, 403)
    assert proxied.request("/api/chats", [*marked, ("X-Forwarded-For", "::1%<script>")]).status == 403
    log = proxied.log.read_bytes()
    assert b"address-log-0001" in log
    for raw in (b"<script>", b"\x1b", b"\x85"):
        assert raw not in log
