"""Passwords, and links by which people choose one."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.models import (
    Event,
    EventType,
    LinkPurpose,
    Membership,
    Organisation,
    PasswordLink,
    Person,
    Role,
    SystemRole,
)
from keyadmin.operations import people
from keyadmin.operations.people import links, passwords, sessions, token_sessions
from keyadmin.operations.people.links import LinkEndedError
from tests.factories import (
    OPERATOR,
    PASSWORD,
    MembershipFactory,
    PersonFactory,
    as_actor,
    member_of,
    password_link,
    token_session,
)
from tests.operations.helpers import latest_event

BASE_URL = "https://keys.example.com"


def mailed_token(person: Person) -> str:
    """The token in the mail of the person's newest link."""
    newest = PasswordLink.objects.filter(person=person).order_by("-created_at").first()
    assert newest
    return links.token_of(newest, is_mailed=True)


# What a link is for


def test_link_works_once(sam: Person) -> None:
    token = people.create_password_link(actor=OPERATOR, person=sam.id).token
    passwords.choose(actor=as_actor(sam), token=token, password=PASSWORD)
    with pytest.raises(LinkEndedError, match="has been used"):
        passwords.choose(actor=as_actor(sam), token=token, password=PASSWORD + "!")
    sam.refresh_from_db()
    assert sam.check_password(PASSWORD)
    assert latest_event().changes == {"password_link": ["open", "used"]}


def test_used_link_ends_all_others(sam: Person) -> None:
    new = {LinkPurpose.ADDRESS: "new@example.com"}
    made = [password_link(sam, purpose, email=new.get(purpose, "")) for purpose in LinkPurpose]
    tokens = [links.token_of(link, is_mailed=True) for link in made]
    passwords.choose(actor=as_actor(sam), token=tokens[0], password=PASSWORD)
    for token in tokens:
        with pytest.raises(LinkEndedError):
            links.find(token)


def test_newer_link_ends_the_older_one_and_no_requested_one(sam: Person, jonas: Person) -> None:
    requested = password_link(sam, LinkPurpose.RESET)
    first = people.create_password_link(actor=as_actor(jonas), person=sam.id)
    second = people.create_password_link(actor=as_actor(jonas), person=sam.id)
    with pytest.raises(LinkEndedError, match="newer"):
        links.find(first.token)
    assert links.find(second.token).person == sam
    assert links.is_open(requested)


def test_token_is_in_no_event_and_no_repr(sam: Person, jonas: Person) -> None:
    made = people.create_password_link(actor=as_actor(jonas), person=sam.id)
    passwords.choose(actor=as_actor(sam), token=made.token, password=PASSWORD)
    recorded = json.dumps(list(Event.objects.values()), default=str)
    assert made.token not in recorded
    assert made.token not in repr(made)


def test_link_expires(sam: Person) -> None:
    token = people.create_password_link(actor=OPERATOR, person=sam.id).token
    expires_at = PasswordLink.objects.get().expires_at
    assert abs(expires_at - timezone.now() - timedelta(days=7)) < timedelta(minutes=1)
    PasswordLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(LinkEndedError, match="too old"):
        links.find(token)
    assert links.open_links(sam) == []


def test_deactivated_person_has_no_link(sam: Person) -> None:
    token = people.create_password_link(actor=OPERATOR, person=sam.id).token
    people.deactivate(actor=OPERATOR, person=sam.id)
    with pytest.raises(ConflictError, match="Reactivate"):
        people.create_password_link(actor=OPERATOR, person=sam.id)
    people.reactivate(actor=OPERATOR, person=sam.id)
    with pytest.raises(LinkEndedError):
        passwords.choose(actor=as_actor(sam), token=token, password=PASSWORD)


@pytest.mark.parametrize("change", ["", "00", "zz", "é", "flip", "longer"])
def test_invalid_token_is_not_found(sam: Person, change: str) -> None:
    token = people.create_password_link(actor=OPERATOR, person=sam.id).token
    flipped = token[:-1] + ("0" if token[-1] != "0" else "1")
    with pytest.raises(NotFoundError):
        links.find({"flip": flipped, "longer": token + "00"}.get(change, change))


