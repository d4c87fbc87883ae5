"""Operations that run at the same time, in real threads with real commits."""

from datetime import timedelta
from functools import partial
from itertools import pairwise

import pytest

from keyadmin.core.errors import ConflictError, DuplicateRequestError
from keyadmin.models import Event, Key, KeyKind, Organisation, Person, Role, SystemRole
from keyadmin.operations import audit, idempotency, keys, people
from keyadmin.operations.catalogue import channels
from keyadmin.operations.organisations import allow_lists, bots
from tests.factories import OPERATOR, BotFactory, ChannelFactory, KeyFactory, PersonFactory, as_actor, member_of
from tests.operations.helpers import meter_version, version
from tests.threads import run_concurrently


def test_fifty_concurrent_changes_leave_a_gapless_valid_chain(committed_organisation: Organisation) -> None:
    first = Event.objects.count()
    made = [KeyFactory.create(organisation=committed_organisation) for _ in range(25)]
    renamed = [BotFactory.create() for _ in range(25)]
    done = run_concurrently(
        *(partial(keys.revoke, actor=OPERATOR, key=key.id) for key in made),
        *(partial(bots.edit, actor=OPERATOR, bot=bot.id, description="New") for bot in renamed),
    )
    assert [each for each in done if isinstance(each, Exception)] == []
    events = list(Event.objects.order_by("number"))
    assert [event.number for event in events] == list(range(1, first + 51))
    assert all(bytes(event.hash) == audit.hash_of(event) for event in events)
    for before, after in pairwise(events):
        assert bytes(after.previous_hash) == bytes(before.hash)
        assert after.at >= before.at


def test_concurrent_changes_bump_every_version(committed_organisation: Organisation) -> None:
    start = version(committed_organisation)
    made = [BotFactory.create(organisation=committed_organisation) for _ in range(8)]
    run_concurrently(*(partial(bots.disable, actor=OPERATOR, bot=bot.id) for bot in made))
    assert version(committed_organisation) == start + 8


def test_two_administrators_who_demote_each_other_leave_one(committed_organisation: Organisation) -> None:
    for act in (
        lambda actor, person: people.set_system_role(actor=as_actor(actor), person=person.id, system_role=""),
        lambda actor, person: people.deactivate(actor=as_actor(actor), person=person.id),
    ):
        Person.objects.update(system_role="")
        one, other = PersonFactory.create(administrator=True), PersonFactory.create(administrator=True)
        done = run_concurrently(partial(act, one, other), partial(act, other, one))
        assert sum(isinstance(each, Exception) for each in done) == 1
        assert Person.objects.active().filter(system_role=SystemRole.ADMINISTRATOR).count() == 1


@pytest.mark.parametrize("grace", [timedelta(0), timedelta(hours=1)])
def test_two_concurrent_regenerations_leave_one_current_secret(
    committed_organisation: Organisation, grace: timedelta
) -> None:
    key = KeyFactory.create(organisation=committed_organisation)
    done = run_concurrently(*[partial(keys.regenerate, actor=OPERATOR, key=key.id, grace=grace)] * 2)
    assert all(isinstance(each, keys.IssuedKey) for each in done)
    assert key.secrets.filter(not_after__isnull=True).count() == 1
    assert key.secrets.filter(not_after__isnull=False).count() == (1 if grace else 0)
    assert meter_version(key) == 3


def test_form_submitted_six_times_at_once_issues_one_key(committed_organisation: Organisation) -> None:
    owner = as_actor(member_of(committed_organisation, Role.OWNER))
    issue = partial(keys.issue, actor=owner, organisation=committed_organisation.id, name="CI", scopes=["chats:read"])
    done = run_concurrently(
        *[partial(idempotency.run_once, actor=owner, idempotency_key="the form", operation=issue)] * 6
    )
    made = [each for each in done if isinstance(each, keys.IssuedKey)]
    assert [type(each) for each in done].count(DuplicateRequestError) == 5
    assert {each.result_id for each in done if isinstance(each, DuplicateRequestError)} == {str(made[0].key.id)}


