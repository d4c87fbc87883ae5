"""Invitations: who may invite, what the inviter learns, and who can accept."""

from typing import Any

import pytest
from django.utils import timezone

from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.models import EventType, Invitation, Membership, Organisation, Person, Role, SystemRole
from keyadmin.operations import people
from keyadmin.operations.people import invitations, links, passwords
from keyadmin.operations.people.invitations import MadeInvitation
from keyadmin.operations.people.links import LinkEndedError
from tests.factories import (
    OPERATOR,
    PASSWORD,
    MembershipFactory,
    OrganisationFactory,
    PersonFactory,
    as_actor,
    invitation,
    member_of,
)
from tests.operations.helpers import latest_event, version


def invite(
    actor: Person, organisation: Organisation | None, email: str = "new@example.com", **values: Any
) -> MadeInvitation:
    given = {"name": "New", "role": Role.MEMBER if organisation else ""} | values
    owner = organisation.id if organisation else None
    return invitations.invite(actor=as_actor(actor), email=email, organisation=owner, **given)


def mailed(made: MadeInvitation) -> str:
    return links.token_of(made.invitation, is_mailed=True)


def choose(token: str, **values: Any) -> Person | None:
    return passwords.choose(actor=OPERATOR, token=token, password=PASSWORD, **values)


# Inviting


def test_new_person_has_the_role_when_they_choose_a_password(northwind: Organisation, jonas: Person) -> None:
    made = invite(jonas, northwind)
    assert not Person.objects.filter(email="new@example.com").exists()
    event = latest_event()
    assert (event.type, event.actor_id, event.organisation_id) == ("person.invited", jonas.id, northwind.id)
    assert event.changes == {"name": [None, "New"], "email": [None, "new@example.com"], "role": [None, "member"]}
    choose(made.token)
    person = Person.objects.get(email="new@example.com")
    assert (person.check_password(PASSWORD), person.memberships.get().role) == (True, Role.MEMBER)
    assert (person.is_email_verified, person.home_organisation) == (False, None)
    event = latest_event()
    assert (event.type, event.actor_id, event.target_id) == (EventType.INVITATION_ACCEPTED, person.id, str(person.id))
    assert event.changes["role"] == [None, "member"]
    assert not Invitation.objects.exists()


def test_mailed_link_of_an_invitation_verifies_the_new_account(northwind: Organisation, jonas: Person) -> None:
    choose(mailed(invite(jonas, northwind)))
    person = Person.objects.get(email="new@example.com")
    assert (person.is_email_verified, person.home_organisation) == (True, northwind)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "x\x00@y.example"),
        ("email", ""),
        ("email", "jürgen@example.com"),
        ("name", ""),
        ("role", "king"),
        ("role", ""),
    ],
)
def test_invalid_invitation_is_rejected(northwind: Organisation, jonas: Person, field: str, value: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        invite(jonas, northwind, **{field: value})
    assert list(raised.value.errors) == [field]


@pytest.mark.parametrize("role", [Role.OWNER, ""])
def test_role_in_no_organisation_is_rejected(maya: Person, role: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        invite(maya, None, role=role)
    assert list(raised.value.errors) == ["organisation"]


def test_person_with_a_role_is_not_invited_again(northwind: Organisation, jonas: Person, sam: Person) -> None:
    with pytest.raises(InvalidInputError) as raised:
        invite(jonas, northwind, email="SAM@northwind.example")
    assert list(raised.value.errors) == ["email"]


def test_owner_invites_no_administrator(northwind: Organisation, jonas: Person) -> None:
    with pytest.raises(ForbiddenError):
        invite(jonas, northwind, system_role=SystemRole.AUDITOR)
    with pytest.raises(ForbiddenError):
        invite(jonas, None, system_role=SystemRole.AUDITOR)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.AUDITOR, Role.OWNER])
def test_owner_sees_no_link_of_a_new_owner(northwind: Organisation, jonas: Person, role: str) -> None:
    assert bool(invite(jonas, northwind, role=role).token) == (role != Role.OWNER)


