"""A disabled organisation is read-only for its people."""

import pytest

from keyadmin.core.errors import ConflictError, NotFoundError, OrganisationDisabledError
from keyadmin.models import Organisation, Person, Role
from keyadmin.operations import organisations, people
from keyadmin.operations.people import invitations
from tests.factories import OPERATOR, as_actor, invitation, member_of
from tests.operations import cases
from tests.operations.helpers import dump

#: What an owner can do, in the organisation while it is enabled.
OWNERS = cases.KEY_CASES | cases.OWNER_CASES


@pytest.fixture
def disabled(world: cases.World) -> cases.World:
    Organisation.objects.filter(id=world.organisation.id).update(is_active=False)
    return world


@pytest.mark.parametrize("name", OWNERS)
def test_owner_of_a_disabled_organisation_changes_nothing(disabled: cases.World, jonas: Person, name: str) -> None:
    before = dump()
    with pytest.raises(OrganisationDisabledError, match=r"^Northwind is disabled and can only be read\. A system adm"):
        OWNERS[name](disabled, as_actor(jonas))
    assert dump() == before


@pytest.mark.parametrize("name", cases.READER_CASES | cases.EXPORT_CASES)
def test_owner_of_a_disabled_organisation_reads_and_exports(disabled: cases.World, jonas: Person, name: str) -> None:
    (cases.READER_CASES | cases.EXPORT_CASES)[name](disabled, as_actor(jonas))


def test_owner_of_another_organisation_learns_nothing_of_a_disabled_one(disabled: cases.World, lena: Person) -> None:
    for act in OWNERS.values():
        with pytest.raises(NotFoundError):
            act(disabled, as_actor(lena))


def test_owner_of_a_disabled_home_organisation_may_not_deactivate(northwind: Organisation, jonas: Person) -> None:
    person = member_of(northwind, home_organisation=northwind)
    organisations.disable(actor=OPERATOR, organisation=northwind.id)
    for act in (people.deactivate, people.create_password_link):
        with pytest.raises(OrganisationDisabledError):
            act(actor=as_actor(jonas), person=person.id)
    organisations.enable(actor=OPERATOR, organisation=northwind.id)
    people.deactivate(actor=as_actor(jonas), person=person.id)


def test_no_person_joins_a_disabled_organisation(northwind: Organisation, lena: Person) -> None:
    row = invitation(northwind, email=lena.email, role=Role.OWNER)
    organisations.disable(actor=OPERATOR, organisation=northwind.id)
    before = dump()
    with pytest.raises(ConflictError, match="is disabled"):
        invitations.accept(actor=as_actor(lena), invitation=row.id)
    assert dump() == before


def test_person_edits_their_own_profile_while_the_organisation_is_disabled(
    disabled: cases.World, jonas: Person
) -> None:
    people.edit(actor=as_actor(jonas), person=jonas.id, name="Jonas L")


def test_administrator_changes_a_disabled_organisation(disabled: cases.World, maya: Person) -> None:
    organisations.edit(actor=as_actor(maya), organisation=disabled.organisation.id, name="New")
