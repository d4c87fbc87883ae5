"""What runs regularly: each by itself, and all that is due at once."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from django.core.management import CommandError
from django.db import connection
from django.utils import timezone

from keyadmin.models import CallOutcome, Event, IdempotencyRecord, Organisation, ReviewBuild, UsageHour, UsageRollUp
from keyadmin.operations import idempotency
from keyadmin.operations.usage import roll_up
from tests.factories import KeyFactory

type Command = Callable[..., str]


@pytest.fixture
def used(northwind: Organisation) -> None:
    """A key that was called yesterday, and very long ago."""
    key = KeyFactory(organisation=northwind)
    for days in (1, 4_000):
        hour = timezone.now() - timedelta(days=days)
        UsageHour.objects.create(key_id=key.id, hour=hour, outcome=CallOutcome.OK, count=1)


def test_usage_is_added_up_and_ends(command: Command, used: None) -> None:
    assert json.loads(command("prune_usage", "--json")) == {"removed": {"usage_hour": 1}}
    assert command("prune_usage") == "Nothing is too old.\n"
    told = json.loads(command("roll_up_usage", "--json"))
    assert told["hours_until"].endswith(":00:00Z")
    day = (timezone.now() - timedelta(days=2)).date()
    assert command("roll_up_usage", "--again-from", str(day)).startswith("Added up until ")
    for wrong in ("20270301", "2027-02-30", "yesterday"):
        with pytest.raises(CommandError, match="is not a day"):
            command("roll_up_usage", "--again-from", wrong)


def test_all_that_is_due(command: Command, used: None) -> None:
    assert command("housekeep") == "old usage removed: usage_hour 1\n"
    built = ReviewBuild.objects.get().at
    assert UsageRollUp.objects.exists()
    assert Event.objects.get().type == "usage.pruned"
    assert command("housekeep") == ""
    assert ReviewBuild.objects.get().at == built, "it is not an hour old"
    ReviewBuild.objects.update(at=built - timedelta(hours=1))
    assert set(json.loads(command("housekeep", "--json")).values()) == {""}
    assert ReviewBuild.objects.get().at > built


def test_repetitions_are_forgotten_after_a_month(command: Command) -> None:
    month = timezone.now() - idempotency.RETENTION
    for idempotency_key in ("old", "new"):
        IdempotencyRecord.objects.create(actor_id=UUID(int=1), idempotency_key=idempotency_key, result_id="x")
    IdempotencyRecord.objects.filter(idempotency_key="old").update(created_at=month)
    assert command("housekeep") == "old repetitions forgotten: 1\n"
    assert IdempotencyRecord.objects.get().idempotency_key == "new"


def test_what_somebody_else_is_doing_is_left_to_them(command: Command, used: None) -> None:
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [roll_up.ROLLING_UP])
        told = command("housekeep")
        other.execute("SELECT pg_advisory_unlock(%s)", [roll_up.ROLLING_UP])
    assert told.splitlines() == [
        "old usage removed: usage_hour 1",
        "usage added up: Somebody else is adding up the usage.",
    ]
