"""A repeated request runs its operation once and never shows a secret again."""

from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from keyadmin.core.errors import DuplicateRequestError, InvalidInputError
from keyadmin.models import Bot, Event, IdempotencyRecord, Key, KeyKind, Organisation, Person, Role
from keyadmin.operations import idempotency, keys
from keyadmin.operations.organisations import bots
from keyadmin.operations.people import invitations
from tests.factories import OPERATOR, KeyFactory, as_actor, member_of
from tests.operations.helpers import issue


def issue_once(person: Person | None, organisation: Organisation, idempotency_key: str = "n-1", **values: Any) -> Key:
    actor = as_actor(person) if person else OPERATOR
    operation = partial(issue, person, organisation, **values)
    return idempotency.run_once(actor=actor, idempotency_key=idempotency_key, operation=operation).key


def test_idempotency_key_issues_one_key(northwind: Organisation, jonas: Person) -> None:
    first = issue_once(jonas, northwind)
    with pytest.raises(DuplicateRequestError, match="already shown") as raised:
        issue_once(jonas, northwind)
    assert raised.value.result_id == str(first.id)
    assert (Key.objects.count(), IdempotencyRecord.objects.count(), Event.objects.count()) == (1, 1, 1)


def test_idempotency_key_is_known_for_thirty_days(northwind: Organisation, jonas: Person) -> None:
    first, other = issue_once(jonas, northwind), issue_once(jonas, northwind, idempotency_key="n-2")
    IdempotencyRecord.objects.filter(result_id=first.id).update(created_at=timezone.now() - idempotency.RETENTION)
    assert idempotency.delete_expired() == 1
    assert issue_once(jonas, northwind).id != first.id
    with pytest.raises(DuplicateRequestError) as raised:
        issue_once(jonas, northwind, idempotency_key="n-2")
    assert raised.value.result_id == str(other.id)


def test_record_deleted_during_the_request_counts_as_new(northwind: Organisation, jonas: Person) -> None:
    first = issue_once(jonas, northwind)

    def forgotten(execute: Any, sql: str, *arguments: Any) -> Any:
        result = execute(sql, *arguments)
        if sql.startswith("INSERT INTO idempotency_record"):
            IdempotencyRecord.objects.filter(result_id=str(first.id)).delete()
        return result

    with connection.execute_wrapper(forgotten):
        assert issue_once(jonas, northwind).id != first.id


def test_public_key_and_deleted_key_are_not_issued_again(northwind: Organisation, jonas: Person) -> None:
    first = issue_once(jonas, northwind, kind=KeyKind.PUBLIC)
    for _ in range(2):
        with pytest.raises(DuplicateRequestError):
            issue_once(jonas, northwind, kind=KeyKind.PUBLIC)
        if Key.objects.exists():
            keys.delete(actor=as_actor(jonas), key=first.id)


def test_secret_is_regenerated_once(northwind: Organisation, jonas: Person) -> None:
    key = KeyFactory.create(organisation=northwind)
    renew = partial(keys.regenerate, actor=as_actor(jonas), key=key.id)
    idempotency.run_once(actor=as_actor(jonas), idempotency_key="n-1", operation=renew)
    with pytest.raises(DuplicateRequestError) as raised:
        idempotency.run_once(actor=as_actor(jonas), idempotency_key="n-1", operation=renew)
    assert raised.value.result_id == str(key.id)
    assert Event.objects.count() == 1


@pytest.mark.parametrize("invites", [True, False])
def test_other_objects_are_created_once(northwind: Organisation, jonas: Person, invites: bool) -> None:
    owner = as_actor(jonas)
    email: dict[str, Any] = {"email": "kim@example.com", "role": Role.MEMBER}
    act: Any = partial(invitations.invite, **email) if invites else bots.create
    request = partial(act, actor=owner, organisation=northwind.id, name="Kim")
    made = idempotency.run_once(actor=owner, idempotency_key="n-1", operation=request, request_digest="this")
    with pytest.raises(DuplicateRequestError) as raised:
        idempotency.run_once(actor=owner, idempotency_key="n-1", operation=request, request_digest="that")
    row = made.invitation if invites else Bot.objects.get()
    assert (raised.value.result_id, raised.value.request_digest) == (str(row.pk), "this")


def test_idempotency_key_belongs_to_its_actor(northwind: Organisation, jonas: Person) -> None:
    issue_once(jonas, northwind)
    issue_once(member_of(northwind, Role.OWNER), northwind)
    issue_once(None, northwind)
    assert Key.objects.count() == 3


def test_rejected_request_may_be_repeated(northwind: Organisation, jonas: Person) -> None:
    with pytest.raises(InvalidInputError):
        issue_once(jonas, northwind, name="")
    issue_once(jonas, northwind)


def test_too_long_idempotency_key_is_rejected(northwind: Organisation) -> None:
    with pytest.raises(InvalidInputError) as raised:
        issue_once(None, northwind, idempotency_key="x" * 256)
    assert list(raised.value.errors) == ["idempotency_key"]


def test_empty_idempotency_key_is_not_recorded(northwind: Organisation, jonas: Person) -> None:
    for _ in range(2):
        issue_once(jonas, northwind, idempotency_key="")
    assert Key.objects.count() == 2
    assert not IdempotencyRecord.objects.exists()
