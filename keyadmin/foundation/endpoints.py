"""keyadmin's own endpoints and the scopes that open them: declared here, never in the catalogue."""

from keyadmin.foundation import routes

#: A scope of "" is any key's.
ROUTES = (
    routes.Route("GET", "/api/whoami", ""),
    routes.Route("POST", "/api/verify", "keys:verify"),
    routes.Route("GET", "/api/api-keys", "keys:read"),
    routes.Route("POST", "/api/api-keys", "keys:write"),
    routes.Route("DELETE", "/api/api-keys/{id}", "keys:write"),
    routes.Route("GET", "/api/keys", "keys:read"),
    routes.Route("POST", "/api/keys", "keys:write"),
    routes.Route("GET", "/api/keys/{id}", "keys:read"),
    routes.Route("PATCH", "/api/keys/{id}", "keys:write"),
    routes.Route("DELETE", "/api/keys/{id}", "keys:write"),
    routes.Route("POST", "/api/keys/{id}/regenerate", "keys:write"),
    routes.Route("POST", "/api/keys/{id}/end-grace", "keys:write"),
    routes.Route("POST", "/api/keys/{id}/revoke", "keys:write"),
    routes.Route("POST", "/api/keys/{id}/reactivate", "keys:write"),
    routes.Route("GET", "/api/keys/{id}/usage", "keys:read"),
    routes.Route("GET", "/api/keys/{id}/history", "history:read"),
    routes.Route("GET", "/api/history", "history:read"),
    routes.Route("GET", "/api/history/{number}", "history:read"),
)

ENDPOINTS = routes.compile(ROUTES)
