"""Values of fields: valid ones by the name of the field, and hostile ones."""

import json
from datetime import date, timedelta
from random import Random
from typing import Any, Final
from urllib.parse import quote

from tests.factories import PASSWORD

#: Of valid dates: most are in the future.
FIRST_DAY: Final = date(2026, 12, 1)
LONG_WORD: Final = "WarehouseExportOfEveryContactAndConversationIntoTheRegionalArchiveOfNorthwindAndMore1"
UNKNOWN_ID: Final = "00000000-0000-4000-8000-000000000000"
#: The form of a whole key; it was never one.
PASTED_KEY: Final = "kad_a1b2c3d4_" + "Zx9Kq7Lm2Np4Rt6Vw8Yb1Cd3Ef5Gh7Jk9" * 2
HOSTILE_TEXTS: Final = (
    *("", " ", "  two  blanks  ", "\0", "a\0b", "\ud800", "a\udfffb", "\ufeff", "\u202eabc", "e\u0301", "ﬃ", "İ", "ß"),
    *("\r\nX-Injected: 1", "\x1b[31m", "\u2028", "\t", "<script>alert(1)</script>", '"><b>', "{{ 7 * 7 }}", "{% x %}"),
    *("' OR 1=1 --", "%s%n%(x)s", "{0}{x}", "../../etc/passwd", "..%2f", "%", "%zz", "%00", "\\", "a,b;c", "null"),
    *("-1", "0", "1", "9" * 19, "9223372036854775808", "2147483648", "-2147483649", "9" * 5000, "1e400", "NaN", "1_0"),
    *("٣", "²", "0x10", "1.5", "+1", "true", "on", "[]", "{}", "inf"),
    *(
        "9999-12-31",
        "10000-01-01",
        "0001-01-01",
        "0000-00-00",
        "2026-02-30",
        "9999-12-31T23:59:59-12:00",
        "99999999999",
    ),
    *("0001-01-01T00:00:00+14:00", "2026-12-31T23:59:60Z", "2026-12-31", "-0001-01-01", "1e12"),
    *("0.0.0.0/0", "::/0", "1.2.3.4/33", "203.0.113.24/24", "::ffff:1.2.3.4", "fe80::1%eth0", "1.2.3", "010.0.0.1"),
    *("10.0.0.0/8, 192.0.2.0/24", "10.0.0.0/8\n10.0.0.0/8", "192.0.2.1/" + "9" * 5000),
    *(UNKNOWN_ID, UNKNOWN_ID.replace("-", ""), f"{{{UNKNOWN_ID}}}", f"urn:uuid:{UNKNOWN_ID}", UNKNOWN_ID[:-1]),
    *("x@y", "a@b.c" * 60, "ä@exämple.com", "a@xn--", "a@[::1]", "a@" + "b." * 60 + "c", "A@EXAMPLE.COM "),
    *(LONG_WORD, "x" * 400, "x" * 2001, "x" * 70_000, "🔑" * 60, "word " * 200, PASTED_KEY),
)
HOSTILE_JSON: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1.5, 1e308, -0.0, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400),
    *([], {}, [[]], {"": ""}, [None], ["x"] * 2001, [1, "1"], {"\0": "\0"}, {"id": UNKNOWN_ID}),
)
#: Percent-encoded: not UTF-8, NUL, an encoded surrogate, a separator of query strings.
HOSTILE_ESCAPES: Final = ("%ff%fe", "%c0%af", "%ed%a0%80", "%00", "%", "%zz", "%26x=1", "+%2B", "%0d%0aX:1", "%u0041")
#: Bodies that are not the JSON of an object.
HOSTILE_BODIES: Final = (
    *(
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"\xff\xfe{}",
        b'{"name": "\xff"}',
        b'{"name": NaN}',
        b"{}{}",
        b"[" * 3000,
    ),
    *(b'{"name": "a", "name": "b"}', b'{"name": 1e999}', b'{"name": "\\ud800"}', b"\xef\xbb\xbf{}", b"name=x", b"\0"),
    *(b'{"name": ' + b"9" * 5000 + b"}", b'{"a": ' * 400 + b"1" + b"}" * 400, b'{"x": "' + b"y" * 1_048_576 + b'"}'),
)
CONTENT_TYPES: Final = (
    *("application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x", "text/plain", ""),
    *(
        "application/json",
        "application/json; charset=utf-16",
        "application/x-www-form-urlencoded; charset=utf-7",
        "\xff",
    ),
    *("application/x-www-form-urlencoded; charset=klingon", "application/xml", "x" * 300, "a/b; " + "x" * 6000),
    *(f"multipart/form-data; boundary=fuzz; charset={charset}" for charset in ("hex", "idna", "undefined", "utf-16")),
    *("a/b; charset*=utf-8''%00", "a/b; charset*=klingon''x", "a/b; charset=idna", "a/b; charset=hex"),
    *("a/b; x*99999999999=1; x*=2", "multipart/form-data; boundary*=utf-16''x", "a/b; charset*=undefined''zz", ";;="),
)
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")


