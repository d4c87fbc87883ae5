"""Pairs of concurrent operations that could interfere with each other. Locks fix the order in each test."""

from collections.abc import Callable
from functools import partial
from threading import Event as Signal
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from keyadmin.core.errors import ConflictError
from keyadmin.models import Event, Key, Organisation, Role, Scope
from keyadmin.operations import keys, people
from keyadmin.operations.catalogue import scopes, tiers
from keyadmin.operations.organisations import bots
from tests.factories import OPERATOR, KeyFactory, PersonFactory, TierFactory, as_actor, member_of
from tests.operations import cases
from tests.threads import run_concurrently, run_in_lock_order


@pytest.fixture
def scope(committed_organisation: Organisation) -> Scope:
    name = "races:" + committed_organisation.slug.rpartition("-")[2].translate(
        str.maketrans("0123456789", "ghijklmnop")
    )
    made: Scope = Scope.objects.create(name=name, resource="R", label="R", explanation="R", ability="race")
    return made


def issue(organisation: Organisation, **kwargs: Any) -> Callable[[], Any]:
    values = {"actor": OPERATOR, "organisation": organisation.id, "name": "CI", "scopes": ["chats:read"], **kwargs}
    return partial(keys.issue, **values)


def test_scope_counted_as_unused_stays_unused(
    committed_organisation: Organisation, scope: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, issued = Signal(), Signal()
    describe = scopes._describe

    def dawdle(row: Scope) -> Any:
        counted.set()
        issued.wait(1)
        return describe(row)

    def issue_meanwhile() -> Any:
        counted.wait(10)
        try:
            return issue(committed_organisation, scopes=["chats:read", scope.name])()
        finally:
            issued.set()

    monkeypatch.setattr(scopes, "_describe", dawdle)
    removed, made = run_concurrently(partial(scopes.remove, actor=OPERATOR, scope=scope.name), issue_meanwhile)
    assert removed is None
    assert isinstance(made, ConflictError)
    assert not Key.objects.filter(organisation=committed_organisation).exists()


def test_new_key_keeps_its_scope(committed_organisation: Organisation, scope: Scope) -> None:
    made, raised = run_in_lock_order(
        issue(committed_organisation, scopes=[scope.name]), partial(scopes.remove, actor=OPERATOR, scope=scope.name)
    )
    assert made.key.scopes.get() == scope
    assert raised.message == "1 key has this permission. Remove it from the key first."


def test_edited_key_keeps_its_scope(committed_organisation: Organisation, scope: Scope) -> None:
    key = KeyFactory.create(organisation=committed_organisation)
    edited, raised = run_in_lock_order(
        partial(keys.edit, actor=OPERATOR, key=key.id, revision=1, scopes=[scope.name]),
        partial(scopes.remove, actor=OPERATOR, scope=scope.name),
    )
    assert edited == key
    assert raised.message == "1 key has this permission. Remove it from the key first."


def test_new_key_keeps_its_tier(committed_organisation: Organisation) -> None:
    tier = TierFactory.create()
    made, raised = run_in_lock_order(
        issue(committed_organisation, tier=tier.id), partial(tiers.remove, actor=OPERATOR, tier=tier.id)
    )
    assert made.key.tier == tier
    assert raised.message == "1 key has this tier. Give it another tier first."


def test_key_with_a_removed_tier_is_not_issued(committed_organisation: Organisation) -> None:
    tier = TierFactory.create()
    removed, raised = run_in_lock_order(
        partial(tiers.remove, actor=OPERATOR, tier=tier.id), issue(committed_organisation, tier=tier.id)
    )
    assert removed is None
    assert "conflicts with yours" in raised.message


def test_deactivated_administrator_writes_nothing_afterwards(
    committed_organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator, allowed, answered = PersonFactory.create(administrator=True), Signal(), Signal()
    PersonFactory.create(administrator=True)
    check = bots._clean

    def dawdle(bot: Any) -> None:
        allowed.set()
        answered.wait(1)
        check(bot)

    def deactivate() -> None:
        allowed.wait(10)
        people.deactivate(actor=OPERATOR, person=administrator.id)
        answered.set()

    monkeypatch.setattr(bots, "_clean", dawdle)
    create = partial(
        bots.create, actor=as_actor(administrator), organisation=committed_organisation.id, name="Concierge"
    )
    done = run_concurrently(create, deactivate)
    assert [each for each in done if isinstance(each, Exception)] == []
    told = Event.objects.filter(target_id__in=[str(administrator.id), str(done[0].id)])
    assert list(told.order_by("number").values_list("type", flat=True)) == ["bot.created", "person.deactivated"]


def _is_held(person: Any) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        try:
            cursor.execute("SELECT 1 FROM person WHERE id = %s FOR NO KEY UPDATE NOWAIT", [person.id])
        except OperationalError:
            return True
    return False


@pytest.mark.parametrize("name", cases.ALL_CASES)
def test_every_operation_locks_the_acting_person(committed_organisation: Organisation, name: str) -> None:
    """Until the commit: an actor cannot be deactivated or demoted before an operation that they may still finish."""
    administrator = PersonFactory.create(administrator=True)
    with transaction.atomic():
        cases.ALL_CASES[name](cases.world(committed_organisation), as_actor(administrator))
        [held] = run_concurrently(partial(_is_held, administrator))
        transaction.set_rollback(True)
    assert held is True


def test_creator_of_an_inheriting_key_is_locked(committed_organisation: Organisation) -> None:
    owner = member_of(committed_organisation, Role.OWNER)
    with transaction.atomic():
        key = KeyFactory.create(organisation=committed_organisation, inherits=True, creator=owner)
        bots_key = as_actor(key)
        keys.revoke(actor=bots_key, key=KeyFactory.create(organisation=committed_organisation).id)
        [held] = run_concurrently(partial(_is_held, owner))
        transaction.set_rollback(True)
    assert held is True


def test_people_who_change_each_other_do_not_deadlock(committed_organisation: Organisation) -> None:
    people_here = [member_of(committed_organisation, Role.OWNER) for _ in range(4)]
    renames = [
        partial(people.edit, actor=as_actor(one), person=other.id, name=f"{one.id} {other.id}")
        for one in people_here
        for other in people_here
        if one != other
    ]
    roles = [
        partial(
            people.set_role,
            actor=as_actor(one),
            person=other.id,
            organisation=committed_organisation.id,
            role=Role.OWNER,
        )
        for one, other in zip(people_here, reversed(people_here), strict=True)
    ]
    creations = [
        partial(bots.create, actor=as_actor(one), organisation=committed_organisation.id, name=f"Bot of {one}")
        for one in people_here
    ]
    done = run_concurrently(*renames, *roles, *creations)
    assert not [each for each in done if isinstance(each, ConflictError)]
    assert sum(isinstance(each, Exception) for each in done) == len(roles)  # nothing to save: they are owners
