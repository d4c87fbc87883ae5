"""The OpenAPI document."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from django.test import Client

from keyadmin.api import openapi, samples
from keyadmin.api.urls import api
from keyadmin.core.endpoints import KEY_ROUTES, PERSON_ROUTES

DOCUMENT = openapi.document(api)
OPERATIONS = list(openapi.operations(DOCUMENT))
CODES = {"400", "401", "429", "503"}


def test_document_needs_no_credential(db: None) -> None:
    told = Client().get("/api/openapi.json")
    assert (told.status_code, told["Content-Type"]) == (200, "application/json")
    assert told.json()["openapi"].startswith("3.1.")
    assert told.json() == samples.add_to(DOCUMENT, "http://testserver")
    refused = Client().post("/api/openapi.json")
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD")


def test_every_operation_declares_its_errors_as_problems() -> None:
    ids = [operation["operationId"] for _path, _method, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)
    for path, method, operation in OPERATIONS:
        responses = operation["responses"]
        wanted = (
            CODES | ({"403"} if operation["security"] else set()) | ({"422"} if "requestBody" in operation else set())
        )
        wanted |= {"409"} if method != "get" else set()
        assert wanted <= responses.keys(), path
        for code in responses:
            if code >= "400":
                assert responses[code] == {"$ref": f"#/components/responses/{code}"}
                content = DOCUMENT["components"]["responses"][code]["content"]
                assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert operation["summary"]
        assert operation["tags"]


def test_scope_in_the_document_is_the_one_that_the_call_path_requires() -> None:
    def shape(path: str) -> str:
        return re.sub(r"\{\w+\}", "{}", path)

    documented: dict[tuple[str, str], str | None] = {}
    for path, method, operation in OPERATIONS:
        scopes = next((alternative["key"] for alternative in operation["security"] if "key" in alternative), None)
        documented[(method.upper(), shape(path))] = None if scopes is None else " ".join(scopes)
        assert all(f"A key needs `{scope}`." in operation["description"] for scope in scopes or [])
    required: dict[tuple[str, str], str | None] = {
        (route.method, shape(route.pattern)): None for route in PERSON_ROUTES
    }
    required |= {(route.method, shape(route.pattern)): route.scope for route in KEY_ROUTES}
    assert documented.items() <= required.items()


def test_link_leads_to_every_operation_on_a_created_object() -> None:
    for path, _method, operation in OPERATIONS:
        if created := operation["responses"].get("201"):
            collection = {"/api/people": "/api/invitations"}.get(path, path)  # an invited person is an invitation
            item = re.compile(re.escape(collection) + r"/\{\w+\}(?:/[a-z-]+)?")
            on_items = {each["operationId"] for other, _, each in OPERATIONS if item.fullmatch(other)}
            assert created["links"].keys() == on_items


def test_every_reference_resolves() -> None:
    def look(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                found: Any = DOCUMENT
                for step in value["$ref"].removeprefix("#/").split("/"):
                    found = found[step]
            for each in value.values():
                look(each)
        elif isinstance(value, list):
            for each in value:
                look(each)

    look(DOCUMENT)


@pytest.mark.parametrize("place", OPERATIONS, ids=lambda place: place[2]["operationId"])
def test_examples_fit_their_schemas(place: tuple[str, str, Any]) -> None:
    _path, _method, operation = place
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for media in body.get("content", {}).values():
            schema = {**media["schema"], "components": DOCUMENT["components"]}
            jsonschema_rs.Draft202012Validator(schema).validate(media["example"])


def test_example_of_a_request_omits_optional_fields() -> None:
    def body(path: str, method: str) -> Any:
        return DOCUMENT["paths"][path][method]["requestBody"]["content"]["application/json"]["example"]

    assert body("/api/keys", "post") == {
        "scopes": ["chats:read"],
        "networks": ["203.0.113.0/24"],
        "name": "CRM integration",
        "organisation": "northwind",
    }
    assert body("/api/bots/{bot}", "patch") == {"name": "Release bot"}
    assert not [place[0] for place in OPERATIONS if "requestBody" in place[2] and not body(place[0], place[1])]


def test_document_declares_headers_of_lists_and_keys() -> None:
    paths = DOCUMENT["paths"]
    assert "Link" in paths["/api/bots"]["get"]["responses"]["200"]["headers"]
    assert "ETag" in paths["/api/keys/{key}"]["get"]["responses"]["200"]["headers"]
    assert "RateLimit" in paths["/api/keys"]["get"]["responses"]["200"]["headers"]
    assert "Retry-After" in DOCUMENT["components"]["responses"]["429"]["headers"]
    assert "If-Match" in {each["name"] for each in paths["/api/keys/{key}"]["patch"]["parameters"]}


def _schemas(value: Any) -> Iterator[Any]:
    """The schemas of the document's parts: those of components, parameters, bodies and headers, with their parts."""
    if isinstance(value, dict):
        if "schema" in value:
            yield value["schema"]
        for name, each in value.items():
            if name in ("properties", "schemas") and isinstance(each, dict):
                yield from each.values()
            yield from _schemas(each)
    elif isinstance(value, list):
        for each in value:
            yield from _schemas(each)


def test_every_schema_has_a_type() -> None:
    known = {"$ref", "type", "anyOf", "oneOf", "allOf", "const", "enum"}
    assert [schema for schema in _schemas(DOCUMENT) if not known & schema.keys()] == []


def test_every_success_with_a_body_has_a_schema_and_an_example() -> None:
    for path, method, operation in OPERATIONS:
        for status, response in openapi.successes(operation):
            assert (status == "204") == ("content" not in response), (method, path)
            for media in response.get("content", {}).values():
                assert media["schema"]
                assert media["example"] not in ("", {}, [], None)


def test_example_without_values_is_refused() -> None:
    for schema in ({"type": "string"}, {"type": "object", "properties": {"name": {"type": "integer"}}}):
        with pytest.raises(LookupError):
            openapi.example_of({}, {**schema, "required": ["name"]}, is_request=True)


def test_examples_of_problems_fit_their_status() -> None:
    for status, response in DOCUMENT["components"]["responses"].items():
        example = response["content"]["application/problem+json"]["example"]
        schema = {"$ref": "#/components/schemas/Problem", "components": DOCUMENT["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(example)
        assert example["status"] == int(status)


def test_summary_has_no_markdown() -> None:
    assert not [operation["summary"] for *_, operation in OPERATIONS if "`" in operation["summary"]]


def test_post_that_changes_nothing_is_marked() -> None:
    marked = [(method, path) for path, method, operation in OPERATIONS if operation.get("x-read-only")]
    assert marked == [("post", "/api/explain")]
