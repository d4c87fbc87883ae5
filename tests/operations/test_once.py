"""The same request twice does one thing, and no secret is shown again."""

from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from keyadmin.core.errors import DuplicateRequestError, InvalidInputError
from keyadmin.models import Bot, Event, IdempotencyRecord, Key, Kind, Organisation, Person, Role
from keyadmin.operations import idempotency, keys, people
from keyadmin.operations.organisations import bots
from tests.factories import OPERATOR, KeyFactory, as_actor, member_of
from tests.operations.test_keys import issue


def issue_once(who: Person | None, organisation: Organisation, idempotency_key: str = "n-1", **kwargs: Any) -> Key:
    act = partial(issue, who, organisation, **kwargs)
    return idempotency.run_once(
        actor=as_actor(who) if who else OPERATOR, idempotency_key=idempotency_key, operation=act
    ).key


def test_a_nonce_makes_one_key(northwind: Organisation, jonas: Person) -> None:
    first = issue_once(jonas, northwind)
    with pytest.raises(DuplicateRequestError, match="already shown") as refused:
        issue_once(jonas, northwind)
    assert refused.value.result_id == str(first.id)
    assert (Key.objects.count(), IdempotencyRecord.objects.count(), Event.objects.count()) == (1, 1, 1)


def test_a_nonce_is_known_for_thirty_days(northwind: Organisation, jonas: Person) -> None:
    first, other = issue_once(jonas, northwind), issue_once(jonas, northwind, idempotency_key="n-2")
    IdempotencyRecord.objects.filter(idempotency_key="n-1").update(created_at=timezone.now() - idempotency.RETENTION)
    assert idempotency.delete_expired() == 1
    assert issue_once(jonas, northwind).id != first.id
    with pytest.raises(DuplicateRequestError) as refused:
        issue_once(jonas, northwind, idempotency_key="n-2")
    assert refused.value.result_id == str(other.id)


def test_one_that_is_forgotten_at_this_moment_is_new(northwind: Organisation, jonas: Person) -> None:
    first = issue_once(jonas, northwind)

    def forgotten(execute: Any, sql: str, *arguments: Any) -> Any:
        result = execute(sql, *arguments)
        if sql.startswith("INSERT INTO idempotency_record"):
            IdempotencyRecord.objects.filter(result_id=str(first.id)).delete()
        return result

    with connection.execute_wrapper(forgotten):
        assert issue_once(jonas, northwind).id != first.id


def test_also_for_the_public_key_and_for_a_key_that_is_gone(northwind: Organisation, jonas: Person) -> None:
    first = issue_once(jonas, northwind, kind=Kind.PUBLIC)
    for _ in range(2):
        with pytest.raises(DuplicateRequestError):
            issue_once(jonas, northwind, kind=Kind.PUBLIC)
        if Key.objects.exists():
            keys.delete(actor=as_actor(jonas), key=first.id)


def test_a_secret_is_renewed_once(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory(organisation=northwind)
    renew = partial(keys.regenerate, actor=as_actor(jonas), key=key.id)
    idempotency.run_once(actor=as_actor(jonas), idempotency_key="n-1", operation=renew)
    with pytest.raises(DuplicateRequestError) as refused:
        idempotency.run_once(actor=as_actor(jonas), idempotency_key="n-1", operation=renew)
    assert refused.value.result_id == str(key.id)
    assert Event.objects.count() == 1


@pytest.mark.parametrize("invites", [True, False])
def test_other_things_are_made_once_too(northwind: Organisation, jonas: Person, invites: bool) -> None:
    owner = as_actor(jonas)
    email = {"email": "kim@example.com", "role": Role.MEMBER}
    act: Any = partial(people.invite, **email) if invites else bots.create
    request = partial(act, actor=owner, organisation=northwind.id, name="Kim")
    made = idempotency.run_once(actor=owner, idempotency_key="n-1", operation=request, request_digest="this")
    with pytest.raises(DuplicateRequestError) as refused:
        idempotency.run_once(actor=owner, idempotency_key="n-1", operation=request, request_digest="that")
    row = made.person if invites else Bot.objects.get()
    assert (refused.value.result_id, refused.value.request_digest) == (str(row.pk), "this")


def test_a_nonce_is_its_actors_own(northwind: Organisation, jonas: Person) -> None:
    issue_once(jonas, northwind)
    issue_once(member_of(northwind, Role.OWNER), northwind)
    issue_once(None, northwind)
    assert Key.objects.count() == 3


def test_a_refused_request_may_be_repeated(northwind: Organisation, jonas: Person) -> None:
    with pytest.raises(InvalidInputError):
        issue_once(jonas, northwind, name="")
    issue_once(jonas, northwind)


def test_a_nonce_fits_its_column(northwind: Organisation) -> None:
    with pytest.raises(InvalidInputError) as refused:
        issue_once(None, northwind, idempotency_key="x" * 256)
    assert list(refused.value.errors) == ["idempotency_key"]


def test_no_nonce_is_none(northwind: Organisation, jonas: Person) -> None:
    for _ in range(2):
        issue_once(jonas, northwind, idempotency_key="")
    assert Key.objects.count() == 2
    assert not IdempotencyRecord.objects.exists()
