"""People and roles."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction

from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.models import Membership, Organisation, PasswordLink, Person, Role, SystemRole
from keyadmin.operations import people
from keyadmin.operations.people import links, passwords
from keyadmin.operations.people.links import LinkEndedError
from tests.factories import OPERATOR, PASSWORD, MembershipFactory, PersonFactory, as_actor, member_of
from tests.operations.helpers import dump, latest_event, version

# Create


def test_command_adds_a_person(northwind: Organisation) -> None:
    person = people.create(
        actor=OPERATOR,
        email=" New@Example.COM ",
        name="New",
        password=PASSWORD,
        organisation=northwind.id,
        role=Role.AUDITOR,
    )
    row = Person.objects.get(id=person.id)
    assert (row.email, row.name, row.system_role, row.is_active) == ("new@example.com", "New", "", True)
    assert row.check_password(PASSWORD)
    assert row.memberships.get().role == Role.AUDITOR
    event = latest_event()
    assert (event.type, event.target_id, event.organisation_id) == ("person.created", str(row.id), northwind.id)
    created = {"name": "New", "email": "new@example.com", "role": "auditor", "email_verified": False}
    assert event.changes == {name: [None, value] for name, value in created.items()}
    assert (row.is_email_verified, row.home_organisation) == (False, None)
    assert (version(northwind), version()) == (1, 1)  # nothing cached is stale


def test_address_in_any_form_names_one_person(db: None) -> None:
    person = people.create(actor=OPERATOR, email="Ann@Bücher.example", name="Ann")
    assert person.email == "ann@xn--bcher-kva.example"
    for form in ("ANN@BÜCHER.example", "ann@xn--bcher-kva.example", "ａnn@bücher.example"):
        assert Person.objects.with_email(form).get() == person
        with pytest.raises(InvalidInputError, match="already a person with this email"):
            people.create(actor=OPERATOR, email=form, name="Another")


@pytest.mark.parametrize("email", ["Sam@northwind.example", "sám@northwind.example", "sam@bücher.example", "sam"])
def test_database_refuses_an_address_in_another_form(sam: Person, email: str) -> None:
    with pytest.raises(IntegrityError, match="person_email_"), transaction.atomic():
        Person.objects.filter(id=sam.id).update(email=email)


def test_person_without_a_password_cannot_sign_in(db: None) -> None:
    person = people.create(actor=OPERATOR, email="a@example.com", name="A")
    assert not person.has_usable_password()
    assert not person.check_password("")


def test_command_creates_the_first_administrator(db: None) -> None:
    given: dict[str, Any] = {"email": "a@example.com", "name": "A", "system_role": SystemRole.ADMINISTRATOR}
    with pytest.raises(ConflictError, match="not verified"):
        people.create(actor=OPERATOR, **given)
    person = people.create(actor=OPERATOR, is_email_verified=True, **given)
    row = Person.objects.get(id=person.id)
    assert (row.system_role, row.is_email_verified) == (SystemRole.ADMINISTRATOR, True)
    assert latest_event().changes["email_verified"] == [None, True]
    assert version() == 1  # nothing cached is stale


def test_owner_cannot_create_a_person(northwind: Organisation, jonas: Person) -> None:
    """They would choose the password of an address that may be another person's."""
    with pytest.raises(ForbiddenError):
        people.create(
            actor=as_actor(jonas), email="a@example.com", name="A", organisation=northwind.id, role=Role.MEMBER
        )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", ""),
        ("email", "no address"),
        ("email", "a" * 250 + "@example.com"),
        ("email", "SAM@northwind.example"),
        ("email", "ſam@northwind.example"),
        ("email", "ｓam@northwind.example"),
        ("email", "jürgen@example.com"),
        ("email", '"sam"@northwind.example'),
        ("name", " "),
        ("name", "a\x00"),
        ("password", "short"),
        ("password", "password1234"),
        ("role", ""),
        ("role", "king"),
        ("system_role", "king"),
    ],
)
def test_invalid_person_is_rejected(northwind: Organisation, sam: Person, field: str, value: str) -> None:
    rows = {"email": "a@example.com", "name": "A", "role": Role.MEMBER} | {field: value}
    with pytest.raises(InvalidInputError) as raised:
        people.create(actor=OPERATOR, is_email_verified=True, organisation=northwind.id, **rows)
    assert list(raised.value.errors) == [field]


# Edit


