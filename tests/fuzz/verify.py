"""/verify, on its real server: requests as nginx, Caddy and others describe them, with every kind of key."""

from random import Random
from typing import Any, Final

from tests.factories import KeyFactory
from tests.fuzz import values
from tests.fuzz.results import Results
from tests.fuzz.world import World
from tests.live.client import Connection

PART: Final = "/verify"
_PATHS: Final = (
    *("/api/chats", "/api/chats/1", "/api/chats/1/messages", "/api/contacts", "/api/export", "/api/templates"),
    *(
        "/api/channels/sms/messages?x=1",
        "/api/chats?q=%C3%A4",
        "/api//chats",
        "/api/./chats",
        "/api/%2e%2e/x",
        "/api/%3f",
    ),
    *(
        "/api/chats%00",
        "/api/chats%ff",
        "/%",
        "",
        "*",
        "/api/\xff",
        "/" + "x" * 6000,
        "http://x/api/chats",
        "/api/chats#x",
    ),
)
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "get", "BREW", "", "G ET", "\xff")
#: Role → fields of its key.
ROLES: Final[dict[str, dict[str, Any]]] = {
    "bot key": {"of_bot": True},
    "standard key": {},
    "compact key": {"format": "compact"},
    "master key": {"master": True},
    "public key": {"public": True},
    "old secret": {"in_grace": True},
    "restricted key": {"networks": ["203.0.113.0/24"]},
    "revoked key": {"revoked": True},
    "key without permission": {"scopes": []},
}
STYLES: Final = ("nginx", "Caddy", "both")


class VerifyRun:
    """Sends `count` requests in each style of a gateway with each kind of key."""

    def __init__(self, world: World, port: int, results: Results, *, count: int) -> None:
        self._port, self._results, self._count = port, results, count
        self._connection: Connection | None = None
        self._tokens: dict[str, str] = {}
        organisation = world.objects.of("organisation", "", world.home, values.random_of("verify"))
        for role, given in ROLES.items():
            fields = {"scopes": ("chats:read", "chats:write"), "tier": world.tier, "organisation": organisation} | given
            if fields.pop("of_bot", False):
                fields["bot"] = world.objects.of("bot", "", organisation, values.random_of("verify"))
            key = KeyFactory.create(**fields)
            self._tokens[role] = key.old_token if role == "old secret" else key.token

    def run(self) -> None:
        for role in ROLES:
            for style in STYLES:
                for number in range(self._count):
                    self._ask(role, style, number)
        if self._connection is not None:
            self._connection.close()

    def _ask(self, role: str, style: str, number: int) -> None:
        random = values.random_of(self._results.seed, PART, role, style, number)
        is_valid = not values.is_hit(random, 5)
        credential = _credential(self._tokens[role], random) if is_valid else _bad_credential(random)
        headers = [*_description(style, random), *credential, *_more(random)]
        random.shuffle(headers)
        method = random.choice(("GET", "GET", "POST", "HEAD")) if values.is_hit(random, 20) else "GET"
        status = self._status(headers, method)
        is_past = is_valid and status not in (0, 400, 401, 431) and role != "revoked key"
        self._results.count(PART, f"{method} /verify ({style})", role, status, is_valid=is_valid, is_past=is_past)
        if status >= 500 or status == 0:
            shown = [(name, value[:200]) for name, value in headers if (name, value) not in credential]
            self._results.fail(part=PART, operation=style, role=role, case=number, status=status, request=str(shown))

    def _status(self, headers: list[tuple[str, str]], method: str) -> int:
        for _attempt in range(2):  # granian may have closed the connection after the previous answer
            try:
                self._connection = self._connection or Connection(self._port)
                answer = self._connection.request("/verify", [(n, v.encode("utf-8")) for n, v in headers], method)
            except OSError:
                self._connection = None
                continue
            if answer.headers.get("Connection", "").lower() == "close":
                self._connection.close()
                self._connection = None
            return answer.status
        return 0


def _credential(token: str, random: Random) -> list[tuple[str, str]]:
    key_id, _separator, secret = token.rpartition("_")
    ways = [[("X-API-Key", token)], [("Authorization", f"Bearer {token}")], [("authorization", f"bearer  {token} ")]]
    if key_id.count("_") == 1:
        ways.append([("X-API-Key-Id", key_id), ("X-API-Key-Secret", secret)])
    return random.choice(ways)


def _bad_credential(random: Random) -> list[tuple[str, str]]:
    text = _line(values.hostile_text(random))
    return random.choice(
        ([], [("X-API-Key", text)], [("Authorization", f"Bearer {text}")], [("X-API-Key", values.PASTED_KEY)])
    )


def _description(style: str, random: Random) -> list[tuple[str, str]]:
    is_plain = values.is_hit(random, 80)
    method, path = ("GET", "/api/chats") if is_plain else (random.choice(_METHODS), random.choice(_PATHS))
    nginx = [("X-Original-Method", method), ("X-Original-URI", path)]
    caddy = [("X-Forwarded-Method", method), ("X-Forwarded-Uri", path)]
    headers = {"nginx": nginx, "Caddy": caddy, "both": nginx + caddy}[style]
    if values.is_hit(random, 80):
        headers.append(
            (
                "X-Forwarded-For",
                random.choice(("203.0.113.9", "203.0.113.9", "203.0.113.9, 10.0.0.1", "[2001:db8::1]:80")),
            )
        )
    if headers and values.is_hit(random, 5):
        headers.append(random.choice(headers))
    if headers and values.is_hit(random, 5):
        name = random.choice(headers)[0]
        headers = [*headers[random.randint(0, 2) :], (name, _line(values.hostile_text(random)))]
    return headers


def _more(random: Random) -> list[tuple[str, str]]:
    if values.is_hit(random, 70):
        return []
    names = (
        "X-Request-Id",
        "X-Channel",
        "On-Behalf-Of",
        "X-Forwarded-Proto",
        "X-Keyadmin-Scopes",
        "X-Forwarded-X",
        "Cookie",
    )
    return [(random.choice(names), random.choice(("sms", "https", _line(values.hostile_text(random))[:3000])))]


def _line(text: str) -> str:
    """The text without what would end a header, or cannot be in one."""
    return text.encode("utf-8", "replace").decode().translate(dict.fromkeys((0, 10, 13)))[:4000]