def test_rejected_password_leaves_the_link_open(sam: Person) -> None:
    token = people.create_password_link(actor=OPERATOR, person=sam.id).token
    with pytest.raises(InvalidInputError) as raised:
        passwords.choose(actor=as_actor(sam), token=token, password="short")
    assert list(raised.value.errors) == ["password"]
    assert links.find(token).person == sam


# What ends a link

ENDING: dict[str, Any] = {
    "person gets a role": lambda o, p, m: people.set_role(
        actor=OPERATOR, person=p.id, organisation=o.id, role=Role.OWNER
    ),
    "person leaves": lambda o, p, m: people.remove_role(actor=OPERATOR, person=p.id, organisation=o.id),
    "person joins elsewhere": lambda o, p, m: MembershipFactory.create(person=p),
    "person becomes administrator": lambda o, p, m: people.set_system_role(
        actor=OPERATOR, person=p.id, system_role=SystemRole.ADMINISTRATOR
    ),
    "person has another address": lambda o, p, m: people.edit(actor=OPERATOR, person=p.id, email="new@example.com"),
    "person is deactivated": lambda o, p, m: people.deactivate(actor=OPERATOR, person=p.id),
    "maker is deactivated": lambda o, p, m: people.deactivate(actor=OPERATOR, person=m.id),
    "maker is demoted": lambda o, p, m: people.set_role(
        actor=OPERATOR, person=m.id, organisation=o.id, role=Role.AUDITOR
    ),
    "maker leaves": lambda o, p, m: people.remove_role(actor=as_actor(m), person=m.id, organisation=o.id),
    "maker has another address": lambda o, p, m: people.edit(actor=OPERATOR, person=m.id, email="new@example.com"),
    "link is ended": lambda o, p, m: people.end_link(
        actor=as_actor(m), person=p.id, link=PasswordLink.objects.get().id
    ),
    "person changes the password": lambda o, p, m: passwords.change(
        actor=as_actor(p), person=p.id, password="an entirely new passphrase"
    ),
}


@pytest.mark.parametrize("change", ENDING)
def test_change_of_person_or_maker_ends_the_link(
    northwind: Organisation, sam: Person, jonas: Person, change: str
) -> None:
    member_of(northwind, Role.OWNER)
    made = people.create_password_link(actor=as_actor(jonas), person=sam.id, base_url=BASE_URL)
    tokens = (made.token, mailed_token(sam))
    for token in tokens:
        assert links.find(token).person == sam
    ENDING[change](northwind, sam, jonas)
    for token in tokens:
        with pytest.raises(LinkEndedError):
            passwords.choose(actor=as_actor(sam), token=token, password=PASSWORD)
    assert links.open_links(sam) == []


def test_role_that_was_given_back_opens_no_link(northwind: Organisation, sam: Person, jonas: Person) -> None:
    member_of(northwind, Role.OWNER)
    token = people.create_password_link(actor=as_actor(jonas), person=sam.id).token
    for role in (Role.AUDITOR, Role.OWNER):
        people.set_role(actor=OPERATOR, person=jonas.id, organisation=northwind.id, role=role)
    with pytest.raises(LinkEndedError):
        links.find(token)


def test_link_of_a_person_whose_row_was_changed_by_no_operation_ends(sam: Person) -> None:
    for change in ({"system_role": "auditor"}, {"email": "s@example.com"}, {"is_active": False}):
        token = people.create_password_link(actor=OPERATOR, person=sam.id).token
        Person.objects.filter(id=sam.id).update(**change)
        with pytest.raises(LinkEndedError):
            links.find(token)


def test_new_name_or_sign_in_ends_no_link(sam: Person, jonas: Person) -> None:
    token = people.create_password_link(actor=as_actor(jonas), person=sam.id).token
    people.edit(actor=OPERATOR, person=sam.id, name="Samuel")
    sessions.sign_in(actor=as_actor(sam))
    assert links.find(token).person == sam


# Who may see a link