def random_of(*names: object) -> Random:
    """Random numbers that are the same for the same names."""
    return Random("/".join(map(str, names)))  # noqa: S311 - no secret


def is_hit(random: Random, percent: float) -> bool:
    return random.random() * 100 < percent


def token(random: Random) -> str:
    """Letters that are new in each case."""
    return "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=12))


def name(random: Random) -> str:
    """A name that is valid: short, of several words, or long and without a blank."""
    start = token(random)
    return random.choice((start, f"{start} of Zoë & Søn", f"{start}{LONG_WORD}"[:58], f"{start} 会話 🔑", f"O’{start}"))


def text(random: Random) -> str:
    if is_hit(random, 5):
        return ""
    return random.choice(("Copies every chat.", "It copies every chat. " * 8, f"See {LONG_WORD}", "Línea nueva"))


def network(random: Random) -> str:
    first = f"{random.choice((10, 192, 203))}.{random.randrange(256)}"
    last = f"{random.randrange(256)}.{random.randrange(256)}"
    return random.choice(
        (f"{first}.0.0/16", f"{first}.{last}", f"{first}.{last}/32", f"2001:db8:{random.randrange(9999)}::/48")
    )


def day(random: Random) -> str:
    return (FIRST_DAY + timedelta(days=random.randrange(1200))).isoformat()


def instant(random: Random) -> str:
    return f"{day(random)}T{random.randrange(24):02}:00:00{random.choice(('Z', '+02:00', '-11:30'))}"


def number(random: Random, low: int = 1, high: int = 500) -> int:
    return random.randint(low, max(low, high))


def valid_text(random: Random, field: str) -> str:
    """A valid value of the text field with this name."""
    word = field.rpartition(".")[2].removeprefix("new_").removesuffix("_id")
    if word == "password":
        return random.choice((PASSWORD, f"{PASSWORD} {FIRST_DAY}"))
    if "email" in word or word in ("login", "on_behalf_of"):
        return f"{token(random)}@example.com"
    if word in ("network", "networks", "add"):
        return network(random)
    if word in ("since", "until", "expires_on") or word.endswith("_on"):
        return day(random)
    if word.endswith("_at"):
        return instant(random)
    if word.endswith(("_days", "_limit")) or word in ("days", "limit", "count", "number", "revision"):
        return str(number(random))
    fixed = {
        "current": PASSWORD,
        "slug": token(random),
        "address": "203.0.113.9",
        "path": "/api/chats",
        "pattern": f"/v1/{token(random)}/{{id}}",
        "method": "GET",
        "key_prefix": token(random)[:4],
        "scope": "chats:read",
        "time_zone": "Europe/Berlin",
        "idempotency_key": token(random),
        "q": random.choice(("a", "key", "Warehouse", "example.com", "203.0.113.9", token(random))),
    }
    if word in fixed:
        return fixed[word]
    return name(random) if word in ("name", "label", "resource", "caption", "title") else text(random)


def hostile_text(random: Random) -> str:
    return random.choice(HOSTILE_TEXTS)


def hostile_json(random: Random) -> Any:
    return random.choice(HOSTILE_JSON) if is_hit(random, 50) else hostile_text(random)


def encoded(value: str) -> str:
    """Percent-encoded for a query or a form; a lone surrogate becomes bytes that are not UTF-8."""
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


def query_string(random: Random, pairs: list[tuple[str, str]]) -> str:
    """The pairs percent-encoded; sometimes a value, a name or the whole is replaced by bytes that are not valid."""
    parts = [f"{encoded(field)}={encoded(value)}" for field, value in pairs]
    if parts and is_hit(random, 4):
        field = parts.pop(random.randrange(len(parts))).partition("=")[0]
        parts.append(f"{field}={random.choice(HOSTILE_ESCAPES)}")
    return "&".join(parts)


def json_body(value: Any) -> bytes:
    return json.dumps(value).encode()
