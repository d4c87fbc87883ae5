"""A call of every operation, with the status that each kind of caller gets."""

import re
from typing import Any, Final
from uuid import uuid4

from tests.api.calling import call
from tests.api.world import World

#: Statuses in the order of CALLERS: administrator, system auditor, owner, auditor, member; then keys with keys:read,
#: keys:write and history:read, a key that inherits from the owner, and one without these scopes; then no credential.
READ: Final = "200 200 200 200 404  200 403 403 200 403  401"
LIST: Final = "200 200 200 200 200  200 403 403 200 403  401"
HISTORY: Final = "200 200 200 200 404  403 403 200 200 403  401"
KEYS_WRITTEN: Final = "200 403 200 403 404  403 200 403 200 403  401"
#: Only for owners of the organisation; for no key.
OWNED: Final = "200 403 200 403 404  403 403 403 403 403  401"
CATALOGUE_READ: Final = "200 200 404 404 404  403 403 403 403 403  401"
CATALOGUE: Final = "200 403 404 404 404  403 403 403 403 403  401"
SYSTEM: Final = "200 403 403 403 403  403 403 403 403 403  401"
ALWAYS: Final = "200 200 200 200 200  200 200 200 200 200  200"

PERSON = {"email": "{new}@example.com", "name": "x", "organisation": "{home}", "role": "member"}
KEY = {"name": "CI", "scopes": ["keys:read"]}
SCOPE = {"resource": "x", "label": "x", "explanation": "x", "ability": "x"}
#: (method, address, body, statuses); 200 stands for 201 and 204 too. `{home}` is the caller's organisation's slug.
CALLS: Final[list[tuple[str, str, Any, str]]] = [
    ("GET", "/api/whoami", None, "200 200 200 200 200  200 200 200 200 200  401"),
    ("POST", "/api/verify", {"method": "GET", "path": "/api/chats"}, "403 403 403 403 403  403 403 403 200 403  401"),
    ("POST", "/api/explain", {"key": "{key}", "method": "GET", "path": "/api/chats"}, READ),
    ("POST", "/api/token", {"email": "x"}, "422 422 422 422 422  422 422 422 422 422  422"),
    ("POST", "/api/token/refresh", {"refresh_token": "x"}, "401 401 401 401 401  401 401 401 401 401  401"),
    ("POST", "/api/token/revoke", {"refresh_token": "x"}, ALWAYS),
    ("GET", "/api/openapi.json", None, ALWAYS),
    ("GET", "/api/docs", None, ALWAYS),
    ("GET", "/api/api-keys?organisation={home}", None, READ),
    ("POST", "/api/api-keys?organisation={home}", {"name": "x"}, "200 403 200 403 404  403 200 403 200 403  401"),
    ("DELETE", "/api/api-keys/{key}", None, KEYS_WRITTEN),
    ("GET", "/api/keys", None, LIST),
    ("POST", "/api/keys", KEY | {"organisation": "{home}"}, "200 403 200 403 404  403 403 403 200 403  401"),
    ("GET", "/api/keys/{key}", None, READ),
    ("PATCH", "/api/keys/{key}", {"name": "new"}, KEYS_WRITTEN),
    ("DELETE", "/api/keys/{key}", None, KEYS_WRITTEN),
    ("POST", "/api/keys/{key}/regenerate", None, "200 403 200 403 404  403 403 403 200 403  401"),
    ("POST", "/api/keys/{key}/end-grace", None, KEYS_WRITTEN),
    ("POST", "/api/keys/{key}/revoke", None, KEYS_WRITTEN),
    ("POST", "/api/keys/{revoked}/reactivate", None, "200 403 200 403 404  403 403 403 200 403  401"),
    ("GET", "/api/keys/{key}/usage", None, READ),
    ("GET", "/api/keys/{eventful}/history", None, HISTORY),
    ("GET", "/api/history", None, "200 200 200 200 200  403 403 200 200 403  401"),
    ("GET", "/api/history/export?format=csv", None, "200 200 200 200 200  403 403 200 200 403  401"),
    ("GET", "/api/history/{event}", None, HISTORY),
    ("GET", "/api/allow-list-entries", None, LIST),
    ("POST", "/api/allow-list-entries", {"key": "{key}", "network": "203.0.113.0/24"}, KEYS_WRITTEN),
    ("GET", "/api/allow-list-entries/{entry}", None, READ),
    ("PATCH", "/api/allow-list-entries/{entry}", {"network": "10.1.0.0/16"}, KEYS_WRITTEN),
    ("DELETE", "/api/allow-list-entries/{entry}?allow_any=true", None, KEYS_WRITTEN),
    ("GET", "/api/bots", None, LIST),
    ("POST", "/api/bots", {"name": "Bot {new}", "organisation": "{home}"}, OWNED),
    ("GET", "/api/bots/{bot}", None, READ),
    ("PATCH", "/api/bots/{bot}", {"description": "new"}, OWNED),
    ("POST", "/api/bots/{bot}/disable", None, OWNED),
    ("POST", "/api/bots/{idle_bot}/enable", None, OWNED),
    ("GET", "/api/channels", None, LIST),
    ("POST", "/api/channels", {"name": "Channel {new}", "organisation": "{home}"}, OWNED),
    ("GET", "/api/channels/{channel}", None, READ),
    ("PATCH", "/api/channels/{channel}", {"name": "Channel {new}"}, OWNED),
    ("DELETE", "/api/channels/{channel}", None, OWNED),
    ("GET", "/api/organisations", None, LIST),
    ("POST", "/api/organisations", {"name": "x", "slug": "x-{new}"}, SYSTEM),
    ("GET", "/api/organisations/{own}", None, READ),
    ("PATCH", "/api/organisations/{own}", {"name": "Home {new}"}, OWNED),
    ("POST", "/api/organisations/{own}/disable", {}, "200 403 403 403 404  403 403 403 403 403  401"),
    ("POST", "/api/organisations/{disabled}/enable", {}, "200 403 403 403 404  401 401 401 401 401  401"),
    ("GET", "/api/people", None, "200 200 200 200 200  403 403 403 403 403  401"),
    ("POST", "/api/people", PERSON, OWNED),
    ("GET", "/api/people/{person}", None, "200 200 200 200 404  403 403 403 403 403  401"),
    ("PATCH", "/api/people/{person}", {"name": "new"}, OWNED),
    ("POST", "/api/people/{person}/link", None, OWNED),
    ("GET", "/api/people/{person}/links", None, OWNED),
    ("DELETE", "/api/people/{person}/links/{link}", None, "404 403 404 403 404  403 403 403 403 403  401"),
    ("POST", "/api/people/{newcomer}/verify-email", None, "200 403 403 403 404  403 403 403 403 403  401"),
    ("POST", "/api/people/{person}/deactivate", None, OWNED),
    ("POST", "/api/people/{leaver}/reactivate", None, OWNED),
    (
        "PUT",
        "/api/people/{person}/system-role",
        {"system_role": "auditor"},
        "200 403 403 403 404  403 403 403 403 403  401",
    ),
    ("PUT", "/api/people/{person}/roles/{own}", {"role": "auditor"}, OWNED),
    ("DELETE", "/api/people/{person}/roles/{own}", None, OWNED),
    ("GET", "/api/invitations", None, "200 200 200 200 200  403 403 403 403 403  401"),
    ("GET", "/api/invitations/own", None, "200 200 200 200 200  403 403 403 403 403  401"),
    ("GET", "/api/invitations/{invitation}", None, "200 200 200 200 404  403 403 403 403 403  401"),
    ("POST", "/api/invitations/{invitation}/link", None, OWNED),
    ("DELETE", "/api/invitations/{invitation}", None, OWNED),
    ("POST", "/api/invitations/{invitation}/accept", None, "404 404 404 404 404  403 403 403 403 403  401"),
    ("POST", "/api/invitations/{invitation}/decline", None, "404 404 404 404 404  403 403 403 403 403  401"),
    ("GET", "/api/tiers", None, CATALOGUE_READ),
    ("POST", "/api/tiers", {"name": "Tier {new}", "hourly_limit": 5}, CATALOGUE),
    ("GET", "/api/tiers/{tier}", None, CATALOGUE_READ),
    ("PATCH", "/api/tiers/{tier}", {"hourly_limit": 7}, CATALOGUE),
    ("DELETE", "/api/tiers/{tier}", None, CATALOGUE),
    ("GET", "/api/scopes", None, CATALOGUE_READ),
    ("POST", "/api/scopes", SCOPE | {"name": "x:{letters}"}, CATALOGUE),
    ("GET", "/api/scopes/{scope}", None, CATALOGUE_READ),
    ("PATCH", "/api/scopes/{scope}", {"label": "new"}, CATALOGUE),
    ("DELETE", "/api/scopes/{scope}", None, CATALOGUE),
]


def call_as(world: World, caller: str, method: str, address: str, body: Any) -> Any:
    return call(method, address, body, world.headers[caller])


def filled(world: World, text: str) -> str:
    """Replace each name in braces by a new object of the home organisation."""
    letters = "".join(chr(ord("a") + int(digit, 16)) for digit in uuid4().hex[:16])
    known = {"home": world.home.slug, "new": uuid4().hex, "letters": letters}

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        if name in ("own", "disabled"):
            world.home.refresh_from_db()
            if world.home.is_active == (name == "disabled"):
                path = f"/api/organisations/{world.home.id}/{'disable' if name == 'disabled' else 'enable'}"
                assert call_as(world, "administrator", "POST", path, {}).status_code == 200
            return str(world.home.id)
        if name in ("eventful", "event"):
            key = world.target["key"](world.home)
            assert call_as(world, "administrator", "PATCH", f"/api/keys/{key}", {"name": "seen"}).status_code == 200
            return key if name == "eventful" else world.event()
        return known.get(name) or world.target[name](world.home)

    return re.sub(r"\{([a-z_]+)\}", fill, text)
