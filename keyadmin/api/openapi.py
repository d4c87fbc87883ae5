"""The OpenAPI 3.1 document: what django-ninja knows, and what it does not: who may call, errors, headers, links."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from ninja import NinjaAPI

from keyadmin.api import examples
from keyadmin.core.endpoints import KEY_ROUTES
from keyadmin.core.problems import TITLES

type Json = dict[str, Any]

_ABOUT: Final = """\
Manage organisations, people, bots and keys, and read what was done.

A call carries one credential: a key, or the access token of a person. What a person may do on pages, they may do here.
A key acts within its organisation, by its permissions. What the caller may not know of is answered 404.

Lists are pages: the `Link` header leads to the next one. Bodies are closed: an unknown field is an error. Errors are
RFC 9457 problems whose `type` is stable.
"""
_KEY: Final[list[Json]] = [{"key": []}, {"bearer": []}, {"keyId": [], "keySecret": []}]
_SCHEMES: Final[Json] = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A whole key."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "A whole key, or a person's access token (JWT)."},
    "keyId": {"type": "apiKey", "in": "header", "name": "X-API-Key-Id", "description": "With X-API-Key-Secret."},
    "keySecret": {"type": "apiKey", "in": "header", "name": "X-API-Key-Secret", "description": "With X-API-Key-Id."},
}
_PROBLEM: Final[Json] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {
            "type": "string",
            "examples": ["urn:keyadmin:problem:conflict"],
            "description": "Stable, for programs.",
        },
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For people."},
        "request_id": {"type": "string", "description": "What the log and the history know the request by."},
        "errors": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
            "description": "By field, `calls.3.path` is a field of a list's fourth.",
        },
    },
}
_TEXT: Final[Json] = {"type": "string"}
_HEADERS: Final[Json] = {
    "Link": {"schema": _TEXT, "description": 'RFC 8288: the neighbouring pages, rel="next" and rel="prev".'},
    "ETag": {"schema": _TEXT, "description": "What If-Match of an edit is compared with."},
    "Location": {"schema": _TEXT, "description": "Where the new one is."},
    "RateLimit": {"schema": _TEXT, "description": "Of a key: the calls that remain of the rolling hour."},
    "RateLimit-Policy": {"schema": _TEXT, "description": "Of a key: the calls of any rolling hour."},
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."},
    "WWW-Authenticate": {"schema": _TEXT, "description": "RFC 6750."},
    "X-Request-Id": {"schema": _TEXT, "description": "The id of this request."},
}
_ON_ERRORS: Final = {
    401: ["WWW-Authenticate"],
    409: ["Retry-After"],
    429: ["Retry-After", "RateLimit", "RateLimit-Policy"],
    503: ["Retry-After"],
}
_IDEMPOTENCY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "description": "Again within thirty days it makes nothing new and tells no secret; with another request: 422.",
}
_IF_MATCH: Final[Json] = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string", "pattern": '^("[0-9]{1,9}"|\\*)$'},
    "description": "The ETag that it was read with; changed since: 412.",
}
#: What is made of something that was there; all else that is made is answered 201.
_RENEWING: Final = ("/api/keys/{key}/regenerate", "/api/people/{person}/link")


@cache
def document(api: NinjaAPI) -> Json:
    """The whole document, in JSON values."""
    made: Json = dict(api.get_openapi_schema(path_prefix="/api/"))
    made["info"]["description"] = _ABOUT
    made["servers"] = [{"url": "/"}]
    parts = made["components"]
    parts["securitySchemes"] = _SCHEMES
    parts["schemas"] |= {"Problem": _PROBLEM}
    parts["headers"] = _HEADERS
    parts["responses"] = {str(status): _error(status) for status in (400, 401, 403, 404, 409, 412, 422, 429, 503)}
    for path, method, operation in operations(made):
        _complete(made, path, method, operation)
    for path, method, operation in operations(made):
        if method == "post" and "201" in operation["responses"]:
            operation["responses"]["201"]["links"] = dict(_links(made, path))
    return made


def operations(made: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in made["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def scope_of(method: str, path: str) -> str | None:
    """The scope that opens it for keys; "" for any key's, None for no key's."""
    return next((r.scope for r in KEY_ROUTES if r.method == method.upper() and _shape(r.pattern) == _shape(path)), None)


def _complete(made: Json, path: str, method: str, operation: Json) -> None:
    operation["operationId"] = operation["operationId"].removeprefix("keyadmin_api_").rstrip("_")
    operation["summary"] = operation.get("description", "").partition(".")[0]
    operation["parameters"] = [*operation["parameters"], *_parameters(path, method, operation)]
    is_open, scope = path.startswith("/api/token"), scope_of(method, path)
    operation["security"] = [] if is_open else [{"bearer": []}] if scope is None else _KEY
    if path == "/api/verify":
        operation["security"] = _KEY
    if scope:
        operation["description"] += f"\n\nA key needs `{scope}`."
    elif scope is None and not is_open:
        operation["description"] += "\n\nFor people; no key may."
    for status, response in list(operation["responses"].items()):
        operation["responses"][str(status)] = operation["responses"].pop(status)
        response["headers"] = {
            name: _ref("headers", name) for name in _headers(made, path, method, operation, response)
        }
        examples.add(made, response.get("content"))
    examples.add(made, operation.get("requestBody", {}).get("content"), brief=True)
    for status in _errors(path, method, operation, is_open=is_open):
        operation["responses"].setdefault(str(status), _ref("responses", str(status)))


def _parameters(path: str, method: str, operation: Json) -> Iterator[Json]:
    if 201 in operation["responses"] or path in _RENEWING:
        yield _IDEMPOTENCY
    if method in ("patch", "put", "delete") and path != "/api/api-keys/{key}":
        yield _IF_MATCH


def _errors(path: str, method: str, operation: Json, *, is_open: bool) -> Iterator[int]:
    yield from (400, 401, 429, 503)
    if not is_open:
        yield 403
    if path != "/api/whoami":
        yield 404
    if method != "get":
        yield 409
    if _IF_MATCH in operation["parameters"]:
        yield 412
    if operation["parameters"] or "requestBody" in operation:
        yield 422


def _headers(made: Json, path: str, method: str, operation: Json, response: Json) -> Iterator[str]:
    yield "X-Request-Id"
    if scope_of(method, path) is not None:
        yield from ("RateLimit", "RateLimit-Policy")
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("type") == "array" or (path == "/api/api-keys" and method == "get"):
        yield "Link"
    if {201, "201"} & operation["responses"].keys():
        yield "Location"
    shown = made["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
    if {"revision", "person"} & shown.get("properties", {}).keys():
        yield "ETag"


def _links(made: Json, collection: str) -> Iterator[tuple[str, Json]]:
    """From what was made to what can be done with it."""
    within = re.compile(re.escape(collection) + r"/\{(\w+)\}(?:/[a-z-]+)?")
    for path, _method, operation in operations(made):
        if match := within.fullmatch(path):
            named = {"/api/scopes": "name", "/api/people": "person/id", "/api/api-keys": "data/id"}.get(
                collection, "id"
            )
            name = operation["operationId"]
            yield name, {"operationId": name, "parameters": {match[1]: f"$response.body#/{named}"}}


def _error(status: int) -> Json:
    headers = {name: _ref("headers", name) for name in ["X-Request-Id", *_ON_ERRORS.get(status, [])]}
    content = {"application/problem+json": {"schema": _ref("schemas", "Problem")}}
    return {"description": TITLES[status], "headers": headers, "content": content}


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)
