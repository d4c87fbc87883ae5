"""The OpenAPI 3.1 document: how operations declare what it says, and how it is rendered.

django-ninja derives parameters, bodies and responses from the operations. What it cannot express is declared with the
operation: each of `page`, `row`, `creation`, `edit`, `action` and `public` returns the keyword arguments `response`
and `openapi_extra` of ninja's decorators for operations of one kind:

    @router.get("/bots", url_name="bots", **openapi.page(BotOut, scope="keys:read"))

`scope` is the scope that a key needs: "" if any key may call the operation, None if only people may.
`keyadmin.core.endpoints` enforces it; a test compares the two.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, TypedDict

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from keyadmin.api.schemas import Problem
from keyadmin.core.problems import TITLES

type Json = dict[str, Any]

DESCRIPTION: Final = """\
Manage organisations, people, bots and keys, and read history.

A request carries exactly one credential: a key, or the access token of a person. A person may do the same as on pages.
A key acts within its organisation and its scopes. A request for an object that the caller may not read gets 404.

A list is returned in pages. The `Link` header contains the URL of the next page. An unknown field in a body is an
error. Errors are RFC 9457 problems with a stable `type`.
"""
_SECURITY_SCHEMES: Final[Json] = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a person's access token (JWT)."},
    "keyId": {"type": "apiKey", "in": "header", "name": "X-API-Key-Id", "description": "The key ID."},
    "keySecret": {"type": "apiKey", "in": "header", "name": "X-API-Key-Secret", "description": "The secret."},
}
_TEXT: Final[Json] = {"type": "string"}
_HEADERS: Final[Json] = {
    "Link": {
        "schema": _TEXT,
        "description": 'RFC 8288: URLs of the next page (rel="next") and the previous one (rel="prev").',
    },
    "ETag": {"schema": _TEXT, "description": "The revision. Send it as If-Match with an edit."},
    "Location": {"schema": _TEXT, "description": "The path of the new object."},
    "RateLimit": {"schema": _TEXT, "description": "For a key: calls that remain in the rolling hour."},
    "RateLimit-Policy": {"schema": _TEXT, "description": "For a key: calls allowed in any rolling hour."},
    "Keyadmin-Key-Expires": {"schema": _TEXT, "description": "For a key that expires: when, in RFC 3339."},
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait."},
    "WWW-Authenticate": {"schema": _TEXT, "description": "The accepted schemes (RFC 6750)."},
    "X-Request-Id": {"schema": _TEXT, "description": "The id of this request."},
}
_PROBLEM_HEADERS: Final = {
    401: ["WWW-Authenticate"],
    409: ["Retry-After"],
    429: ["Retry-After", "RateLimit", "RateLimit-Policy", "Keyadmin-Key-Expires"],
    503: ["Retry-After"],
}
#: By status, the slug of a type and the detail of an example.
_PROBLEMS: Final = {
    400: ("bad-request", "The body is not valid JSON. The error is at line 1, column 2."),
    401: ("unauthenticated", "A valid API key is required."),
    403: ("insufficient-scope", "This key lacks the permission for this method and path."),
    404: ("not-found", "Not found. It does not exist, or you do not have access to it."),
    409: ("conflict", "This key is already revoked."),
    411: ("length-required", "Send the length of the body in Content-Length."),
    412: ("precondition-failed", "This key has changed since you read it. Read it again."),
    413: ("content-too-large", "The body is too large. Send less data in one request."),
    415: ("unsupported-media-type", "Send the body as JSON, with Content-Type: application/json."),
    422: ("invalid", "Some fields are invalid. `errors` has a message for each."),
    429: ("rate-limited", "The key has reached its limit. Wait as long as Retry-After says."),
    503: ("unavailable", "The database does not answer. Try again."),
}
_IDEMPOTENCY_KEY: Final[Json] = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "description": "Within 30 days, the same request creates nothing and shows no secret. A different one gets 422.",
}
_IF_MATCH: Final[Json] = {
    "name": "If-Match",
    "in": "header",
    "schema": {"type": "string", "pattern": '^(\\*|(W/)?"[!#-~]*"(, (W/)?"[!#-~]*")*)$'},
    "description": "The ETag of the object as it was read, or several. If none is the current one, the edit gets 412.",
}


class Declaration(TypedDict):
    """Keyword arguments of ninja's decorators of operations."""

    response: dict[int, Any]
    openapi_extra: Json


def page(row: Any, *, scope: str | None) -> Declaration:
    """GET of a list: an array of `row`."""
    return _declare({200: list[row]}, scope, {404, 422}, headers=["Link"])


