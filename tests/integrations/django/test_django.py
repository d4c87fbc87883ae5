"""Django projects with KeyMiddleware and `requires()`: sync and async, under WSGI, ASGI and a mount point."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.test import RequestFactory
from django.urls import path

from keyadmin.env import ROOT
from keyadmin.integrations.django.decorators import ATTRIBUTE, requirement_of, requires
from keyadmin.server.embedded_postgres import CALLS
from tests.example import marked
from tests.fixtures.committed_rows import CommittedRows, CreatedKey
from tests.live.client import Response
from tests.live.servers import Server, free_port, run_server
from tests.owner import url_as

ELSEWHERE = "tests.example.elsewhere"


@dataclass
class Project:
    """A running project, and the path of its decorated views."""

    server: Server
    at: str

    def request(self, path: str, created: CreatedKey | None = None, method: str = "GET", **headers: str) -> Response:
        rows = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return self.server.request(self.at + path, [*(created.headers if created else ()), *rows], method)


@contextmanager
def elsewhere(kind: str, folder: Path, database_url: str, **environ: str) -> Iterator[Server]:
    """Run the other project with the database role of the call path, which is enough."""
    port = free_port()
    commands = {
        "wsgi": ["gunicorn", "--config", "gunicorn.conf.py", "--bind", f"127.0.0.1:{port}", "tests.example.wsgi"],
        "asgi": [
            "granian",
            "--interface",
            "asgi",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "2",
            "tests.example.asgi:application",
        ],
    }
    environ = {"DJANGO_SETTINGS_MODULE": ELSEWHERE, "DATABASE_URL": url_as(CALLS, database_url)} | environ
    with run_server([sys.executable, "-m", *commands[kind]], port, folder / "log", environ) as server:
        yield server


@pytest.fixture(scope="module")
def asgi(database_url: str, tmp_path_factory: Any) -> Iterator[Server]:
    with elsewhere("asgi", tmp_path_factory.mktemp("asgi"), database_url) as server:
        yield server


@pytest.fixture(scope="module")
def mounted(database_url: str, tmp_path_factory: Any) -> Iterator[Server]:
    with elsewhere("wsgi", tmp_path_factory.mktemp("mounted"), database_url, SCRIPT_NAME="/crm") as server:
        yield server


@pytest.fixture(scope="module", params=["keyadmin's own settings", "asgi", "mounted"])
def project(request: pytest.FixtureRequest) -> Project:
    match request.param:
        case "asgi":
            return Project(request.getfixturevalue("asgi"), "/v1/")
        case "mounted":
            return Project(request.getfixturevalue("mounted"), "/crm/v1/")
    return Project(request.getfixturevalue("server"), "/api/marked/")


@pytest.mark.parametrize("view", ["sync", "async", "class", "class-async", "by-method"])
def test_key_with_the_required_permission_is_allowed_and_counted(
    project: Project, rows: CommittedRows, view: str
) -> None:
    created, other = rows.key(), rows.key(scopes=("templates:read",))
    answer = project.request(view, created)
    assert answer.status == 200, answer.body
    assert (answer.json["key_id"], answer.headers["RateLimit"]) == (created.key.key_id, '"hour";r=999')
    assert answer.headers["Cache-Control"] == "no-store"
    denied = project.request(view, other)
    assert (denied.status, denied.headers["RateLimit"]) == (403, '"hour";r=1000')
    assert "chats:read" in denied.headers["WWW-Authenticate"]
    assert project.request(view).status == 401
    assert (rows.meter(created).total, rows.meter(other).total) == (1, 0)


def test_key_with_one_of_several_permissions_is_allowed(project: Project, rows: CommittedRows) -> None:
    assert project.request("async", rows.key(scopes=("contacts:manage",))).status == 200


def test_class_with_a_requirement_for_each_method_checks_the_method(project: Project, rows: CommittedRows) -> None:
    reads, manages = rows.key(), rows.key(scopes=("contacts:manage",))
    for view in ("by-method", "shop/a/by-method"):
        statuses = [
            project.request(view, created, method).status for created in (reads, manages) for method in ("GET", "POST")
        ]
        assert statuses == [200, 403, 403, 200]
        assert project.request(view, reads, "HEAD").status == 200
        assert project.request(view, manages, "HEAD").status == 403


def test_view_that_requires_no_permission_allows_any_key(project: Project, rows: CommittedRows) -> None:
    assert project.request("any", rows.key(scopes=())).status == 200
    assert project.request("any").status == 401


def test_view_without_a_requirement_follows_the_catalogue(project: Project, rows: CommittedRows) -> None:
    assert project.request("unheard-of", rows.key()).status == 403
    assert project.request("hidden", rows.key()).status == 403


@pytest.mark.parametrize("include", ["shop/", "list/"])
def test_include_with_a_requirement_checks_every_view_inside(
    project: Project, rows: CommittedRows, include: str
) -> None:
    created, reader = rows.key(scopes=("templates:read",)), rows.key()
    for view in ("list", "aisle-1/deep"):
        assert project.request(include + view, created).status == 200
        assert project.request(include + view, reader).status == 403
        assert project.request(include + view).status == 401
    for view in ("async", "aisle-1/own"):  # with requirements of their own
        assert project.request(include + view, created).status == 403
        assert project.request(include + view, reader).status == 200
    assert project.request(include + "nothing", created).status == 403


def test_restricted_key_is_allowed_in_its_channels_only(project: Project, rows: CommittedRows) -> None:
    organisation = rows.organisation()
    created = rows.key(organisation, channels=(rows.channel(organisation, "sms"),))
    assert project.request("header", created, X_Channel="sms").status == 200
    assert project.request("header", created, X_Channel="web").status == 403
    assert project.request("header", created).status == 403
    assert project.request("channels/sms/x", created).status == 200
    assert project.request("channels/web/x", created, X_Channel="sms").status == 403
    assert project.request("sync", created).status == 200
    assert project.request("channels/web/x", rows.key()).status == 200


def test_view_whose_requirement_was_not_checked_answers_no_call(project: Project, rows: CommittedRows) -> None:
    """A method that is decorated like a function, and a view outside the closed prefixes."""
    every = rows.key(scopes=("chats:read", "templates:read"))
    for view in ("wrongly", "shop/class"):
        assert project.request(view, every).status == 500
    outside = project.at.removesuffix("v1/").removesuffix("api/marked/") + "outside/marked"
    for created in (None, rows.key()):
        answer = project.server.request(outside, created.headers if created else ())
        assert answer.status in (302, 500)  # keyadmin's own pages redirect to sign-in
        assert b'"pid"' not in answer.body


@pytest.mark.parametrize(
    "path",
    [
        *["%73ync", "./sync", "../v1/sync", "/sync", "sync%3b", "sync;x", "sync%00", "sync%2f", "sync%3f", "sync%23x"],
        *["sync/%EF%BC%8F", b"\xff", b"sync/\xc3", b"sync/\xc0\xae"],
    ],
)
def test_path_that_can_be_read_in_two_ways_is_400(project: Project, rows: CommittedRows, path: str | bytes) -> None:
    created = rows.key()
    raw = path.encode() if isinstance(path, str) else path
    assert project.server.request(project.at.encode() + raw, created.headers).status == 400
    assert rows.meter(created).total == 0


def test_path_outside_the_closed_prefixes_needs_no_key(asgi: Server, mounted: Server) -> None:
    for server, at in ((asgi, ""), (mounted, "/crm")):
        assert server.request(at + "/outside/who").json == {"caller": False}


def test_repeated_credential_under_asgi_is_400_and_underscored_one_is_ignored(
    asgi: Server, rows: CommittedRows
) -> None:
    created = rows.key()
    assert asgi.request("/v1/sync", created.headers * 2).status == 400
    assert asgi.request("/v1/sync", [("X_API_KEY", created.token.value)]).status == 401
    assert asgi.request("/v1/sync", [*created.headers, ("X_Forwarded_For", "10.0.0.1")]).status == 200
    assert str(rows.meter(created).last_used_ip) == "127.0.0.1"


def test_revoked_key_is_denied_by_every_worker(asgi: Server, rows: CommittedRows) -> None:
    created = rows.key()
    for _ in range(8):
        assert asgi.request("/v1/async", created.headers).status == 200
    rows.execute("UPDATE key SET revoked_at = now() WHERE id = %s", created.key.id)
    rows.execute("UPDATE meter SET version = version + 1 WHERE key_id = %s", created.key.id)
    for _ in range(8):
        assert asgi.request("/v1/async", created.headers).status == 401


def test_calls_of_a_locked_key_are_503_in_time_and_delay_no_other_key(asgi: Server, rows: CommittedRows) -> None:
    """With more calls than threads, none takes longer than two seconds."""
    locked, free = rows.key(), rows.key()

    def timed(created: CreatedKey) -> tuple[int, bool]:
        began = time.monotonic()
        return asgi.request("/v1/async", created.headers).status, time.monotonic() - began < 2

    with ThreadPoolExecutor(60) as pool:
        assert set(pool.map(timed, [locked, free] * 30)) == {(200, True)}
    with ThreadPoolExecutor(60) as pool, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM meter WHERE key_id = %s FOR UPDATE", [locked.key.id])
        assert set(pool.map(timed, [locked] * 60)) == {(503, True)}
    assert asgi.request("/v1/async", free.headers).status == 200
    assert asgi.request("/v1/async", locked.headers).status == 200


def test_other_project_logs_the_key_id_and_never_the_secret(asgi: Server, rows: CommittedRows) -> None:
    created = rows.key()
    asgi.request("/v1/shop/list", created.headers)
    log = asgi.log.read_text()
    assert str(created.key.id) in log
    assert created.token.secret not in log


@pytest.mark.parametrize("command", [["check"], ["migrate", "--plan"], ["makemigrations", "--check", "--dry-run"]])
def test_commands_of_the_other_project_do_not_touch_keyadmins_tables(database_url: str, command: list[str]) -> None:
    environ = os.environ | {"DJANGO_SETTINGS_MODULE": ELSEWHERE, "DATABASE_URL": url_as(CALLS, database_url)}
    done = subprocess.run(
        [sys.executable, "-m", "django", *command], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "keyadmin." not in done.stdout


@pytest.mark.parametrize("scope", ["chats", "Chats:read", "chats:read,chats:write", "", 7])
def test_malformed_permission_raises_when_decorated(scope: Any) -> None:
    with pytest.raises(ImproperlyConfigured):
        requires(scope)


def test_contradicting_requirements_raise_when_decorated() -> None:
    with pytest.raises(ImproperlyConfigured):
        requires("a:b")(requires("c:d")(lambda request: None))
    with pytest.raises(ImproperlyConfigured):
        requires("a:b", channel_header=True, channel_kwarg="channel")


def test_decorated_view_called_without_the_middleware_raises(rf: RequestFactory) -> None:
    guarded = requires("shop:read")([path("x", marked.unmarked)])[0].callback
    for view in (marked.reads, marked.Reads.as_view(), guarded):
        with pytest.raises(ImproperlyConfigured):
            view(rf.get("/"))
    request = rf.get("/")
    setattr(request, ATTRIBUTE, requirement_of(marked.reads, "GET"))
    with pytest.raises(ImproperlyConfigured):
        guarded(request)
