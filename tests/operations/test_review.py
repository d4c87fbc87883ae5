"""Building and exporting the review report."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.models import EventType, Key, Organisation, ReviewBuild, ReviewFinding
from keyadmin.models.review import ANY
from keyadmin.operations import keys, review
from tests.factories import OPERATOR, KeyFactory, as_actor, member_of
from tests.operations.helpers import latest_event


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "BATCH_SIZE", 2)


def rows() -> dict[str, set[str]]:
    """By key, its findings; every row of a key says how many they are."""
    found: dict[str, set[str]] = {}
    names = {key.id: key.name for key in Key.objects.all()}
    for row in ReviewFinding.objects.all():
        found.setdefault(names.get(row.key_id, "gone"), set()).add(row.finding)
    for row in ReviewFinding.objects.all():
        assert row.total == len(found[names.get(row.key_id, "gone")] - {ANY})
    return found


@pytest.fixture
def made(northwind: Organisation) -> dict[str, Key]:
    soon = timezone.now() + timedelta(days=30)
    common: dict[str, Any] = {"organisation": northwind, "scopes": [], "networks": ["10.0.0.0/8"], "expires_at": soon}
    keys: dict[str, dict[str, Any]] = {
        "idle": {},
        "open": {"networks": []},
        "lasting": {"expires_at": None},
        "other": {},
        "revoked": {"revoked": True},
    }
    return {name: KeyFactory.create(name=name, **common | fields) for name, fields in keys.items()}


def test_report_covers_every_key_and_names_its_event(made: dict[str, Key]) -> None:
    number = keys.revoke(actor=OPERATOR, key=made["other"].id) and latest_event().number
    build = review.build()
    assert rows() == {
        "idle": {"never-used", ANY},
        "open": {"never-used", "open", ANY},
        "lasting": {"never-used", "no-expiry", ANY},
    }
    assert (build.event, ReviewBuild.objects.get().event) == (number, number)
    assert abs(build.at - timezone.now()) < timedelta(minutes=1)


def test_second_build_writes_only_what_changed(made: dict[str, Key]) -> None:
    review.build()
    before = dict(ReviewFinding.objects.extra(select={"version": "xmin::text"}).values_list("pk", "version"))
    made["open"].allow_list.create(network="10.0.0.0/8")
    keys.delete(actor=OPERATOR, key=made["lasting"].id)
    review.build()
    assert rows() == {"idle": {"never-used", ANY}, "open": {"never-used", ANY}, "other": {"never-used", ANY}}
    after = dict(ReviewFinding.objects.extra(select={"version": "xmin::text"}).values_list("pk", "version"))
    kept = {pk: version for pk, version in after.items() if pk[0] != made["open"].id}
    assert kept == {pk: before[pk] for pk in kept}


def test_second_builder_gets_a_conflict(northwind: Organisation) -> None:
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [review.BUILD_LOCK_ID])
        with pytest.raises(ConflictError, match="already being built"):
            review.build()
        other.execute("SELECT pg_advisory_unlock(%s)", [review.BUILD_LOCK_ID])
    assert review.build().event == 0


def test_export_is_recorded(northwind: Organisation) -> None:
    jonas, stranger = member_of(northwind, "owner"), member_of(northwind)
    review.export(actor=as_actor(jonas), organisation=None, finding="open")
    event = latest_event()
    assert (event.type, event.actor_id, event.organisation_id) == (EventType.REVIEW_EXPORTED, jonas.id, None)
    assert event.changes == {"finding": [None, "open"]}
    with pytest.raises(NotFoundError):
        review.export(actor=as_actor(stranger), organisation=None, finding="")