def test_administrator_edits_any_person(priya: Person, maya: Person) -> None:
    people.edit(actor=as_actor(maya), person=priya.id, name="P. Raman", email="P@Example.com")
    row = Person.objects.get(id=priya.id)
    assert (row.name, row.email) == ("P. Raman", "p@example.com")
    assert latest_event().changes == {
        "name": ["Priya Raman", "P. Raman"],
        "email": ["priya@northwind.example", "p@example.com"],
        "email_verified": [True, False],
    }


def test_old_email_no_longer_signs_in(sam: Person) -> None:
    EmailAddress.objects.create(user=sam, email=sam.email, verified=True, primary=True)
    people.edit(actor=OPERATOR, person=sam.id, name="Samuel")
    assert EmailAddress.objects.exists()
    people.edit(actor=OPERATOR, person=sam.id, email="sam@example.com")
    assert not EmailAddress.objects.exists()


def test_person_edits_their_own_name_but_not_their_email(sam: Person) -> None:
    people.edit(actor=as_actor(sam), person=sam.id, name="Samuel")
    with pytest.raises(ForbiddenError):
        people.edit(actor=as_actor(sam), person=sam.id, email="sam@example.com")


def test_owner_edits_a_person_of_their_organisation_only(jonas: Person, sam: Person) -> None:
    people.edit(actor=as_actor(jonas), person=sam.id, name="Samuel")


BASE_URL = "https://keys.example.com"


@pytest.mark.parametrize("role", [Role.MEMBER, Role.AUDITOR, Role.OWNER])
def test_owner_requests_another_address_for_people_with_a_lower_role_only(
    northwind: Organisation, jonas: Person, role: str
) -> None:
    person = member_of(northwind, role, email="kim@example.com")
    request = partial(people.edit, actor=as_actor(jonas), person=person.id, base_url=BASE_URL)
    request(name="Kim")
    if role == Role.OWNER:
        with pytest.raises(ForbiddenError, match="email address of this person"):
            request(email="jonas+kim@example.com")
    else:
        request(email="Jonas+Kim@example.com")
        assert latest_event().changes == {"requested_email": [None, "jonas+kim@example.com"]}
    person.refresh_from_db()
    assert (person.email, person.is_email_verified) == ("kim@example.com", True)


def test_requested_address_counts_when_its_mailbox_confirms_it(northwind: Organisation, jonas: Person) -> None:
    person = member_of(northwind, email="kim@example.com", signs_in=True)
    people.edit(actor=as_actor(jonas), person=person.id, email="new@example.com", base_url=BASE_URL)
    link = PasswordLink.objects.get()
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    passwords.choose(actor=OPERATOR, token=links.token_of(link, is_mailed=True), password="an entirely new passphrase")
    person.refresh_from_db()
    assert (person.email, person.is_email_verified) == ("new@example.com", True)
    assert not person.check_password(PASSWORD)
    assert not EmailAddress.objects.exists()
    assert latest_event().changes == {
        "password_link": ["open", "used"],
        "email": ["kim@example.com", "new@example.com"],
    }


def test_owner_learns_no_account_by_changing_an_address(northwind: Organisation, jonas: Person, lena: Person) -> None:
    person = member_of(northwind)
    for email in (lena.email, "unknown@example.com", "LENA@contoso.example"):
        people.edit(actor=as_actor(jonas), person=person.id, email=email, base_url=BASE_URL)
    link = PasswordLink.objects.get()
    assert link.email == lena.email
    with pytest.raises(LinkEndedError, match="has an account"):
        passwords.choose(actor=OPERATOR, token=links.token_of(link, is_mailed=True), password=PASSWORD)
    lena.refresh_from_db()
    assert not lena.has_usable_password()


def test_owner_cannot_change_an_address_without_a_mail_server(northwind: Organisation, jonas: Person) -> None:
    with pytest.raises(ConflictError, match="there is no mail server"):
        people.edit(actor=as_actor(jonas), person=member_of(northwind).id, email="new@example.com")
    assert not PasswordLink.objects.exists()


def test_owner_at_home_deactivates_a_person_with_another_organisation_but_cannot_take_the_account(
    northwind: Organisation, contoso: Organisation, jonas: Person, lena: Person
) -> None:
    person = member_of(northwind, email="kim@example.com", home_organisation=northwind)
    MembershipFactory.create(person=person, organisation=contoso)
    with pytest.raises(ForbiddenError):
        people.edit(actor=as_actor(jonas), person=person.id, email="jonas+kim@example.com")
    made = people.create_password_link(actor=as_actor(jonas), person=person.id, base_url="https://keys.example.com")
    assert made.token == ""
    for act in (people.deactivate, people.create_password_link):
        with pytest.raises(ForbiddenError):
            act(actor=as_actor(lena), person=person.id)
    people.deactivate(actor=as_actor(jonas), person=person.id)
    people.reactivate(actor=as_actor(jonas), person=person.id)
    people.remove_role(actor=as_actor(lena), person=person.id, organisation=contoso.id)
    assert person.memberships.get().organisation == northwind


