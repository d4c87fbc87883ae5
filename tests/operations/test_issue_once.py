"""The same request twice makes one key, and its secret is not shown again."""

import pytest

from keyadmin.models import IssuedOnce, Key, Kind, Organisation, Person, Role
from keyadmin.operations import keys
from keyadmin.operations.errors import AlreadyIssued
from tests.factories import as_actor, member_of
from tests.operations.test_keys import errors_of, issue


def test_a_nonce_makes_one_key(northwind: Organisation, jonas: Person) -> None:
    first = issue(jonas, northwind, nonce="n-1").key
    with pytest.raises(AlreadyIssued, match="already shown") as refused:
        issue(jonas, northwind, nonce="n-1")
    assert refused.value.key_id == first.id
    assert (Key.objects.count(), IssuedOnce.objects.count()) == (1, 1)


def test_also_for_the_public_key_and_for_a_key_that_is_gone(northwind: Organisation, jonas: Person) -> None:
    first = issue(jonas, northwind, kind=Kind.PUBLIC, nonce="n-1").key
    for _ in range(2):
        with pytest.raises(AlreadyIssued):
            issue(jonas, northwind, kind=Kind.PUBLIC, nonce="n-1")
        if Key.objects.exists():
            keys.delete(actor=as_actor(jonas), key=first.id)


def test_a_nonce_is_its_actors_own(northwind: Organisation, jonas: Person) -> None:
    issue(jonas, northwind, nonce="n-1")
    issue(member_of(northwind, Role.OWNER), northwind, nonce="n-1")
    issue(None, northwind, nonce="n-1")
    assert Key.objects.count() == 3


def test_a_refused_request_may_be_repeated(northwind: Organisation, jonas: Person) -> None:
    errors_of(jonas, northwind, name="", nonce="n-1")
    issue(jonas, northwind, nonce="n-1")


def test_a_nonce_fits_its_column(northwind: Organisation) -> None:
    assert list(errors_of(None, northwind, nonce="x" * 256)) == ["nonce"]
