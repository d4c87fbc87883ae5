"""Invalid requests: every field of every operation, with values that must get a clear error and never a 5xx."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import pytest
from django.test import Client

from keyadmin.api import openapi
from keyadmin.models import Event
from tests.api.calling import call
from tests.api.calls import CALLS, filled
from tests.api.documented import DOCUMENT, body_fields, operation_of
from tests.api.world import World, worlds
from tests.fixtures.committed_rows import CommittedRows

#: Method, address and valid body of every operation.
OPERATIONS: Final = [each[:3] for each in CALLS if each[1] not in ("/api/openapi.json", "/api/docs")]
#: Values of fields; none of them may get a 5xx.
HOSTILE: Final[list[Any]] = [
    *(None, True, -1, 10**30, "", "a\0b", "\ud800", "x" * 3000, ["chats:read", "a\0b"], {"a": "\0"}),
    *("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "2099-02-30T00:00:00Z"),
]
HOSTILE_IN_URLS: Final = ["a\0", "nope", "-1", "9" * 400, "'\"<>", "ü" * 130, "9999-12-31", "0001-01-01"]
#: Words of Pydantic, Python and Django, which no message may contain.
FRAMEWORK: Final = re.compile(
    r"Value error|Input should|Field required|Extra inputs|valid (dictionary|integer|string|list|boolean|UUID)"
    r"|literal|pydantic|ninja|Error\b|Union|dict\b|tuple|NoneType|constrained|parsing|unable to|type=|Out$|In$"
)


@pytest.fixture
def world(rows: CommittedRows) -> Iterator[World]:
    yield from worlds(rows)


def call_as_administrator(world: World, method: str, address: str, body: Any = None, **headers: str) -> Any:
    return call(method, address, body, world.headers["administrator"] | headers)


def require_clear_answer(answer: Any, sent: Any) -> None:
    """Fail for a 5xx, for a response that is no problem, and for a message that names the framework."""
    assert answer.status_code < 500, sent
    if answer.status_code < 400:
        return
    assert answer["Content-Type"] == "application/problem+json", sent
    problem = answer.json()
    assert problem.keys() - {"errors"} == {"type", "title", "status", "detail", "request_id"}
    for name, messages in {"": [problem["detail"]], **problem.get("errors", {})}.items():
        assert len(messages) == len(set(messages)), (sent, problem)
        assert not re.search(r"['\[\]]", name), (sent, problem)
        for message in messages:
            assert not FRAMEWORK.search(message), (sent, problem)
            assert re.match(r"[A-Z0-9“`]", message), (sent, problem)
            assert message.endswith("."), (sent, problem)


@pytest.mark.parametrize(("method", "address", "body"), OPERATIONS, ids=lambda each: str(each)[:40])
def test_hostile_value_in_any_field_gets_a_clear_error(world: World, method: str, address: str, body: Any) -> None:
    _path, operation = operation_of(method, address)
    place = filled(world, address)
    base = {} if body is None else json.loads(filled(world, json.dumps(body)))
    for field in body_fields(method, address):
        for value in HOSTILE:
            sent = base | {field: value}
            require_clear_answer(call_as_administrator(world, method, place, sent), sent)
    for parameter in operation["parameters"]:
        for text in HOSTILE_IN_URLS:
            if parameter["in"] == "query":
                mark = "&" if "?" in place else "?"
                url = f"{place}{mark}{parameter['name']}={quote(text)}"
                require_clear_answer(call_as_administrator(world, method, url, body and base), url)
            elif parameter["in"] == "header" and text.isascii():
                headers = {parameter["name"]: text.replace("\0", "?")}
                require_clear_answer(call_as_administrator(world, method, place, body and base, **headers), headers)


BODIES: Final = [
    ("{", 400, "not valid JSON"),
    ('{"name": "x", "name": "y"}', 400, "two fields with the same name"),
    ('{"name": NaN}', 400, "NaN"),
    ('{"a": [-Infinity]}', 400, "-Infinity"),
    ('{"name": ' + "9" * 5000 + "}", 400, "too many digits"),
    ("[" * 10_000, 400, "too many levels"),
    ('{"name": "' + "x" * 3_000_000 + '"}', 413, "The body may have at most"),
]


@pytest.mark.parametrize(("body", "status", "words"), BODIES, ids=[words for _, _, words in BODIES])
@pytest.mark.parametrize("address", ["/api/keys", "/api/people/{person}/link", "/api/token", "/api/verify"])
def test_body_that_cannot_be_read_is_a_problem_that_names_the_fault(
    world: World, address: str, body: str, status: int, words: str
) -> None:
    caller = "inheriting key" if address == "/api/verify" else "administrator"
    place = filled(world, address)
    answer = call("POST", place, body, world.headers[caller] if address != "/api/token" else {})
    require_clear_answer(answer, None)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ],
)
def test_body_of_another_media_type_is_415(world: World, kind: str) -> None:
    for path in ("/api/keys", f"/api/people/{world.owner.id}/link"):
        answer = Client().generic("POST", path, "name=x", kind, headers=world.headers["administrator"])
        assert (answer.status_code, answer.json()["type"]) == (415, "urn:keyadmin:problem:unsupported-media-type")
        assert answer["Content-Type"] == "application/problem+json"
    for other in ("application/json; charset=utf-8", "application/merge-patch+json"):
        answer = Client().generic("POST", "/api/keys", "{}", other, headers=world.headers["administrator"])
        assert answer.status_code == 422


@pytest.mark.parametrize("body", [b"\xff\xfe{\x00}\x00", b'{"name": "\xe9"}'])
def test_body_in_another_encoding_is_400(world: World, body: bytes) -> None:
    answer = Client().generic("POST", "/api/keys", body, "application/json", headers=world.headers["administrator"])
    assert (answer.status_code, answer.json()["detail"]) == (400, "The body is not UTF-8. Encode it as UTF-8.")


@pytest.mark.parametrize("body", ["[]", "null", '"x"', "5", "true"])
def test_body_that_is_no_object_is_422(world: World, body: str) -> None:
    for path in ("/api/keys", "/api/token"):
        answer = call("POST", path, body, world.headers["administrator"])
        require_clear_answer(answer, None)
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["body"])


def test_field_gets_one_message_in_plain_words(world: World) -> None:
    sent = {
        "name": 5,
        "scopes": "chats:read",
        "inherits": "yes",
        "bot": "x",
        "kind": "robot",
        "expires_at": "soon",
        "networks": [7],
        "surprise": 1,
    }
    assert call_as_administrator(world, "POST", "/api/keys", sent).json()["errors"] == {
        "name": ["Send a string."],
        "scopes": ["Send a list."],
        "inherits": ["Send true or false."],
        "bot": ["Send a UUID."],
        "kind": ["Use 'master', 'standard', 'bot' or 'public'."],
        "expires_at": ["Use RFC 3339, such as 2026-12-31T23:59:59Z."],
        "networks.0": ["Send a string."],
        "surprise": ["There is no field of this name."],
    }
    answer = call_as_administrator(world, "GET", "/api/keys?bot=x&limit=many&status=live")
    assert answer.json()["errors"] == {
        "bot": ["Use a bot's id, or none."],
        "limit": ["Send a whole number."],
        "status": ["Use 'revoked', 'expired', 'paused', 'expiring' or 'active'."],
    }


@pytest.mark.parametrize("path", ["/api/keys", "/api/api-keys"])
def test_expiry_beyond_the_calendar_in_utc_is_422(world: World, path: str) -> None:
    for moment in ("9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59Z", "9999-06-01T00:00:00+02:00"):
        body = {"name": "x", "expires_at": moment} | ({"scopes": ["chats:read"]} if path == "/api/keys" else {})
        answer = call_as_administrator(world, "POST", f"{path}?organisation={world.home.slug}", body | {})
        if path == "/api/keys":
            answer = call_as_administrator(world, "POST", path, body | {"organisation": world.home.slug})
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["expires_at"])
    key = world.target["revoked"](world.home)
    answer = call_as_administrator(world, "POST", f"/api/keys/{key}/reactivate", {"expires_at": "9999-12-31T00:00:00Z"})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["expires_at"])


LISTS: Final = sorted(
    path
    for path, method, operation in openapi.operations(DOCUMENT)
    if method == "get" and "cursor" in [parameter["name"] for parameter in operation["parameters"]]
)


@pytest.mark.parametrize("path", LISTS)
def test_cursor_that_is_unreadable_or_of_another_list_is_422(world: World, path: str) -> None:
    key = world.target["key"](world.home)
    assert call_as_administrator(world, "PATCH", f"/api/keys/{key}", {"name": "renamed"}).status_code == 200
    place = path.replace("{key}", key) + ("?organisation=" + world.home.slug if path == "/api/api-keys" else "?limit=1")
    foreign = "WyJub3doZXJlIiwwLCJ4IiwieCJd"
    for cursor in ("x", "%00", foreign, foreign[:-3], "A" * 2000):
        answer = call_as_administrator(world, "GET", f"{place}&cursor={cursor}")
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["cursor"]), cursor


def test_page_past_the_end_is_empty(world: World) -> None:
    """A program that regenerates each key of a list must not begin again at the first page."""
    for _ in range(3):
        world.target["key"](world.home)
    listing = f"/api/keys?organisation={world.home.slug}&limit=2"
    url, seen = listing, []
    while url:
        answer = call_as_administrator(world, "GET", url)
        seen += [key["id"] for key in answer.json()]
        match = re.search(r'<([^>]+)>; rel="next"', answer.get("Link", ""))
        last, url = url, match[1] if match else ""
    assert len(seen) == len(set(seen)) >= 3
    for key in call_as_administrator(world, "GET", last).json():
        assert call_as_administrator(world, "DELETE", f"/api/keys/{key['id']}").status_code == 204
    answer = call_as_administrator(world, "GET", last)
    assert (answer.status_code, answer.json(), "Link" in answer) == (200, [], False)
    assert Event.objects.exists()


UNKNOWN_FILTERS: Final = [
    *("/api/keys?scope=nope", "/api/keys?scope=chats:rea", "/api/keys?scope=%00", "/api/keys?status=live"),
    *("/api/keys?status=active&status=revoked", "/api/keys?kind=robot", "/api/keys?open=yes", "/api/keys?used=30"),
    *("/api/history?type=key.stolen", "/api/history?since=yesterday", "/api/history?until=2026-02-30"),
    *("/api/people?role=chief", "/api/people?status=away", "/api/api-keys?serach=x", "/api/bots?name=x"),
    *("/api/allow-list-entries?bot=x", "/api/history/export?format=pdf"),
]


@pytest.mark.parametrize("url", UNKNOWN_FILTERS)
def test_unknown_filter_or_value_is_422_that_names_it(world: World, url: str) -> None:
    answer = call_as_administrator(world, "GET", url)
    name = url.partition("?")[2].partition("=")[0]
    assert (answer.status_code, list(answer.json().get("errors", {}))) == (422, [name])
    require_clear_answer(answer, None)


def test_bot_that_does_not_exist_is_404_in_a_filter(world: World) -> None:
    theirs = world.target["bot"](world.elsewhere)
    for bot in ("00000000-0000-4000-8000-000000000000", theirs):
        assert call("GET", f"/api/keys?bot={bot}", None, world.headers["owner"]).status_code == 404
    own = world.target["bot"](world.home)
    assert call("GET", f"/api/keys?bot={own.upper()}", None, world.headers["owner"]).json() == []
