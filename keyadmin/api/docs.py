"""`/api/openapi.json`, and `/api/docs`: the same for people to read, with commands to copy. Neither tells a secret."""

import json
import shlex
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from ninja import NinjaAPI

from keyadmin.api import errors, openapi
from keyadmin.conf import conf

type Json = dict[str, Any]


class Docs:
    """Both views, for one API."""

    def __init__(self, api: NinjaAPI) -> None:
        self._api = api

    def document(self, request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return errors.not_allowed(request, "GET, HEAD")
        return JsonResponse(openapi.document(self._api), json_dumps_params={"ensure_ascii": False})

    def page(self, request: HttpRequest) -> HttpResponse:
        """Without the context of the other pages: here is nobody who has signed in."""
        if request.method not in ("GET", "HEAD"):
            return errors.not_allowed(request, "GET, HEAD")
        made = openapi.document(self._api)
        base = conf.base_url or request.build_absolute_uri("/").rstrip("/")
        context = {"about": made["info"]["description"], "groups": _groups(made, base.rstrip("/"))}
        return HttpResponse(loader.get_template("api/docs.html").render(context))


def _groups(made: Json, base: str) -> list[Json]:
    """Operations by tag, in the order of the document."""
    groups: dict[str, list[Json]] = {}
    for path, method, operation in openapi.operations(made):
        shown = _shown(made, base, path, method.upper(), operation)
        groups.setdefault(operation["tags"][0], []).append(shown)
    return [{"name": name, "operations": operations} for name, operations in groups.items()]


def _shown(made: Json, base: str, path: str, method: str, operation: Json) -> Json:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    status, answer = next(iter(operation["responses"].items()))
    example = answer.get("content", {}).get("application/json", {}).get("example")
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "paragraphs": operation["description"].replace("`", "").split("\n\n"),
        "parameters": [_parameter(parameter) for parameter in operation["parameters"]],
        "fields": _fields(made, body["schema"]) if body else [],
        "curl": _curl(base, path, method, operation, body),
        "status": status,
        "answer": "" if example is None else _json(example),
        "errors": ", ".join(code for code in operation["responses"] if code >= "400"),
    }


def _parameter(parameter: Json) -> Json:
    where = {"path": "in the path", "query": "in the query", "header": "header"}[parameter["in"]]
    return {"name": parameter["name"], "where": where, "about": parameter.get("description", "")}


def _fields(made: Json, schema: Json) -> list[Json]:
    """The fields of a body; of one that may have several shapes, of the first."""
    while "properties" not in schema:
        if "$ref" in schema:
            schema = made["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        else:
            schema = next(schema[several][0] for several in ("anyOf", "oneOf", "allOf") if several in schema)
    needed = schema.get("required", ())
    return [
        {"name": name, "about": field.get("description", ""), "is_needed": name in needed}
        for name, field in schema["properties"].items()
    ]


def _curl(base: str, path: str, method: str, operation: Json, body: Json | None) -> str:
    """A command; $TOKEN is an access token or a key."""
    parts = [f"curl {'' if method == 'GET' else f'-X {method} '}{shlex.quote(base + path)}"]
    if operation["security"]:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if body:
        parts += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(_json(body['example']))}"]
    return " \\\n  ".join(parts)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