def test_home_organisation_moves_to_the_oldest_when_the_person_leaves_it(
    northwind: Organisation, contoso: Organisation, jonas: Person
) -> None:
    person = member_of(northwind, home_organisation=northwind)
    MembershipFactory.create(person=person, organisation=contoso)
    people.remove_role(actor=as_actor(jonas), person=person.id, organisation=northwind.id)
    assert Person.objects.get(id=person.id).home_organisation == contoso


def test_person_leaves_an_organisation_by_themselves(
    northwind: Organisation, contoso: Organisation, sam: Person
) -> None:
    MembershipFactory.create(person=sam, organisation=contoso)
    people.remove_role(actor=as_actor(sam), person=sam.id, organisation=northwind.id)
    assert sam.memberships.get().organisation == contoso
    assert (latest_event().type, latest_event().actor_id) == ("person.role_removed", sam.id)
    with pytest.raises(NotFoundError):
        people.remove_role(actor=as_actor(sam), person=sam.id, organisation=northwind.id)


@pytest.mark.parametrize("also", ["administrator", "auditor", "another organisation"])
def test_owner_cannot_change_a_person_with_other_roles(
    jonas: Person, sam: Person, contoso: Organisation, also: str
) -> None:
    if also == "another organisation":
        MembershipFactory.create(person=sam, organisation=contoso)
    else:
        Person.objects.filter(id=sam.id).update(system_role=also)
    before = dump()
    with pytest.raises(ForbiddenError):
        people.edit(actor=as_actor(jonas), person=sam.id, email="jonas+sam@example.com")
    with pytest.raises(ForbiddenError):
        people.deactivate(actor=as_actor(jonas), person=sam.id)
    assert dump() == before


def test_owner_of_both_organisations_edits_the_person(jonas: Person, sam: Person, contoso: Organisation) -> None:
    MembershipFactory.create(person=sam, organisation=contoso)
    MembershipFactory.create(person=jonas, organisation=contoso, role=Role.OWNER)
    people.edit(actor=as_actor(jonas), person=sam.id, name="Samuel")
    assert latest_event().organisation_id is None


def test_edit_without_changes_is_rejected(sam: Person) -> None:
    with pytest.raises(InvalidInputError, match="No changes"):
        people.edit(actor=OPERATOR, person=sam.id, name="Sam Reyes ", email="SAM@northwind.example")


# Deactivate, reactivate


def test_deactivated_person_keeps_their_roles(northwind: Organisation, sam: Person, jonas: Person) -> None:
    people.deactivate(actor=as_actor(jonas), person=sam.id)
    assert not Person.objects.get(id=sam.id).is_active
    assert Membership.objects.filter(person=sam).exists()
    assert latest_event().changes == {"is_active": [True, False]}
    assert (version(northwind), version()) == (2, 1)
    people.reactivate(actor=as_actor(jonas), person=sam.id)
    assert Person.objects.get(id=sam.id).is_active
    assert version(northwind) == 3


def test_deactivation_bumps_every_organisation_of_the_person(
    northwind: Organisation, contoso: Organisation, priya: Person
) -> None:
    MembershipFactory.create(person=priya, organisation=northwind)
    MembershipFactory.create(person=priya, organisation=contoso)
    people.deactivate(actor=OPERATOR, person=priya.id)
    assert (version(northwind), version(contoso), version()) == (2, 2, 2)


def test_repeated_deactivation_is_a_conflict(sam: Person) -> None:
    with pytest.raises(ConflictError):
        people.reactivate(actor=OPERATOR, person=sam.id)
    people.deactivate(actor=OPERATOR, person=sam.id)
    with pytest.raises(ConflictError):
        people.deactivate(actor=OPERATOR, person=sam.id)


# Roles


def test_role_is_set_changed_and_removed(northwind: Organisation, sam: Person, jonas: Person) -> None:
    people.set_role(actor=as_actor(jonas), person=sam.id, organisation=northwind.id, role=Role.AUDITOR)
    assert sam.memberships.get().role == Role.AUDITOR
    assert (latest_event().type, latest_event().changes) == ("person.role_changed", {"role": ["member", "auditor"]})
    assert latest_event().organisation_id == northwind.id
    people.remove_role(actor=as_actor(jonas), person=sam.id, organisation=northwind.id)
    assert not sam.memberships.exists()
    assert (latest_event().type, latest_event().changes) == ("person.role_removed", {"role": ["auditor", None]})
    assert version(northwind) == 3


