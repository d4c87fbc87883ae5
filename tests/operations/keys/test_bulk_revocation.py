"""Bulk revocation: each key once, with its event, and only while the person may revoke it."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.models import (
    BulkOutcome,
    BulkRevocation,
    Event,
    EventType,
    Key,
    KeyKind,
    Organisation,
    OutboxJob,
    Person,
    Role,
)
from keyadmin.operations import keys as operations
from keyadmin.operations import maintenance, organisations, people
from keyadmin.operations.keys import bulk_revocation
from tests.factories import OPERATOR, KeyFactory, OrganisationFactory, as_actor, member_of
from tests.jobs import run_due_jobs
from tests.operations.helpers import latest_event, meter_version
from tests.owner import events_rejected
from tests.threads import run_concurrently


def make_keys(organisation: Organisation, count: int) -> list[Key]:
    return [KeyFactory.create(organisation=organisation) for _ in range(count)]


def start(person: Person, keys: list[Key], **values: Any) -> BulkRevocation:
    return bulk_revocation.start(actor=as_actor(person), keys=[key.id for key in keys], **values)


def outcomes(revocation: BulkRevocation) -> list[str]:
    return list(revocation.keys.order_by("id").values_list("outcome", flat=True))


def revoked_targets() -> list[str]:
    """The target of each event of a revoked key, in order."""
    events = Event.objects.filter(type=EventType.KEY_REVOKED).order_by("number")
    return list(events.values_list("target_id", flat=True))


def test_each_key_is_revoked_in_order_with_an_event_of_the_person(northwind: Organisation, jonas: Person) -> None:
    keys = make_keys(northwind, 3)
    versions = [meter_version(key) for key in keys]
    actor = as_actor(jonas, ip="198.51.100.7", user_agent="Firefox", request_id="r-1")
    started = bulk_revocation.start(actor=actor, keys=[key.id for key in keys], reason="New tills")
    assert not Key.objects.exclude(revoked_at=None).exists()
    assert run_due_jobs() == 1
    assert revoked_targets() == [str(key.id) for key in keys]
    for event in Event.objects.filter(type=EventType.KEY_REVOKED):
        assert (event.actor_id, event.actor_label, event.interface) == (jonas.id, "Jonas Lind", "page")
        assert (event.ip, event.user_agent, event.request_id) == ("198.51.100.7", "Firefox", "r-1")
        assert (event.reason, event.organisation_id) == ("New tills", northwind.id)
    assert [meter_version(key) for key in keys] == [version + 1 for version in versions]
    assert set(Key.objects.values_list("revoked_reason", flat=True)) == {"New tills"}
    started.refresh_from_db()
    assert started.finished_at is not None
    assert outcomes(started) == [BulkOutcome.REVOKED] * 3
    assert not OutboxJob.objects.exists()


def test_key_that_is_created_later_is_not_revoked(northwind: Organisation, jonas: Person) -> None:
    start(jonas, make_keys(northwind, 2))
    later = KeyFactory.create(organisation=northwind)
    run_due_jobs()
    later.refresh_from_db()
    assert later.revoked_at is None


@pytest.mark.parametrize(
    "lose",
    [
        lambda person, organisation: people.deactivate(actor=OPERATOR, person=person.id),
        lambda person, organisation: people.set_role(
            actor=OPERATOR, person=person.id, organisation=organisation.id, role=Role.AUDITOR
        ),
        lambda person, organisation: people.remove_role(actor=OPERATOR, person=person.id, organisation=organisation.id),
    ],
    ids=["deactivated", "demoted", "removed"],
)
def test_person_who_loses_the_permission_does_not_go_on(
    northwind: Organisation, jonas: Person, lose: Callable[[Person, Organisation], Any]
) -> None:
    owner = member_of(northwind, Role.OWNER)
    keys = make_keys(northwind, 4)
    started = start(owner, keys)
    assert bulk_revocation.run(started.id, seconds=0) is True
    lose(owner, northwind)
    run_due_jobs()
    assert outcomes(started) == [BulkOutcome.REVOKED, *[BulkOutcome.FORBIDDEN] * 3]
    assert revoked_targets() == [str(keys[0].id)]


def test_organisation_that_is_disabled_meanwhile_keeps_its_keys(northwind: Organisation, jonas: Person) -> None:
    started = start(jonas, make_keys(northwind, 2))
    organisations.disable(actor=OPERATOR, organisation=northwind.id)
    run_due_jobs()
    assert outcomes(started) == [BulkOutcome.DISABLED] * 2
    assert revoked_targets() == []


def test_keys_that_changed_meanwhile_are_skipped_with_the_reason(northwind: Organisation, jonas: Person) -> None:
    revoked, deleted, expired, left = make_keys(northwind, 4)
    started = start(jonas, [revoked, deleted, expired, left])
    earlier = operations.revoke(actor=OPERATOR, key=revoked.id, reason="Before")
    operations.delete(actor=OPERATOR, key=deleted.id)
    Key.objects.filter(id=expired.id).update(expires_at=timezone.now() - timedelta(minutes=1))
    run_due_jobs()
    assert outcomes(started) == [
        BulkOutcome.ALREADY_REVOKED,
        BulkOutcome.DELETED,
        BulkOutcome.REVOKED,
        BulkOutcome.REVOKED,
    ]
    assert started.keys.get(key_id=revoked.id).at == earlier.revoked_at
    assert revoked_targets().count(str(revoked.id)) == 1
    assert Key.objects.get(id=revoked.id).revoked_reason == "Before"


def test_key_that_fails_does_not_stop_the_others(northwind: Organisation, jonas: Person) -> None:
    started = start(jonas, make_keys(northwind, 3))
    with events_rejected():
        bulk_revocation.run(started.id, seconds=0)
    run_due_jobs()
    assert outcomes(started) == [BulkOutcome.FAILED, BulkOutcome.REVOKED, BulkOutcome.REVOKED]
    assert Key.objects.exclude(revoked_at=None).count() == 2


def test_start_is_all_or_nothing(northwind: Organisation, contoso: Organisation, jonas: Person, asha: Person) -> None:
    keys = make_keys(northwind, 2)
    master = KeyFactory.create(organisation=northwind, kind=KeyKind.MASTER)
    theirs = KeyFactory.create(organisation=contoso)
    head = latest_event().number if Event.objects.exists() else 0
    with pytest.raises(ForbiddenError):
        start(asha, keys)
    with pytest.raises(ForbiddenError):
        start(jonas, [*keys, master])
    with pytest.raises(NotFoundError):
        start(jonas, [*keys, theirs])
    with pytest.raises(NotFoundError):
        bulk_revocation.start(actor=as_actor(jonas), keys=[keys[0].id, uuid4()])
    with pytest.raises(InvalidInputError):
        start(jonas, [])
    with pytest.raises(InvalidInputError):
        start(jonas, keys, reason="a\u202eb")
    assert (BulkRevocation.objects.count(), OutboxJob.objects.count()) == (0, 0)
    assert not Event.objects.filter(number__gt=head).exists()


def test_start_takes_at_most_ten_thousand_keys(northwind: Organisation) -> None:
    with pytest.raises(InvalidInputError, match="10000"):
        bulk_revocation.start(actor=OPERATOR, keys=[uuid4() for _ in range(10_001)])


def test_key_named_twice_is_revoked_once(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory.create(organisation=northwind)
    started = start(jonas, [key, key])
    assert started.key_count == 1
    run_due_jobs()
    assert outcomes(started) == [BulkOutcome.REVOKED]


def test_stopped_revocation_goes_no_further(northwind: Organisation, jonas: Person) -> None:
    started = start(jonas, make_keys(northwind, 3))
    bulk_revocation.run(started.id, seconds=0)
    bulk_revocation.stop(actor=as_actor(jonas), revocation=started.id)
    assert bulk_revocation.run(started.id) is False
    run_due_jobs()
    assert outcomes(started) == [BulkOutcome.REVOKED, BulkOutcome.WAITING, BulkOutcome.WAITING]
    with pytest.raises(ConflictError, match="already ended"):
        bulk_revocation.stop(actor=as_actor(jonas), revocation=started.id)
    started.refresh_from_db()
    assert started.finished_at is None


def test_start_in_several_organisations_is_an_event_of_none(northwind: Organisation, maya: Person) -> None:
    keys: list[Key] = [
        KeyFactory.create(organisation=northwind),
        KeyFactory.create(organisation=OrganisationFactory.create()),
    ]
    start(maya, keys)
    assert latest_event().organisation_id is None
    run_due_jobs()
    ids = [str(key.organisation_id) for key in keys]
    assert [
        str(each)
        for each in Event.objects.filter(type=EventType.KEY_REVOKED)
        .order_by("number")
        .values_list("organisation_id", flat=True)
    ] == ids


def test_old_revocations_are_deleted(northwind: Organisation, jonas: Person) -> None:
    old, new = start(jonas, make_keys(northwind, 1)), start(jonas, make_keys(northwind, 1))
    BulkRevocation.objects.filter(id=old.id).update(started_at=timezone.now() - timedelta(days=31))
    maintenance.run(OPERATOR, only_due=False)
    assert list(BulkRevocation.objects.all()) == [new]
    run_due_jobs()
    assert outcomes(new) == [BulkOutcome.REVOKED]


def test_two_workers_on_the_same_revocation_revoke_each_key_once(committed_organisation: Organisation) -> None:
    owner = member_of(committed_organisation, Role.OWNER)
    keys = make_keys(committed_organisation, 30)
    started = start(owner, keys)
    done = run_concurrently(*[partial(bulk_revocation.run, started.id, seconds=60)] * 3)
    assert done == [False] * 3
    assert sorted(revoked_targets()) == sorted(str(key.id) for key in keys)
    assert outcomes(started) == [BulkOutcome.REVOKED] * 30


def test_no_key_is_revoked_after_stop_was_answered(committed_organisation: Organisation) -> None:
    owner = member_of(committed_organisation, Role.OWNER)
    started = start(owner, make_keys(committed_organisation, 60))

    def stop() -> int:
        while not started.keys.exclude(outcome=BulkOutcome.WAITING).exists():
            pass
        bulk_revocation.stop(actor=as_actor(owner), revocation=started.id)
        return Key.objects.exclude(revoked_at=None).count()

    _, when_stopped = run_concurrently(partial(bulk_revocation.run, started.id, seconds=60), stop)
    assert 1 <= when_stopped < 60
    assert Key.objects.exclude(revoked_at=None).count() == when_stopped
    assert started.counts().revoked == when_stopped
