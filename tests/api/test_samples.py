"""The code samples in the OpenAPI document: the server accepts them, and an operation has three of the same request."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from keyadmin.api import openapi, samples
from keyadmin.api.urls import api
from keyadmin.models import Organisation, Scope, Tier
from tests.api.calling import call
from tests.api.calls import call_as, filled
from tests.api.world import World, worlds
from tests.fixtures.committed_rows import CommittedRows

BASE_URL: Final = "https://keys.example.com"
DOCUMENT: Final = samples.add_to(openapi.document(api), BASE_URL)
OPERATIONS: Final = {operation["operationId"]: operation for _path, _method, operation in openapi.operations(DOCUMENT)}
PATHS: Final = {operation["operationId"]: path for path, _method, operation in openapi.operations(DOCUMENT)}
#: Statuses that say that the request itself is wrong, whatever objects and rights there are.
SHAPE_ERRORS: Final = {400, 405, 406, 411, 413, 414, 415, 422, 431}
#: The name in braces of `filled` for a parameter of a path, or for the parameter of an operation, if they differ.
TARGETS: Final = {
    "link_id": "link",
    "name": "scope",
    "number": "event",
    "organisation": "own",
    "keys_reactivate": "revoked",
    "history_of_key": "eventful",
    "bots_enable": "idle_bot",
    "organisations_enable": "disabled",
    "people_reactivate": "leaver",
    "people_verify_email": "newcomer",
}
#: What the objects of a sample do not allow: credentials that do not exist, or a person without the invitation.
REFUSED: Final = {
    "token_sign_in": 401,
    "token_refresh": 401,
    "verify_verify": 403,
    "explain_explain": 404,
    "people_end_link": 404,
    "invitations_accept": 404,
    "invitations_decline": 404,
    "allow_lists_add": 404,
}


@dataclass(frozen=True)
class Sent:
    """What a sample sends."""

    method: str
    url: str
    authorization: str
    body: Any


def source(operation_id: str, label: str) -> str:
    (found,) = [each["source"] for each in OPERATIONS[operation_id]["x-codeSamples"] if each["label"] == label]
    return str(found)


def sent_by_curl(text: str) -> Sent:
    """Read the command as a shell and curl do."""
    words = shlex.split(text.replace("\\\n", " "))
    assert words.pop(0) == "curl"
    method, url, headers, body = "GET", "", {}, None
    while words:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = json.loads(words.pop(0))
        else:
            assert not url, word
            url = word
    assert (body is not None) == (headers.get("Content-Type") == "application/json")
    return Sent(method, url, headers.get("Authorization", ""), body)


@pytest.fixture
def world(rows: CommittedRows) -> Iterator[World]:
    """A world with what the examples name. What they create is removed afterwards."""
    rows.organisation(name="Northwind", slug="northwind")
    created = worlds(rows)
    yield next(created)
    rows.organisations += Organisation.objects.filter(slug="fabrikam").values_list("id", flat=True)
    rows.tiers += Tier.objects.filter(name="Gold").values_list("id", flat=True)
    Scope.objects.filter(name="reports:read").delete()
    next(created, None)


def with_real_objects(world: World, operation_id: str, address: str) -> str:
    """The address with an object of the home organisation for each parameter of the path."""
    assert re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", PATHS[operation_id]), address)
    names = re.sub(
        r"\{(\w+)\}", lambda m: f"{{{TARGETS.get(operation_id, TARGETS.get(m[1], m[1]))}}}", PATHS[operation_id]
    )
    return filled(world, names)


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_request_of_the_curl_sample_is_accepted(world: World, operation_id: str) -> None:
    sent = sent_by_curl(source(operation_id, "cURL"))
    assert sent.url.startswith(f"{BASE_URL}/api/")
    assert (sent.authorization == "Bearer $TOKEN") == bool(OPERATIONS[operation_id]["security"])
    parts = urlsplit(sent.url)
    query = f"?{parts.query}" if parts.query else ""
    answer = call_as(world, "administrator", sent.method, f"{parts.path}{query}", sent.body)
    assert answer.status_code not in SHAPE_ERRORS, answer.content
    if "{" in PATHS[operation_id]:
        assert answer.status_code == 404
        address = with_real_objects(world, operation_id, parts.path)
        answer = call_as(world, "administrator", sent.method, f"{address}{query}", sent.body)
    assert answer.status_code in ({REFUSED[operation_id]} if operation_id in REFUSED else {200, 201, 204}), (
        answer.content
    )


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_python_sample_sends_the_request_of_the_curl_sample(operation_id: str) -> None:
    expected = sent_by_curl(source(operation_id, "cURL"))
    calls = [node for node in ast.walk(ast.parse(source(operation_id, "Python"))) if isinstance(node, ast.Call)]
    (request,) = [node for node in calls if ast.unparse(node.func).startswith("httpx.")]
    arguments = {str(keyword.arg): keyword.value for keyword in request.keywords}
    header = ast.unparse(arguments["headers"]) if "headers" in arguments else ""
    assert (
        Sent(
            method=ast.unparse(request.func).removeprefix("httpx.").upper(),
            url=ast.literal_eval(request.args[0]),
            authorization="Bearer $TOKEN" if "Bearer {os.environ['TOKEN']}" in header else "",
            body=ast.literal_eval(arguments["json"]) if "json" in arguments else None,
        )
        == expected
    )


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_javascript_sample_sends_the_request_of_the_curl_sample(operation_id: str) -> None:
    expected = sent_by_curl(source(operation_id, "cURL"))
    text = source(operation_id, "JavaScript")
    url = re.search(r'await fetch\("([^"]+)"', text)
    method = re.search(r'method: "([A-Z]+)"', text)
    body = re.search(r"JSON\.stringify\((.*)\),\n\}\);", text, re.DOTALL)
    assert url
    assert (
        Sent(
            method=method[1] if method else "GET",
            url=url[1],
            authorization="Bearer $TOKEN" if "Authorization: `Bearer ${process.env.TOKEN}`" in text else "",
            body=json.loads(body[1]) if body else None,
        )
        == expected
    )


def test_document_of_the_server_has_samples_for_its_own_address(db: None) -> None:
    told = call("GET", "/api/openapi.json").json()
    for _path, _method, operation in openapi.operations(told):
        assert [each["label"] for each in operation["x-codeSamples"]] == ["cURL", "Python", "JavaScript"]
        assert all("http://testserver/api/" in each["source"] for each in operation["x-codeSamples"])
