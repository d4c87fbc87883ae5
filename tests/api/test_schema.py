"""The API agrees with its OpenAPI document: schemathesis sends valid and invalid requests to the live server.

Requests are generated one by one and in sequences along the document's links. Another test requests the objects of one
organisation as another one, and expects that it cannot read them.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from django.db.models import F, Model

from keyadmin.models import Event, EventType, Organisation, Person, Scope, ScopeRoute, Tier, Version
from keyadmin.models.meter import CATALOGUE
from tests.api.documented import for_scheme
from tests.api.world import World, token_of, worlds
from tests.fixtures.committed_rows import CommittedRows
from tests.live.servers import Server

CONFIG: Final = Path(__file__).with_name("schemathesis.toml")
SECONDS: Final = 10
"""Seconds of each of the three runs."""
SCOPES: Final = ("keys:read", "keys:write", "keys:verify", "history:read", "chats:read")


@pytest.fixture
def catalogue(call_path_connections: None, django_db_blocker: Any) -> Iterator[None]:
    """Restore the catalogue afterwards: an administrator's run changes it."""
    with django_db_blocker.unblock():
        models: tuple[type[Model], ...] = (Tier, Scope, ScopeRoute)
        kept = [(model, list(model._default_manager.values())) for model in models]
    yield
    with django_db_blocker.unblock():
        ScopeRoute.objects.all().delete()
        for model, rows in kept:
            known = [model(**row) for row in rows]
            model._default_manager.exclude(pk__in=[row.pk for row in known]).delete()
            fields = [field.name for field in model._meta.concrete_fields if not field.primary_key]
            model._default_manager.bulk_create(
                known, update_conflicts=True, unique_fields=[model._meta.pk.name], update_fields=fields
            )
        Version.objects.filter(subject=CATALOGUE).update(number=F("number") + 1)


@pytest.fixture
def world(catalogue: None, rows: CommittedRows) -> Iterator[World]:
    created = worlds(rows)
    world = next(created)
    known = [
        (into, model, ids(model))
        for into, model in (
            (rows.organisations, Organisation),
            (rows.tiers, Tier),
            (rows.people, Person),
        )
    ]
    yield world
    for into, model, before in known:
        into += ids(model) - before
    next(created, None)


def ids(model: Any) -> set[Any]:
    return set(model.objects.values_list("id", flat=True))


def users(world: World, caller: str) -> dict[str, dict[str, str]]:
    """Headers by user name. The first user calls; the others may not see its objects."""
    if caller == "key":
        keys = [world.rows.key(each, scopes=SCOPES, limit=1_000_000) for each in (world.home, world.elsewhere)]
        return {str(number): {"X-API-Key": key.token.value} for number, key in enumerate(keys)}
    if caller == "owner":
        other = world.rows.person(world.elsewhere, "owner")
        tokens = [world.headers["owner"]["Authorization"], f"Bearer {token_of(other)}"]
        return {str(number): {"Authorization": token} for number, token in enumerate(tokens)}
    return {"0": world.headers["administrator"]}


@pytest.mark.parametrize("caller", ["key", "owner", "administrator"])
def test_schemathesis_finds_no_difference_between_document_and_server(
    own_server: Server, world: World, caller: str, tmp_path: Path
) -> None:
    asking = users(world, caller)
    document = own_server.request("/api/openapi.json").json
    (tmp_path / "openapi.json").write_text(json.dumps(for_scheme(document, "key" if caller == "key" else "bearer")))
    auth = [
        {"name": name, "fixedHeaders": [{"name": key, "value": value} for key, value in headers.items()]}
        for name, headers in asking.items()
    ]
    (tmp_path / "auth.json").write_text(json.dumps({"auth": auth}))
    config = f'{CONFIG.read_text()}\n[auth.wfc]\npath = "{tmp_path}/auth.json"\nuser = "0"\n'
    (tmp_path / "schemathesis.toml").write_text(config + (f"peers = {json.dumps(list(asking))}\n" if auth[1:] else ""))
    run = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            "openapi.json",
            "--checks=all",
            "--seed=5",
            f"--url=http://localhost:{own_server.port}/",
            f"--max-time={SECONDS}",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=6 * SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    assert "Stateful" in run.stdout
    done = set(Event.objects.filter(interface="api").values_list("type", flat=True))
    assert done - {EventType.SIGN_IN_FAILED}, "it has only read"