def test_second_invitation_replaces_the_first(northwind: Organisation, jonas: Person) -> None:
    first, second = invite(jonas, northwind), invite(jonas, northwind, role=Role.AUDITOR)
    with pytest.raises(LinkEndedError):
        links.find(first.token)
    assert links.find(second.token).link == Invitation.objects.get()


def test_renewed_or_withdrawn_invitation_ends_its_links(northwind: Organisation, jonas: Person) -> None:
    first = invite(jonas, northwind)
    second = invitations.renew(actor=as_actor(jonas), invitation=first.invitation.id)
    with pytest.raises(LinkEndedError):
        choose(first.token)
    assert latest_event().type == "invitation.renewed"
    invitations.withdraw(actor=as_actor(jonas), invitation=first.invitation.id)
    for token in (second.token, mailed(second)):
        with pytest.raises(LinkEndedError):
            choose(token)
    assert (latest_event().type, latest_event().changes["role"]) == ("invitation.withdrawn", ["member", None])


def test_owner_sees_no_invitation_of_another_organisation(contoso: Organisation, jonas: Person) -> None:
    row = invitation(contoso, email="new@example.com")
    for act in (invitations.renew, invitations.withdraw):
        with pytest.raises(NotFoundError):
            act(actor=as_actor(jonas), invitation=row.id)


@pytest.mark.parametrize("change", ["demoted", "deactivated"])
def test_invitation_ends_with_the_rights_of_its_maker(
    northwind: Organisation, contoso: Organisation, jonas: Person, change: str
) -> None:
    member_of(northwind, Role.OWNER)
    person = member_of(contoso)
    made = invite(jonas, northwind, email=person.email)
    if change == "demoted":
        people.set_role(actor=OPERATOR, person=jonas.id, organisation=northwind.id, role=Role.MEMBER)
    else:
        people.deactivate(actor=OPERATOR, person=jonas.id)
    assert invitations.of_person(person) == []
    with pytest.raises(NotFoundError):
        invitations.accept(actor=as_actor(person), invitation=made.invitation.id)
    with pytest.raises(LinkEndedError):
        choose(mailed(made))


# What the inviter learns


def test_inviter_learns_nothing_of_an_account(northwind: Organisation, jonas: Person, lena: Person) -> None:
    for email in ("new@example.com", lena.email):
        made = invite(jonas, northwind, email=email, name="Typed")
        assert (made.invitation.name, bool(made.token)) == ("Typed", True)
        found = links.find(made.token)
        assert (found.is_mailed, found.is_first_proof) == (False, False)
    with pytest.raises(InvalidInputError):
        passwords.choose(actor=OPERATOR, token=made.token, password="short")
    assert choose(made.token) is None
    lena.refresh_from_db()
    assert not lena.has_usable_password()
    assert not Membership.objects.filter(person=lena, organisation=northwind).exists()
    assert not Person.objects.visible_to(as_actor(jonas)).filter(id=lena.id).exists()


# Accepting


def test_person_accepts_an_invitation_of_another_organisation(
    northwind: Organisation, contoso: Organisation, jonas: Person
) -> None:
    person = member_of(contoso, home_organisation=contoso)
    made = invite(jonas, northwind, email=person.email, role=Role.AUDITOR)
    assert [row.organisation for row in invitations.of_person(person)] == [northwind]
    assert version(northwind) == 1
    invitations.accept(actor=as_actor(person), invitation=made.invitation.id)
    person.refresh_from_db()
    assert {each.organisation: each.role for each in person.memberships.all()} == {
        contoso: Role.MEMBER,
        northwind: Role.AUDITOR,
    }
    assert person.home_organisation == contoso
    assert (latest_event().type, latest_event().changes) == ("invitation.accepted", {"role": [None, "auditor"]})
    assert version(northwind) == 2
    with pytest.raises(NotFoundError):
        invitations.accept(actor=as_actor(person), invitation=made.invitation.id)