def row(shape: Any, *, scope: str | None, headers: tuple[str, ...] = (), content: Json | None = None) -> Declaration:
    """GET of one object. `content` replaces the JSON of `shape`, for files."""
    declaration = _declare({200: shape}, scope, {404, 422}, headers=[*headers, *_etag(shape)])
    if content:
        declaration["openapi_extra"]["responses"][200]["content"] = content
    return declaration


def creation(shape: Any, *, scope: str | None, links: Mapping[str, Json]) -> Declaration:
    """POST that creates an object: 201, or 200 for a repeated Idempotency-Key. `links` are made by `links_to`."""
    declaration = _declare(
        {201: shape, 200: shape},
        scope,
        {404, 409, 422},
        headers=["Location", *_etag(shape)],
        parameters=[_IDEMPOTENCY_KEY],
    )
    declaration["openapi_extra"]["responses"][201]["links"] = dict(links)
    return declaration


def edit(shape: Any, *, scope: str | None) -> Declaration:
    """PATCH, PUT or DELETE with If-Match. Without a shape: 204."""
    return _declare(_success(shape), scope, {404, 409, 412, 422}, headers=_etag(shape), parameters=[_IF_MATCH])


def action(shape: Any, *, scope: str | None, is_idempotent: bool = False, is_read_only: bool = False) -> Declaration:
    """Other operations on an object. Without a shape: 204. `is_idempotent`: Idempotency-Key is read.

    `is_read_only`: a POST that changes nothing. The page of the API docs sends it without a question.
    """
    parameters = [_IDEMPOTENCY_KEY] if is_idempotent else []
    declaration = _declare(_success(shape), scope, {404, 409, 422}, headers=_etag(shape), parameters=parameters)
    if is_read_only:
        declaration["openapi_extra"]["x-read-only"] = True
    return declaration


def whoami(shape: Any) -> Declaration:
    """GET without parameters that needs a credential and no permission."""
    return _declare({200: shape}, "", set())


def public(shape: Any) -> Declaration:
    """POST that needs no credential: the operation also has `auth=None`."""
    declaration = _declare(_success(shape), None, {404, 409, 422})
    del declaration["response"][403]
    declaration["openapi_extra"]["security"] = []
    return declaration


def links_to(parameter: str, *operation_ids: str, pointer: str = "id") -> dict[str, Json]:
    """Links from a new object to operations on it. `pointer`: the response field for their path `parameter`."""
    value = f"$response.body#/{pointer}"
    return {name: {"operationId": name, "parameters": {parameter: value}} for name in operation_ids}


def _success(shape: Any) -> dict[int, Any]:
    return {204: None} if shape is None else {200: shape}


def _etag(shape: Any) -> list[str]:
    return ["ETag"] if {"revision", "person"} & getattr(shape, "model_fields", {}).keys() else []


def _declare(
    successes: dict[int, Any],
    scope: str | None,
    errors: set[int],
    *,
    headers: list[str] | None = None,
    parameters: list[Json] | None = None,
) -> Declaration:
    problems = {400, 401, 403, 429, 503} | errors | ({411, 413} if 409 in errors else set())  # a request with a body
    of_keys = ["RateLimit", "RateLimit-Policy", "Keyadmin-Key-Expires"] if scope is not None else []
    names = ["X-Request-Id", *of_keys, *(headers or [])]
    return {
        "response": successes | dict.fromkeys(sorted(problems), Problem),
        "openapi_extra": {
            "parameters": parameters or [],
            "responses": {status: {"headers": {name: _ref("headers", name) for name in names}} for status in successes},
            "security": _security(scope),
        },
    }


def _security(scope: str | None) -> list[Json]:
    """The alternatives. A scheme's list names the scope that a key needs; a person's token needs none."""
    if scope is None:
        return [{"bearer": []}]
    scopes = [scope] if scope else []
    return [{"key": scopes}, {"bearer": []}, {"keyId": scopes, "keySecret": scopes}]


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


