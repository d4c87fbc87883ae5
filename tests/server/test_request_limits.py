"""Limits of requests: size, number and cost. None of them needs the body."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver

from keyadmin.api.bodies import MAX_FIELDS
from keyadmin.api.errors import MAX_ERRORS
from keyadmin.server.body_sizes import MAX_BODY_SIZE, MAX_OPEN_BODY_SIZE, is_open
from tests.fixtures.committed_rows import CommittedRows
from tests.live.client import Response
from tests.live.servers import WORKERS, Server, gunicorn

JSON: Final = [("Content-Type", "application/json")]
FORM: Final = [("Content-Type", "application/x-www-form-urlencoded")]


@pytest.fixture(scope="module")
def pages(database_url: str, tmp_path_factory: Any) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("limits")
    with gunicorn(folder, database_url, DJANGO_SETTINGS_MODULE="keyadmin.settings") as server:
        yield server


def memory(server: Server) -> int:
    """Bytes of all workers."""
    return sum(psutil.Process(worker).memory_info().rss for worker in server.workers())


def post(server: Server, path: str, body: bytes, headers: list[tuple[str, str]] = JSON) -> Response:
    return server.request(path, headers, "POST", body)


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/api/token", MAX_OPEN_BODY_SIZE),
        ("/api/token/refresh", MAX_OPEN_BODY_SIZE),
        ("/api/token/revoke", MAX_OPEN_BODY_SIZE),
        ("/api/%74oken", MAX_OPEN_BODY_SIZE),
        ("/api/keys", MAX_BODY_SIZE),
        ("/api/verify", MAX_BODY_SIZE),
        ("/api/no-such-path", MAX_BODY_SIZE),
    ],
)
def test_large_body_is_413_as_a_problem(pages: Server, path: str, limit: int) -> None:
    answer = post(pages, path, b"a" * (limit + 1))
    assert (answer.status, answer.json["type"]) == (413, "urn:keyadmin:problem:content-too-large")
    assert answer.json["detail"] == f"The body may have at most {limit // 1024} KiB."
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert post(pages, path, b"a" * limit).status in (400, 401)


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/account/login/", MAX_OPEN_BODY_SIZE),
        ("/account/password/reset/", MAX_OPEN_BODY_SIZE),
        ("/welcome/abc/", MAX_OPEN_BODY_SIZE),
        ("/keys/", MAX_BODY_SIZE),
    ],
)
def test_large_form_is_413(pages: Server, path: str, limit: int) -> None:
    assert post(pages, path, b"a=" + b"a" * limit, FORM).status == 413
    assert post(pages, path, b"a=" + b"a" * (limit - 2), FORM).status != 413


def test_every_page_without_sign_in_has_the_limits_of_open_paths() -> None:
    def patterns(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, Any]]:
        for entry in resolver.url_patterns:
            route = prefix + str(entry.pattern).removeprefix("^")
            if isinstance(entry, URLResolver):
                yield from patterns(entry, route)
            else:
                yield route, entry.callback

    without = [route for route, view in patterns(get_resolver(), "/") if not getattr(view, "login_required", True)]
    assert "/account/login/" in without
    assert [route for route in without if not is_open(route)] == []


def test_chunked_body_is_411(pages: Server) -> None:
    for path in ("/api/token", "/account/login/"):
        answer = pages.request(path, [*JSON, ("Transfer-Encoding", "chunked")], "GET")
        assert answer.status == 411


def test_flood_of_large_bodies_leaves_memory_flat(pages: Server) -> None:
    fields = json.dumps({f"f{number}": 1 for number in range(200_000)}).encode()
    small = json.dumps({f"f{number}": 1 for number in range(MAX_FIELDS)}).encode()
    for _ in range(20):
        post(pages, "/api/token", small)
    before = memory(pages)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: post(pages, "/api/token", fields).status, range(60)))
        assert set(statuses) == {413}
        assert set(pool.map(lambda _: post(pages, "/api/token", small).status, range(60))) <= {422, 503}
        near = b"[" + b"[]," * 5000 + b"[]]"
        assert set(pool.map(lambda _: post(pages, "/api/token", near).status, range(60))) <= {422, 503}
    assert memory(pages) - before < 60 * 1024 * 1024


@pytest.mark.parametrize("count", [21, 100, MAX_FIELDS])
def test_unknown_fields_are_named_up_to_twenty(db: None, count: int) -> None:
    fields = {f"field{number}": number for number in range(count)}
    answer = Client().post("/api/token", fields, content_type="application/json")
    assert answer.status_code == 422
    assert sum(len(texts) for texts in answer.json()["errors"].values()) == MAX_ERRORS
    assert len(answer.content) < 4096


def test_more_fields_than_any_resource_has_are_no_json_of_this_api(db: None) -> None:
    fields = {f"field{number}": number for number in range(MAX_FIELDS + 1)}
    for body in (fields, {"email": fields}):
        assert Client().post("/api/token", body, content_type="application/json").status_code == 400


def test_long_name_of_an_unknown_field_is_cut(db: None) -> None:
    answer = Client().post("/api/token", {"x" * 10_000: 1}, content_type="application/json")
    assert answer.status_code == 422
    assert len(answer.content) < 1024


def test_requests_count_before_their_body_is_read(database_url: str, tmp_path: Path) -> None:
    """Each of the three processes counts by itself. Malformed requests count like others."""
    settings = {"DJANGO_SETTINGS_MODULE": "keyadmin.settings", "KEYADMIN_OPEN_REQUESTS_PER_MINUTE": "3"}
    with gunicorn(tmp_path, database_url, KEYADMIN_TRUSTED_PROXIES="127.0.0.1", **settings) as server:

        def send(path: str, body: bytes, address: str) -> Response:
            return post(server, path, body, [*JSON, ("X-Forwarded-For", address)])

        for path, body, address in (
            ("/api/token", b"{", "203.0.113.1"),
            ("/api/token", b'{"x": 1}', "203.0.113.2"),
            ("/api/token/refresh", b"", "203.0.113.3"),
            ("/account/login/", b"", "203.0.113.4"),
            ("/account/password/reset/", b"", "2001:db8:1:2::1"),
        ):
            answers = [send(path, body, address) for _ in range(40)]
            assert answers[0].status != 429, path
            refused = [answer for answer in answers if answer.status == 429]
            assert len(answers) - len(refused) <= 3 * WORKERS, path
            assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)
        same_network = [send("/account/login/", b"", f"2001:db8:1:2:ffff::{number}") for number in range(20)]
        assert 429 in {answer.status for answer in same_network}
        assert send("/account/login/", b"", "2001:db8:1:3::1").status != 429
        assert server.request("/account/login/", [("X-Forwarded-For", "203.0.113.4")]).status == 200


def test_flood_of_sign_ins_leaves_threads_to_calls(database_url: str, rows: CommittedRows, tmp_path: Path) -> None:
    """With the real cost of a hash. What there is no room for is answered at once."""
    created = rows.key(scopes=["keys:read"])
    settings = {"DJANGO_SETTINGS_MODULE": "keyadmin.settings", "KEYADMIN_TRUSTED_PROXIES": "127.0.0.1"}
    with gunicorn(tmp_path, database_url, **settings) as server:
        for _ in range(20):
            assert server.request("/api/whoami", created.headers).status == 200
        flood: list[Response] = []

        def sign_in(number: int) -> None:
            body = json.dumps({"email": f"p{number}@example.com", "password": "not the password"}).encode()
            flood.append(post(server, "/api/token", body, [*JSON, ("X-Forwarded-For", f"198.51.100.{number % 250}")]))

        with ThreadPoolExecutor(60) as pool:
            pending = [pool.submit(sign_in, number) for number in range(120)]
            waits, statuses = [], []
            while not all(future.done() for future in pending):
                began = time.monotonic()
                statuses.append(server.request("/api/whoami", created.headers).status)
                waits.append(time.monotonic() - began)
        assert sorted(waits)[int(len(waits) * 0.9)] < 1.0
        assert statuses.count(200) > len(statuses) * 0.9
        assert {answer.status for answer in flood} <= {401, 429, 503}
        refused = [answer for answer in flood if answer.status == 503]
        assert refused
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)
        assert {answer.json["type"] for answer in refused} == {"urn:keyadmin:problem:overloaded"}
