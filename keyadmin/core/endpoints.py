"""The routes of keyadmin's own API, and the scopes that allow calls of them.

The routes that administrators add to permissions must not overlap these.
"""

from typing import Final

from keyadmin.core import routes
from keyadmin.core.routes import Route

#: Routes for keys. The scope "" means that every key may call the route.
KEY_ROUTES: Final = (
    Route("GET", "/api/whoami", ""),
    Route("POST", "/api/verify", "keys:verify"),
    Route("POST", "/api/explain", "keys:read"),
    Route("GET", "/api/api-keys", "keys:read"),
    Route("POST", "/api/api-keys", "keys:write"),
    Route("DELETE", "/api/api-keys/{id}", "keys:write"),
    Route("GET", "/api/keys", "keys:read"),
    Route("POST", "/api/keys", "keys:write"),
    Route("GET", "/api/keys/{id}", "keys:read"),
    Route("PATCH", "/api/keys/{id}", "keys:write"),
    Route("DELETE", "/api/keys/{id}", "keys:write"),
    Route("POST", "/api/keys/{id}/regenerate", "keys:write"),
    Route("POST", "/api/keys/{id}/end-grace", "keys:write"),
    Route("POST", "/api/keys/{id}/revoke", "keys:write"),
    Route("POST", "/api/keys/{id}/reactivate", "keys:write"),
    Route("GET", "/api/keys/{id}/usage", "keys:read"),
    Route("GET", "/api/keys/{id}/history", "history:read"),
    Route("GET", "/api/history", "history:read"),
    Route("GET", "/api/history/export", "history:read"),
    Route("GET", "/api/history/{number}", "history:read"),
    Route("GET", "/api/organisations", "keys:read"),
    Route("GET", "/api/organisations/{id}", "keys:read"),
    Route("GET", "/api/bots", "keys:read"),
    Route("GET", "/api/bots/{id}", "keys:read"),
    Route("GET", "/api/channels", "keys:read"),
    Route("GET", "/api/channels/{id}", "keys:read"),
    Route("GET", "/api/allow-list-entries", "keys:read"),
    Route("POST", "/api/allow-list-entries", "keys:write"),
    Route("GET", "/api/allow-list-entries/{id}", "keys:read"),
    Route("PATCH", "/api/allow-list-entries/{id}", "keys:write"),
    Route("DELETE", "/api/allow-list-entries/{id}", "keys:write"),
)


def _for_people(*calls: str) -> tuple[Route, ...]:
    """Routes from texts such as "GET /api/tiers". Keys may not call them, whatever their scopes."""
    return tuple(Route(method, pattern, "") for method, _, pattern in (call.partition(" ") for call in calls))


#: Routes for people, who call them with an access token or, where the endpoint allows it, without a credential.
PERSON_ROUTES: Final = _for_people(
    "GET /api/openapi.json",
    "GET /api/docs",
    "POST /api/token",
    "POST /api/token/refresh",
    "POST /api/token/revoke",
    "POST /api/organisations",
    "PATCH /api/organisations/{id}",
    "POST /api/organisations/{id}/disable",
    "POST /api/organisations/{id}/enable",
    "POST /api/bots",
    "PATCH /api/bots/{id}",
    "POST /api/bots/{id}/disable",
    "POST /api/bots/{id}/enable",
    "POST /api/channels",
    "PATCH /api/channels/{id}",
    "DELETE /api/channels/{id}",
    "GET /api/tiers",
    "POST /api/tiers",
    "GET /api/tiers/{id}",
    "PATCH /api/tiers/{id}",
    "DELETE /api/tiers/{id}",
    "GET /api/scopes",
    "POST /api/scopes",
    "GET /api/scopes/{name}",
    "PATCH /api/scopes/{name}",
    "DELETE /api/scopes/{name}",
    "GET /api/people",
    "POST /api/people",
    "GET /api/people/{id}",
    "PATCH /api/people/{id}",
    "POST /api/people/{id}/link",
    "GET /api/people/{id}/links",
    "DELETE /api/people/{id}/links/{link}",
    "POST /api/people/{id}/verify-email",
    "POST /api/people/{id}/deactivate",
    "POST /api/people/{id}/reactivate",
    "PUT /api/people/{id}/system-role",
    "PUT /api/people/{id}/roles/{organisation}",
    "DELETE /api/people/{id}/roles/{organisation}",
    "GET /api/invitations",
    "GET /api/invitations/own",
    "GET /api/invitations/{id}",
    "DELETE /api/invitations/{id}",
    "POST /api/invitations/{id}/link",
    "POST /api/invitations/{id}/accept",
    "POST /api/invitations/{id}/decline",
)

#: Every route of keyadmin's API.
OWN_ROUTES: Final = KEY_ROUTES + PERSON_ROUTES

KEY_ROUTE_TABLE: Final = routes.compile_table(KEY_ROUTES)
PERSON_ROUTE_TABLE: Final = routes.compile_table(PERSON_ROUTES)