def test_owner_creates_no_link_for_a_person_of_another_organisation(
    northwind: Organisation, contoso: Organisation, jonas: Person, lena: Person
) -> None:
    shared = member_of(northwind)
    Membership.objects.create(person=shared, organisation=contoso, role=Role.MEMBER)
    with pytest.raises(ForbiddenError):
        people.create_password_link(actor=as_actor(jonas), person=shared.id)
    with pytest.raises(NotFoundError):
        people.create_password_link(actor=as_actor(jonas), person=lena.id)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.AUDITOR, Role.OWNER])
def test_owner_sees_links_of_people_with_a_lower_role_only(northwind: Organisation, jonas: Person, role: str) -> None:
    person = member_of(northwind, role)
    made = people.create_password_link(actor=as_actor(jonas), person=person.id, base_url=BASE_URL)
    assert (bool(made.token), made.is_mailed) == (role != Role.OWNER, True)


def test_administrator_sees_no_link_of_another_administrator(maya: Person, priya: Person) -> None:
    other = PersonFactory.create(administrator=True)
    assert people.create_password_link(actor=as_actor(maya), person=priya.id, base_url=BASE_URL).token
    assert people.create_password_link(actor=as_actor(maya), person=other.id, base_url=BASE_URL).token == ""
    assert people.create_password_link(actor=OPERATOR, person=other.id).token


def test_link_that_can_be_neither_shown_nor_mailed_is_a_conflict(northwind: Organisation, jonas: Person) -> None:
    other = member_of(northwind, Role.OWNER)
    with pytest.raises(ConflictError, match="there is no mail server"):
        people.create_password_link(actor=as_actor(jonas), person=other.id)
    assert not PasswordLink.objects.exists()


# Verifying an address


def test_mailed_link_verifies_the_address_and_ends_what_was_set_up_before(northwind: Organisation) -> None:
    person = member_of(northwind, unverified=True, signs_in=True)
    session, refresh = person.get_session_auth_hash(), token_session(person)
    shown = people.create_password_link(actor=OPERATOR, person=person.id)
    token = mailed_token(person)
    password_link(person, LinkPurpose.RESET)
    passwords.choose(actor=as_actor(person), token=token, password="an entirely new passphrase")
    person.refresh_from_db()
    assert person.is_email_verified
    assert person.home_organisation == northwind
    assert not person.check_password(PASSWORD)
    assert person.get_session_auth_hash() != session
    with pytest.raises(NotFoundError):
        token_sessions.refresh(actor=as_actor(person), token=refresh)
    with pytest.raises(LinkEndedError):
        links.find(shown.token)
    assert not PasswordLink.objects.exists()
    assert latest_event().changes == {"password_link": ["open", "used"], "email_verified": [False, True]}


def test_shown_link_verifies_nothing(northwind: Organisation, jonas: Person) -> None:
    person = member_of(northwind, unverified=True)
    token = people.create_password_link(actor=as_actor(jonas), person=person.id, base_url=BASE_URL).token
    passwords.choose(actor=as_actor(person), token=token, password=PASSWORD)
    person.refresh_from_db()
    assert not person.is_email_verified


def test_first_proof_leaves_the_organisations_that_the_person_does_not_know(
    northwind: Organisation, contoso: Organisation
) -> None:
    person = member_of(northwind, Role.OWNER, unverified=True)
    MembershipFactory.create(person=person, organisation=contoso)
    token = links.token_of(password_link(person), is_mailed=True)
    passwords.choose(actor=as_actor(person), token=token, password=PASSWORD, leave=[northwind.id])
    person.refresh_from_db()
    assert person.memberships.get().organisation == contoso
    assert person.home_organisation == contoso
    assert latest_event().changes["roles"] == [
        ["Contoso: Member", "Northwind: Organisation owner"],
        ["Contoso: Member"],
    ]


def test_unverified_person_ends_no_link_by_a_new_password(northwind: Organisation) -> None:
    """The account may be in the hands of a person who set it up for another one's address."""
    person = member_of(northwind, unverified=True)
    token = links.token_of(password_link(person, LinkPurpose.RESET), is_mailed=True)
    passwords.change(actor=as_actor(person), person=person.id, password=PASSWORD)
    assert links.find(token).is_first_proof


