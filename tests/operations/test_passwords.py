"""Invitations, and links by which people choose a password."""

import json
from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone

from keyadmin.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from keyadmin.models import Event, EventType, Membership, Organisation, Person, Role, SystemRole
from keyadmin.operations import people
from keyadmin.operations.people import passwords, sessions
from tests.factories import OPERATOR, PASSWORD, PersonFactory, as_actor, member_of
from tests.operations.looking import latest

# Inviting


def invite(
    actor: Person, organisation: Organisation | None, email: str = "new@example.com", **kwargs: str
) -> people.Invited:
    given = {"name": "New", "role": Role.MEMBER} | kwargs
    return people.invite(
        actor=as_actor(actor), email=email, organisation=organisation.id if organisation else None, **given
    )


def test_who_is_invited_chooses_a_password(northwind: Organisation, jonas: Person) -> None:
    invited = invite(jonas, northwind)
    person = Person.objects.get(id=invited.person.id)
    assert not person.has_usable_password()
    assert person.account_status == "invited"
    assert person.memberships.get().role == Role.MEMBER
    event = latest()
    assert (event.type, event.actor_id, event.organisation_id) == ("person.invited", jonas.id, northwind.id)
    passwords.choose(actor=as_actor(person), token=invited.token, password=PASSWORD)
    person.refresh_from_db()
    assert person.check_password(PASSWORD)
    assert person.account_status == "active"
    assert latest().type == EventType.PASSWORD_CHOSEN


def test_no_token_enters_history_or_a_repr(northwind: Organisation, jonas: Person) -> None:
    invited = invite(jonas, northwind)
    passwords.choose(actor=as_actor(invited.person), token=invited.token, password=PASSWORD)
    told = json.dumps(list(Event.objects.values()), default=str)
    assert invited.token not in told
    assert invited.token not in repr(invited)


def test_who_is_here_already_gets_the_role_and_no_link(
    northwind: Organisation, jonas: Person, lena: Person, contoso: Organisation
) -> None:
    before = Person.objects.filter(id=lena.id).values().get()
    del before["revision"]  # her roles are of what an edit is of
    invited = invite(jonas, northwind, email="LENA@contoso.example", name="Somebody else", role=Role.AUDITOR)
    assert invited.token == ""
    assert Person.objects.filter(id=lena.id).values(*before).get() == before
    assert Membership.objects.get(person=lena, organisation=northwind).role == Role.AUDITOR
    assert (latest().type, latest().organisation_id) == ("person.role_changed", northwind.id)


def test_who_has_a_role_already_is_said_so(northwind: Organisation, jonas: Person, sam: Person) -> None:
    with pytest.raises(InvalidInputError) as refused:
        invite(jonas, northwind, email=sam.email)
    assert list(refused.value.errors) == ["email"]