class Document(OpenAPISchema):
    """ninja's document, completed from the declarations, with an example of every body."""

    def operation_details(self, operation: Operation) -> Json:
        details: Json = super().operation_details(operation)
        module, name = operation.view_func.__module__.rpartition(".")[2], operation.view_func.__name__
        details["operationId"] = f"{module}_{name}".rstrip("_")
        details["summary"] = details["description"].partition(".")[0].replace("`", "")
        details["description"] += _credentials_text(details["security"])
        responses = details["responses"]
        if "requestBody" in details:
            responses |= {status: _ref("responses", str(status)) for status in (413, 415)}
        details["responses"] = {str(status): responses[status] for status in sorted(responses, key=int)}
        for response in details["responses"].values():
            self._add_examples(response.get("content", {}), is_request=False)
        self._add_examples(details.get("requestBody", {}).get("content", {}), is_request=True)
        details["parameters"] = [self._parameter(parameter) for parameter in details["parameters"]]
        return details

    def _parameter(self, parameter: Json) -> Json:
        """The parameter, with an example if the operation may need it. That of a filter would limit what is listed."""
        if not parameter.get("required") and "examples" not in parameter["schema"]:
            return parameter
        named = _EXAMPLE_BY_PARAMETER.get(parameter["name"])
        return parameter | {"example": named or example_of(self.schemas, parameter["schema"], is_request=True)}

    def responses(self, operation: Operation) -> dict[int, Json]:
        """ninja's responses, but problems are references: ninja would call them application/json."""
        problems = {status for status, model in operation.response_models.items() if _is_problem(model)}
        successes = operation.clone()
        successes.response_models = {
            status: model for status, model in operation.response_models.items() if status not in problems
        }
        return {
            **super().responses(successes),
            **{status: _ref("responses", str(status)) for status in sorted(problems)},
        }

    def get_components(self) -> Json:
        self.add_schema_definitions({"Problem": Problem.model_json_schema(mode="serialization")})
        return {
            **super().get_components(),
            "securitySchemes": _SECURITY_SCHEMES,
            "headers": _HEADERS,
            "responses": {
                str(status): {
                    "description": TITLES[status],
                    "headers": {
                        name: _ref("headers", name) for name in ["X-Request-Id", *_PROBLEM_HEADERS.get(status, [])]
                    },
                    "content": {
                        "application/problem+json": {
                            "schema": _ref("schemas", "Problem"),
                            "example": _problem_example(status),
                        }
                    },
                }
                for status in _PROBLEMS
            },
        }

    def _add_examples(self, content: Json, *, is_request: bool) -> None:
        for media in content.values():
            media["example"] = example_of(self.schemas, media["schema"], is_request=is_request)


def _is_problem(response_model: Any) -> bool:
    fields = getattr(response_model, "model_fields", {})
    return "response" in fields and fields["response"].annotation is Problem


def _credentials_text(security: list[Json]) -> str:
    if not security:
        return ""
    if "key" not in security[0]:
        return "\n\nOnly for people, by access token. No key may call this."
    return "".join(f"\n\nA key needs `{scope}`." for scope in security[0]["key"])


@cache
def document(api: NinjaAPI) -> Json:
    """Return the OpenAPI document as JSON values. It is made once per process."""
    return dict(Document(api, "/api/"))


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield path, method in lower case and operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def successes(operation: Json) -> Iterator[tuple[str, Json]]:
    """Yield status and response of the responses that are no errors; the usual one first."""
    for status, response in operation["responses"].items():
        if status < "400":
            yield status, response


_EXAMPLE_BY_FORMAT: Final = {
    "uuid": "9b2d1c4e-5f60-4a7b-8c9d-0e1f2a3b4c5d",
    "date-time": "2026-12-31T23:59:59Z",
    "date": "2026-12-31",
}
_EXAMPLE_BY_PARAMETER: Final[Json] = {"name": "reports:read", "number": 12408}


def example_of(schemas: Json, schema: Json, *, is_request: bool = False) -> Any:
    """Return a value that fits the schema: its example, else one of its parts.

    In a request, optional fields without an example are left out. Raises LookupError for a schema that needs an
    example and has none.
    """
    if values := schema.get("examples") or schema.get("enum"):
        return values[0]
    if "$ref" in schema:
        return example_of(schemas, schemas[schema["$ref"].rpartition("/")[2]], is_request=is_request)
    if "const" in schema:
        return schema["const"]
    if schema.get("default") not in (None, {}) and not is_request:
        return schema["default"]
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in schema:
            return example_of(schemas, schema[keyword][0], is_request=is_request)
    match schema.get("type"):
        case "object" if "properties" in schema:
            required, fields = schema.get("required", ()), schema["properties"]
            shown = [name for name in fields if not is_request or name in required or "examples" in fields[name]]
            return {name: example_of(schemas, fields[name], is_request=is_request) for name in shown}
        case "array" if "items" in schema:
            return [example_of(schemas, schema["items"], is_request=is_request)]
    if schema.get("format") in _EXAMPLE_BY_FORMAT:
        return _EXAMPLE_BY_FORMAT[schema["format"]]
    raise LookupError(f"Add an example to this schema: {schema}")


def _problem_example(status: int) -> Json:
    slug, detail = _PROBLEMS[status]
    example = {
        "type": f"urn:keyadmin:problem:{slug}",
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        "request_id": "01hzxw3p5f",
    }
    return example | {"errors": {"name": ["Enter a name."]}} if status == 422 else example