def test_administrator_marks_an_address_as_verified(northwind: Organisation, maya: Person, jonas: Person) -> None:
    person = member_of(northwind, Role.OWNER, unverified=True, signs_in=True)
    session, earlier = person.get_session_auth_hash(), password_link(person)
    with pytest.raises(ForbiddenError):
        people.verify_email(actor=as_actor(jonas), person=person.id)
    made = people.verify_email(actor=as_actor(maya), person=person.id)
    person.refresh_from_db()
    assert (person.is_email_verified, person.has_usable_password()) == (True, False)
    assert person.get_session_auth_hash() != session
    assert not PasswordLink.objects.filter(id=earlier.id).exists()
    event = latest_event()
    assert (event.type, event.actor_id) == ("person.email_verified", maya.id)
    assert event.changes == {"email_verified": [False, True]}
    passwords.choose(actor=as_actor(person), token=made.token, password=PASSWORD)
    with pytest.raises(ConflictError, match="already verified"):
        people.verify_email(actor=as_actor(maya), person=person.id)


def test_unverified_person_gets_a_link_at_sign_in_once_an_hour(northwind: Organisation) -> None:
    person = member_of(northwind, unverified=True)
    for _ in range(2):
        sessions.sign_in(actor=as_actor(person), base_url=BASE_URL)
    assert PasswordLink.objects.get().purpose == LinkPurpose.CONFIRMATION
    assert not sessions.request_confirmation(actor=as_actor(person), base_url=BASE_URL)
    PasswordLink.objects.update(created_at=timezone.now() - timedelta(hours=2))
    assert sessions.request_confirmation(actor=as_actor(person), base_url=BASE_URL)
    passwords.choose(actor=as_actor(person), token=mailed_token(person), password=PASSWORD)
    sessions.sign_in(actor=as_actor(person), base_url=BASE_URL)
    assert not PasswordLink.objects.exists()


# Passwords and sessions


def test_person_changes_only_their_own_password(sam: Person, maya: Person) -> None:
    passwords.change(actor=as_actor(sam), person=sam.id, password=PASSWORD)
    sam.refresh_from_db()
    assert sam.check_password(PASSWORD)
    assert latest_event().type == EventType.PASSWORD_CHANGED
    with pytest.raises(NotFoundError):
        passwords.change(actor=as_actor(maya), person=sam.id, password=PASSWORD)
    with pytest.raises(InvalidInputError):
        passwords.change(actor=as_actor(sam), person=sam.id, password="short")


def test_signing_out_everywhere_changes_the_session_hash(sam: Person) -> None:
    before = sam.get_session_auth_hash()
    sessions.end_all(actor=as_actor(sam))
    sam.refresh_from_db()
    assert sam.get_session_auth_hash() != before
    assert latest_event().type == EventType.SIGNED_OUT_EVERYWHERE
    with pytest.raises(NotFoundError):
        sessions.end_all(actor=OPERATOR)


def test_person_chooses_their_own_time_zone(sam: Person) -> None:
    people.edit(actor=as_actor(sam), person=sam.id, time_zone="Europe/Copenhagen")
    assert Person.objects.get(id=sam.id).time_zone == "Europe/Copenhagen"
    for zone in ("Mars/Olympus", "UTC0"):
        with pytest.raises(InvalidInputError):
            people.edit(actor=as_actor(sam), person=sam.id, time_zone=zone)


def test_account_status_agrees_between_python_and_sql(db: None) -> None:
    people_ = [
        PersonFactory.create(),
        PersonFactory.create(signs_in=True),
        PersonFactory.create(deactivated=True),
        PersonFactory.create(last_login=timezone.now()),
    ]
    found = [person.account_status for person in people_]
    assert found == ["invited", "active", "deactivated", "active"]
    rows = {person.id: person.account_status for person in Person.objects.with_account_status()}
    assert [rows[person.id] for person in people_] == found