def test_first_accepted_invitation_decides_the_home_organisation(northwind: Organisation, jonas: Person) -> None:
    person = PersonFactory.create()
    made = invite(jonas, northwind, email=person.email)
    invitations.accept(actor=as_actor(person), invitation=made.invitation.id)
    person.refresh_from_db()
    assert person.home_organisation == northwind


def test_only_the_invited_person_accepts_or_declines(northwind: Organisation, jonas: Person, lena: Person) -> None:
    made = invite(jonas, northwind)
    for act in (invitations.accept, invitations.decline):
        for actor in (as_actor(lena), as_actor(jonas), OPERATOR):
            with pytest.raises(NotFoundError):
                act(actor=actor, invitation=made.invitation.id)


def test_declined_invitation_is_gone(northwind: Organisation, jonas: Person, lena: Person) -> None:
    made = invite(jonas, northwind, email=lena.email)
    invitations.decline(actor=as_actor(lena), invitation=made.invitation.id)
    assert (latest_event().type, latest_event().actor_id) == ("invitation.declined", lena.id)
    assert not Invitation.objects.exists()


def test_expired_invitation_cannot_be_accepted(northwind: Organisation, jonas: Person, lena: Person) -> None:
    made = invite(jonas, northwind, email=lena.email)
    Invitation.objects.update(expires_at=timezone.now())
    assert invitations.of_person(lena) == []
    with pytest.raises(ConflictError, match="has ended"):
        invitations.accept(actor=as_actor(lena), invitation=made.invitation.id)


@pytest.mark.parametrize("memberships", [0, 1])
def test_unverified_person_can_neither_see_accept_nor_decline_an_invitation(
    northwind: Organisation, jonas: Person, memberships: int
) -> None:
    person = PersonFactory.create(unverified=True)
    for _ in range(memberships):
        MembershipFactory.create(person=person, organisation=OrganisationFactory.create())
    made = invite(jonas, northwind, email=person.email)
    assert invitations.of_person(person) == []
    for act in (invitations.accept, invitations.decline):
        with pytest.raises(NotFoundError):
            act(actor=as_actor(person), invitation=made.invitation.id)
    assert choose(made.token) is None
    assert not Membership.objects.filter(person=person, organisation=northwind).exists()


def test_first_proof_by_an_invitation_makes_its_organisation_the_home(
    northwind: Organisation, contoso: Organisation, jonas: Person
) -> None:
    person = member_of(contoso, Role.OWNER, unverified=True, signs_in=True)
    made = invite(jonas, northwind, email=person.email)
    choose(mailed(made), leave=[contoso.id])
    person.refresh_from_db()
    assert person.is_email_verified
    assert (person.memberships.get().organisation, person.home_organisation) == (northwind, northwind)
    changes = latest_event().changes
    assert (changes["email_verified"], changes["role"]) == ([False, True], [None, "member"])
    assert changes["roles"] == [["Contoso: Organisation owner"], []]
    assert (version(northwind), version(contoso)) == (2, 2)


# System roles


def test_system_role_needs_the_mailed_link(maya: Person) -> None:
    made = invite(maya, None, system_role=SystemRole.ADMINISTRATOR)
    assert made.token == ""
    choose(mailed(made))
    person = Person.objects.get(email="new@example.com")
    assert (person.system_role, person.is_email_verified) == (SystemRole.ADMINISTRATOR, True)
    assert version() == 2


def test_shown_link_gives_no_system_role_until_the_address_is_verified(maya: Person) -> None:
    made = invite(maya, None, system_role=SystemRole.AUDITOR)
    choose(made.token)
    person = Person.objects.get(email="new@example.com")
    assert (person.system_role, invitations.of_person(person)) == ("", [])
    token = people.verify_email(actor=as_actor(maya), person=person.id).token
    choose(token)
    person.refresh_from_db()
    invitations.accept(actor=as_actor(person), invitation=invitations.of_person(person)[0].id)
    person.refresh_from_db()
    assert person.system_role == SystemRole.AUDITOR