@pytest.mark.parametrize(
    ("field", "value"), [("email", "x\x00@y.example"), ("email", ""), ("name", ""), ("role", "king"), ("role", "")]
)
def test_invitations_that_are_none(northwind: Organisation, jonas: Person, field: str, value: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        invite(jonas, northwind, **{field: value})
    assert list(refused.value.errors) == [field]


def test_an_administrator_invites_another(maya: Person) -> None:
    invited = invite(maya, None, system_role=SystemRole.ADMINISTRATOR)
    assert Person.objects.get(id=invited.person.id).system_role == SystemRole.ADMINISTRATOR


def test_an_owner_invites_nobody_to_the_system(northwind: Organisation, jonas: Person) -> None:
    with pytest.raises(ForbiddenError):
        invite(jonas, northwind, system_role=SystemRole.AUDITOR)
    with pytest.raises(ForbiddenError):
        invite(jonas, None)


# Links


def test_a_newer_link_ends_the_older(sam: Person, jonas: Person) -> None:
    first = people.make_link(actor=as_actor(jonas), person=sam.id)
    second = people.make_link(actor=as_actor(jonas), person=sam.id)
    with pytest.raises(passwords.LinkUsedError, match="newer"):
        passwords.read(first.token)
    assert passwords.read(second.token) == sam


def test_a_link_works_once(sam: Person) -> None:
    token = people.make_link(actor=OPERATOR, person=sam.id).token
    passwords.choose(actor=as_actor(sam), token=token, password=PASSWORD)
    with pytest.raises(passwords.LinkUsedError, match="has been used"):
        passwords.choose(actor=as_actor(sam), token=token, password=PASSWORD + "!")
    sam.refresh_from_db()
    assert sam.check_password(PASSWORD)


def test_a_link_ends_with_a_sign_in_or_another_address(sam: Person) -> None:
    for change in ({"last_login": timezone.now()}, {"email": "samuel@northwind.example"}):
        token = people.make_link(actor=OPERATOR, person=sam.id).token
        Person.objects.filter(id=sam.id).update(**change)
        with pytest.raises(passwords.LinkUsedError):
            passwords.read(token)


def test_a_link_lasts_a_week(sam: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    token = people.make_link(actor=OPERATOR, person=sam.id).token
    now = signing.time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + timedelta(days=7, minutes=-1).total_seconds())
    assert passwords.read(token) == sam
    monkeypatch.setattr(signing.time, "time", lambda: now + timedelta(days=7, minutes=1).total_seconds())
    with pytest.raises(passwords.LinkUsedError, match="week"):
        passwords.read(token)


def test_who_is_deactivated_has_no_link(sam: Person) -> None:
    token = people.make_link(actor=OPERATOR, person=sam.id).token
    people.deactivate(actor=OPERATOR, person=sam.id)
    with pytest.raises(passwords.LinkUsedError, match="deactivated"):
        passwords.choose(actor=as_actor(sam), token=token, password=PASSWORD)
    with pytest.raises(ConflictError, match="Reactivate"):
        people.make_link(actor=OPERATOR, person=sam.id)


@pytest.mark.parametrize("change", ["", "00", "zz", "é", "flip", "longer"])
def test_what_was_never_a_link(sam: Person, change: str) -> None:
    token = people.make_link(actor=OPERATOR, person=sam.id).token
    flipped = token[:-1] + ("0" if token[-1] != "0" else "1")
    with pytest.raises(NotFoundError):
        passwords.read({"flip": flipped, "longer": token + "00"}.get(change, change))


def test_a_weak_password_leaves_the_link_open(sam: Person) -> None:
    token = people.make_link(actor=OPERATOR, person=sam.id).token
    with pytest.raises(InvalidInputError) as refused:
        passwords.choose(actor=as_actor(sam), token=token, password="short")
    assert list(refused.value.errors) == ["password"]
    assert passwords.read(token) == sam


def test_an_owner_makes_no_link_for_who_belongs_to_others_too(
    northwind: Organisation, contoso: Organisation, jonas: Person, lena: Person
) -> None:
    shared = member_of(northwind)
    Membership.objects.create(person=shared, organisation=contoso, role=Role.MEMBER)
    with pytest.raises(ForbiddenError):
        people.make_link(actor=as_actor(jonas), person=shared.id)
    with pytest.raises(NotFoundError):
        people.make_link(actor=as_actor(jonas), person=lena.id)


# Passwords and sessions


def test_ones_own_password(sam: Person, maya: Person) -> None:
    passwords.change(actor=as_actor(sam), person=sam.id, password=PASSWORD)
    sam.refresh_from_db()
    assert sam.check_password(PASSWORD)
    assert latest().type == EventType.PASSWORD_CHANGED
    with pytest.raises(NotFoundError):
        passwords.change(actor=as_actor(maya), person=sam.id, password=PASSWORD)
    with pytest.raises(InvalidInputError):
        passwords.change(actor=as_actor(sam), person=sam.id, password="short")


def test_signing_out_everywhere_changes_what_sessions_are_bound_to(sam: Person) -> None:
    before = sam.get_session_auth_hash()
    sessions.end_all(actor=as_actor(sam))
    sam.refresh_from_db()
    assert sam.get_session_auth_hash() != before
    assert latest().type == EventType.SIGNED_OUT_EVERYWHERE
    with pytest.raises(NotFoundError):
        sessions.end_all(actor=OPERATOR)


def test_a_time_zone_is_ones_own_to_choose(sam: Person) -> None:
    people.edit(actor=as_actor(sam), person=sam.id, time_zone="Europe/Copenhagen")
    assert Person.objects.get(id=sam.id).time_zone == "Europe/Copenhagen"
    for zone in ("Mars/Olympus", "UTC0"):
        with pytest.raises(InvalidInputError):
            people.edit(actor=as_actor(sam), person=sam.id, time_zone=zone)


def test_presence_in_the_database_and_out_of_it(db: None) -> None:
    people_ = [
        PersonFactory(),
        PersonFactory(signs_in=True),
        PersonFactory(deactivated=True),
        PersonFactory(last_login=timezone.now()),
    ]
    found = [person.account_status for person in people_]
    assert found == ["invited", "active", "deactivated", "active"]
    rows = {person.id: person.account_status for person in Person.objects.with_account_status()}
    assert [rows[person.id] for person in people_] == found