@pytest.mark.parametrize("by_command", [True, False])
def test_nothing_adds_a_person_to_another_organisation_without_consent(
    contoso: Organisation, sam: Person, maya: Person, by_command: bool
) -> None:
    actor = OPERATOR if by_command else as_actor(maya)
    with pytest.raises(ConflictError, match="has no role in Contoso"):
        people.set_role(actor=actor, person=sam.id, organisation=contoso.id, role=Role.MEMBER)
    assert sam.memberships.count() == 1


def test_owner_cannot_see_people_of_other_organisations(contoso: Organisation, sam: Person, lena: Person) -> None:
    with pytest.raises(NotFoundError):
        people.set_role(actor=as_actor(lena), person=sam.id, organisation=contoso.id, role=Role.MEMBER)


@pytest.mark.parametrize("role", ["", "king", "administrator"])
def test_invalid_role_is_rejected(northwind: Organisation, sam: Person, role: str) -> None:
    with pytest.raises(InvalidInputError):
        people.set_role(actor=OPERATOR, person=sam.id, organisation=northwind.id, role=role)


def test_unchanged_role_is_rejected(northwind: Organisation, sam: Person) -> None:
    with pytest.raises(InvalidInputError, match="No changes"):
        people.set_role(actor=OPERATOR, person=sam.id, organisation=northwind.id, role=Role.MEMBER)


def test_missing_role_cannot_be_removed(contoso: Organisation, sam: Person) -> None:
    with pytest.raises(ConflictError, match="has no role in Contoso"):
        people.remove_role(actor=OPERATOR, person=sam.id, organisation=contoso.id)


# System roles


def test_system_role_is_set_and_removed(maya: Person, sam: Person) -> None:
    people.set_system_role(actor=as_actor(maya), person=sam.id, system_role=SystemRole.ADMINISTRATOR)
    assert latest_event().changes == {"system_role": ["", "administrator"]}
    people.set_system_role(actor=as_actor(sam), person=maya.id, system_role="")
    assert Person.objects.get(id=maya.id).system_role == ""
    assert version() == 3


@pytest.mark.parametrize("role", [SystemRole.ADMINISTRATOR, SystemRole.AUDITOR])
def test_unverified_person_gets_no_system_role(northwind: Organisation, maya: Person, role: str) -> None:
    person = member_of(northwind, unverified=True)
    for actor in (as_actor(maya), OPERATOR):
        with pytest.raises(ConflictError, match="is not verified"):
            people.set_system_role(actor=actor, person=person.id, system_role=role)
    people.verify_email(actor=as_actor(maya), person=person.id)
    people.set_system_role(actor=as_actor(maya), person=person.id, system_role=role)


@pytest.mark.parametrize("role", ["", SystemRole.AUDITOR])
def test_last_administrator_is_kept(maya: Person, role: str) -> None:
    PersonFactory.create(administrator=True, deactivated=True)
    with pytest.raises(ConflictError, match="Maya Okafor is the last system administrator"):
        people.set_system_role(actor=OPERATOR, person=maya.id, system_role=role)
    with pytest.raises(ConflictError, match="last system administrator"):
        people.deactivate(actor=as_actor(maya), person=maya.id)


def test_one_of_two_administrators_may_be_deactivated(maya: Person) -> None:
    other = PersonFactory.create(administrator=True)
    people.deactivate(actor=as_actor(other), person=maya.id)
    with pytest.raises(ConflictError):
        people.deactivate(actor=as_actor(other), person=other.id)


@pytest.mark.parametrize("role", ["king", "owner"])
def test_invalid_system_role_is_rejected(sam: Person, role: str) -> None:
    with pytest.raises(InvalidInputError):
        people.set_system_role(actor=OPERATOR, person=sam.id, system_role=role)


def test_owner_cannot_become_an_administrator(jonas: Person) -> None:
    with pytest.raises(ForbiddenError):
        people.set_system_role(actor=as_actor(jonas), person=jonas.id, system_role=SystemRole.ADMINISTRATOR)


def test_member_sees_only_themselves(northwind: Organisation, sam: Person) -> None:
    with pytest.raises(NotFoundError):
        people.edit(actor=as_actor(sam), person=member_of(northwind).id, name="X")


def test_unknown_person_is_not_found(maya: Person) -> None:
    with pytest.raises(NotFoundError):
        people.deactivate(actor=as_actor(maya), person=uuid4())
