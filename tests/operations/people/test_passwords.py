"""Invitations, and links by which people choose a password."""

import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.models import Event, EventType, Membership, Organisation, Person, Role, SystemRole
from keyadmin.operations import people
from keyadmin.operations.people import passwords, sessions
from tests.factories import OPERATOR, PASSWORD, PersonFactory, as_actor, member_of
from tests.operations.helpers import latest_event

# Inviting


def invite(
    actor: Person, organisation: Organisation | None, email: str = "new@example.com", **kwargs: str
) -> people.InvitedPerson:
    rows = {"name": "New", "role": Role.MEMBER} | kwargs
    return people.invite(
        actor=as_actor(actor), email=email, organisation=organisation.id if organisation else None, **rows
    )


def test_invited_person_chooses_a_password(northwind: Organisation, jonas: Person) -> None:
    invited = invite(jonas, northwind)
    person = Person.objects.get(id=invited.person.id)
    assert not person.has_usable_password()
    assert person.account_status == "invited"
    assert person.memberships.get().role == Role.MEMBER
    event = latest_event()
    assert (event.type, event.actor_id, event.organisation_id) == ("person.invited", jonas.id, northwind.id)
    passwords.choose(actor=as_actor(person), token=invited.token, password=PASSWORD)
    person.refresh_from_db()
    assert person.check_password(PASSWORD)
    assert person.account_status == "active"
    assert latest_event().type == EventType.PASSWORD_CHOSEN


def test_token_is_in_no_event_and_no_repr(northwind: Organisation, jonas: Person) -> None:
    invited = invite(jonas, northwind)
    passwords.choose(actor=as_actor(invited.person), token=invited.token, password=PASSWORD)
    told = json.dumps(list(Event.objects.values()), default=str)
    assert invited.token not in told
    assert invited.token not in repr(invited)


def test_existing_person_gets_the_role_without_a_link(
    northwind: Organisation, jonas: Person, lena: Person, contoso: Organisation
) -> None:
    before = Person.objects.filter(id=lena.id).values().get()
    del before["revision"]  # her roles are of what an edit is of
    invited = invite(jonas, northwind, email="LENA@contoso.example", name="Another name", role=Role.AUDITOR)
    assert invited.token == ""
    assert Person.objects.filter(id=lena.id).values(*before).get() == before
    assert Membership.objects.get(person=lena, organisation=northwind).role == Role.AUDITOR
    assert (latest_event().type, latest_event().organisation_id) == ("person.role_changed", northwind.id)


def test_person_with_a_role_is_not_invited_again(northwind: Organisation, jonas: Person, sam: Person) -> None:
    with pytest.raises(InvalidInputError) as raised:
        invite(jonas, northwind, email=sam.email)
    assert list(raised.value.errors) == ["email"]


@pytest.mark.parametrize(
    ("field", "value"), [("email", "x\x00@y.example"), ("email", ""), ("name", ""), ("role", "king"), ("role", "")]
)
def test_invalid_invitation_is_rejected(northwind: Organisation, jonas: Person, field: str, value: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        invite(jonas, northwind, **{field: value})
    assert list(raised.value.errors) == [field]


def test_administrator_invites_an_administrator(maya: Person) -> None:
    invited = invite(maya, None, system_role=SystemRole.ADMINISTRATOR)
    assert Person.objects.get(id=invited.person.id).system_role == SystemRole.ADMINISTRATOR


def test_owner_invites_no_administrator(northwind: Organisation, jonas: Person) -> None:
    with pytest.raises(ForbiddenError):
        invite(jonas, northwind, system_role=SystemRole.AUDITOR)
    with pytest.raises(ForbiddenError):
        invite(jonas, None)


# Links


def test_newer_link_invalidates_the_older(sam: Person, jonas: Person) -> None:
    first = people.create_password_link(actor=as_actor(jonas), person=sam.id)
    second = people.create_password_link(actor=as_actor(jonas), person=sam.id)
    with pytest.raises(passwords.LinkUsedError, match="newer"):
        passwords.person_of(first.token)
    assert passwords.person_of(second.token) == sam


def test_link_works_once(sam: Person) -> None:
    token = people.create_password_link(actor=OPERATOR, person=sam.id).token
    passwords.choose(actor=as_actor(sam), token=token, password=PASSWORD)
    with pytest.raises(passwords.LinkUsedError, match="has been used"):
        passwords.choose(actor=as_actor(sam), token=token, password=PASSWORD + "!")
    sam.refresh_from_db()
    assert sam.check_password(PASSWORD)


def test_sign_in_or_new_email_invalidates_the_link(sam: Person) -> None:
    for change in ({"last_login": timezone.now()}, {"email": "samuel@northwind.example"}):
        token = people.create_password_link(actor=OPERATOR, person=sam.id).token
        Person.objects.filter(id=sam.id).update(**change)
        with pytest.raises(passwords.LinkUsedError):
            passwords.person_of(token)


def test_link_expires_after_a_week(sam: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    token = people.create_password_link(actor=OPERATOR, person=sam.id).token
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + timedelta(days=7, minutes=-1).total_seconds())
    assert passwords.person_of(token) == sam
    monkeypatch.setattr(time, "time", lambda: now + timedelta(days=7, minutes=1).total_seconds())
    with pytest.raises(passwords.LinkUsedError, match="week"):
        passwords.person_of(token)


def test_deactivated_person_has_no_link(sam: Person) -> None:
    token = people.create_password_link(actor=OPERATOR, person=sam.id).token
    people.deactivate(actor=OPERATOR, person=sam.id)
    with pytest.raises(passwords.LinkUsedError, match="deactivated"):
        passwords.choose(actor=as_actor(sam), token=token, password=PASSWORD)
    with pytest.raises(ConflictError, match="Reactivate"):
        people.create_password_link(actor=OPERATOR, person=sam.id)


@pytest.mark.parametrize("change", ["", "00", "zz", "é", "flip", "longer"])
def test_invalid_token_is_not_found(sam: Person, change: str) -> None:
    token = people.create_password_link(actor=OPERATOR, person=sam.id).token
    flipped = token[:-1] + ("0" if token[-1] != "0" else "1")
    with pytest.raises(NotFoundError):
        passwords.person_of({"flip": flipped, "longer": token + "00"}.get(change, change))


def test_rejected_password_leaves_the_link_valid(sam: Person) -> None:
    token = people.create_password_link(actor=OPERATOR, person=sam.id).token
    with pytest.raises(InvalidInputError) as raised:
        passwords.choose(actor=as_actor(sam), token=token, password="short")
    assert list(raised.value.errors) == ["password"]
    assert passwords.person_of(token) == sam


def test_owner_creates_no_link_for_a_person_of_another_organisation(
    northwind: Organisation, contoso: Organisation, jonas: Person, lena: Person
) -> None:
    shared = member_of(northwind)
    Membership.objects.create(person=shared, organisation=contoso, role=Role.MEMBER)
    with pytest.raises(ForbiddenError):
        people.create_password_link(actor=as_actor(jonas), person=shared.id)
    with pytest.raises(NotFoundError):
        people.create_password_link(actor=as_actor(jonas), person=lena.id)


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