def test_revoked_key_writes_nothing_afterwards(committed_organisation: Organisation) -> None:
    """Keys of an organisation are made and changed side by side; still, history tells of no act of a revoked key."""
    actors = [
        KeyFactory.create(organisation=committed_organisation, scopes=["keys:write", "chats:read"]) for _ in range(2)
    ]
    for actor in actors:
        own = as_actor(actor)
        issue = partial(keys.issue, actor=own, organisation=committed_organisation.id, name="CI", scopes=["chats:read"])
        others = [KeyFactory.create(organisation=committed_organisation) for _ in range(4)]
        describe = [partial(keys.edit, actor=own, key=other.id, revision=1, description="New") for other in others]
        run_concurrently(partial(keys.revoke, actor=OPERATOR, key=actor.id), *[issue] * 4, *describe)
        told = list(
            Event.objects.filter(organisation_id=committed_organisation.id)
            .order_by("number")
            .values_list("type", "actor_id")
        )
        revoked = max(place for place, (verb, _) in enumerate(told) if verb == "key.revoked")
        assert actor.id not in [who for _, who in told[revoked:]]


def test_keys_that_change_each_other_do_not_deadlock(committed_organisation: Organisation) -> None:
    made = [
        KeyFactory.create(organisation=committed_organisation, scopes=["keys:write", "chats:read"]) for _ in range(4)
    ]
    edits = [
        partial(keys.edit, actor=as_actor(one), key=other.id, revision=None, description=f"By {one.id}")
        for one in made
        for other in made
    ]
    assert {type(each) for each in run_concurrently(*edits)} == {Key}


def test_concurrent_public_keys_leave_one(committed_organisation: Organisation) -> None:
    issue = partial(
        keys.issue,
        actor=OPERATOR,
        organisation=committed_organisation.id,
        name="P",
        scopes=["chats:read"],
        kind=KeyKind.PUBLIC,
    )
    done = run_concurrently(issue, issue)
    assert sum(isinstance(each, ConflictError) for each in done) == 1


def test_second_of_two_concurrent_edits_gets_a_conflict(committed_organisation: Organisation) -> None:
    key = KeyFactory.create(organisation=committed_organisation)
    edits = [partial(keys.edit, actor=OPERATOR, key=key.id, revision=1, name=name) for name in ("One", "Two")]
    done = run_concurrently(*edits)
    assert sum(isinstance(each, ConflictError) for each in done) == 1
    assert Key.objects.get(id=key.id).revision == 2


def test_channel_is_not_removed_while_a_key_is_issued_for_it(committed_organisation: Organisation) -> None:
    channel = ChannelFactory.create(organisation=committed_organisation)
    issue = partial(
        keys.issue,
        actor=OPERATOR,
        organisation=committed_organisation.id,
        name="CI",
        scopes=["chats:read"],
        channels=[channel.id],
    )
    done = run_concurrently(issue, partial(channels.remove, actor=OPERATOR, channel=channel.id))
    assert sum(isinstance(each, Exception) for each in done) == 1


def test_demoted_owner_issues_nothing_afterwards(committed_organisation: Organisation) -> None:
    owner = member_of(committed_organisation, Role.OWNER)
    demote = partial(people.remove_role, actor=OPERATOR, person=owner.id, organisation=committed_organisation.id)
    issue = partial(
        keys.issue, actor=as_actor(owner), organisation=committed_organisation.id, name="CI", scopes=["chats:read"]
    )
    run_concurrently(demote, *[issue] * 4)
    verbs = list(
        Event.objects.filter(organisation_id=committed_organisation.id)
        .order_by("number")
        .values_list("type", flat=True)
    )
    assert verbs[-1] == "person.role_removed"


def test_concurrent_changes_of_lists_and_keys_do_not_deadlock(committed_organisation: Organisation) -> None:
    bot = BotFactory.create(organisation=committed_organisation)
    made = [KeyFactory.create(bot=bot) for _ in range(6)]
    done = run_concurrently(
        *(partial(allow_lists.add, actor=OPERATOR, bot=bot.id, network=f"192.0.{n}.0/24") for n in range(6)),
        *(partial(keys.delete, actor=OPERATOR, key=key.id) for key in made),
        *[partial(bots.disable, actor=OPERATOR, bot=bot.id)],
    )
    assert [each for each in done if isinstance(each, Exception)] == []
