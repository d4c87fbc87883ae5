"""keyadmin's own endpoints and the scopes that open them: declared here, never in the catalogue."""

from keyadmin.foundation import routes

#: A scope of "" is any key's.
ROUTES = (
    routes.Route("GET", "/api/whoami", ""),
    routes.Route("POST", "/api/verify", "keys:verify"),
)

ENDPOINTS = routes.compile(ROUTES)
