"""`/api/openapi.json`, and `/api/docs`: the same as a page with curl commands. Neither needs a credential."""

import json
import shlex
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from ninja import NinjaAPI

from keyadmin.api import errors, openapi
from keyadmin.api.openapi import Json
from keyadmin.conf import conf


class Docs:
    """The views of both paths."""

    def __init__(self, api: NinjaAPI) -> None:
        self._api = api

    def document(self, request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return errors.method_not_allowed(request, "GET, HEAD")
        return JsonResponse(openapi.document(self._api), json_dumps_params={"ensure_ascii": False})

    def page(self, request: HttpRequest) -> HttpResponse:
        """Render without the context processors of the other pages, because they need a signed-in person."""
        if request.method not in ("GET", "HEAD"):
            return errors.method_not_allowed(request, "GET, HEAD")
        document = openapi.document(self._api)
        base_url = (conf.base_url or request.build_absolute_uri("/")).rstrip("/")
        context = {"about": document["info"]["description"], "groups": _groups(document, base_url)}
        return HttpResponse(loader.get_template("api/docs.html").render(context))


def _groups(document: Json, base_url: str) -> list[Json]:
    """The operations by tag, in the order of the document: [{"name": tag, "operations": [template contexts]}]."""
    groups: dict[str, list[Json]] = {}
    for path, method, operation in openapi.operations(document):
        context = _operation_context(document, base_url, path, method.upper(), operation)
        groups.setdefault(operation["tags"][0], []).append(context)
    return [{"name": name, "operations": operations} for name, operations in groups.items()]


def _operation_context(document: Json, base_url: str, path: str, method: str, operation: Json) -> Json:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    status, success = next(iter(operation["responses"].items()))
    example = success.get("content", {}).get("application/json", {}).get("example")
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "paragraphs": operation["description"].replace("`", "").split("\n\n"),
        "parameters": [_parameter(parameter) for parameter in operation["parameters"]],
        "fields": _fields(document, body["schema"]) if body else [],
        "curl": _curl(base_url, path, method, operation, body),
        "status": status,
        "response": "" if example is None else _json(example),
        "errors": ", ".join(code for code in operation["responses"] if code >= "400"),
    }


def _parameter(parameter: Json) -> Json:
    place = {"path": "in the path", "query": "in the query", "header": "header"}[parameter["in"]]
    return {"name": parameter["name"], "place": place, "description": parameter.get("description", "")}


def _fields(document: Json, schema: Json) -> list[Json]:
    """The fields of a request body. If it may have several shapes, those of the first one."""
    while "properties" not in schema:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        else:
            schema = next(schema[keyword][0] for keyword in ("anyOf", "oneOf", "allOf") if keyword in schema)
    required = schema.get("required", ())
    return [
        {"name": name, "description": field.get("description", ""), "is_required": name in required}
        for name, field in schema["properties"].items()
    ]


def _curl(base_url: str, path: str, method: str, operation: Json, body: Json | None) -> str:
    """A curl command. The reader sets $TOKEN to an access token or a key."""
    parts = [f"curl {'' if method == 'GET' else f'-X {method} '}{shlex.quote(base_url + path)}"]
    if operation["security"]:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if body:
        parts += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(_json(body['example']))}"]
    return " \\\n  ".join(parts)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
