"""An organisation's public API key: all that an owner may do, for good."""

from keyadmin.models import Kind, Organisation, Person, Scope
from keyadmin.models.scope import IMPERSONATE
from keyadmin.operations import keys
from tests.factories import as_actor


def issue(actor: Person, organisation: Organisation, **kwargs: object) -> set[str]:
    issued = keys.issue(actor=as_actor(actor), organisation=organisation.id, kind=Kind.PUBLIC, name="Public", **kwargs)
    return set(issued.key.scopes.values_list("name", flat=True))


def test_it_holds_all_that_an_owner_holds(northwind: Organisation, jonas: Person) -> None:
    assert issue(jonas, northwind) == set(Scope.objects.values_list("name", flat=True)) - {IMPERSONATE}


def test_an_administrators_holds_no_more(northwind: Organisation, maya: Person) -> None:
    assert IMPERSONATE not in issue(maya, northwind)


def test_it_may_be_given_less(northwind: Organisation, jonas: Person) -> None:
    assert issue(jonas, northwind, scopes=["chats:read"]) == {"chats:read"}
