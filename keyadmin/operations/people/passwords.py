"""Passwords: choose one by a link, change one's own, and request a link to reset it."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password

from keyadmin.core.actors import Actor
from keyadmin.core.errors import NotFoundError
from keyadmin.models import EventType, Invitation, LinkPurpose, Organisation, PasswordLink, Person
from keyadmin.models.sign_in import AttemptKind
from keyadmin.operations import audit
from keyadmin.operations.people import attempts, invitations, links, rows, throttle
from keyadmin.operations.people.links import FoundLink


def choose(*, actor: Actor, token: str, password: str, leave: Collection[UUID] = ()) -> Person | None:
    """Set the password of the person to whom the link belongs, and accept its invitation, if it is one.

    The link and all other links of the person end, and so do their sessions. A mailed link verifies the address. The
    first one that does so also removes the person from the organisations in `leave`, because the memberships may have
    been set up by another person.

    Returns None for an invitation of an address whose account can accept it only after signing in. Raises
    LinkEndedError and NotFoundError as `links.find`.
    """
    with audit.audited_transaction():
        found = links.lock(token)
        if isinstance(found.link, Invitation):
            return _choose_by_invitation(actor, found, found.link, password, leave)
        person = found.link.person
        changes: dict[str, Any] = {"password_link": ("open", "used")}
        left: list[Organisation] = []
        if found.new_email:
            changes["email"] = (person.email, found.new_email)
            person.email = found.new_email
            rows.forget_copies_of_address(person)
        if found.is_first_proof:
            verification, left = verify(person, leave)
            changes |= verification
        _set_password(person, password)
        PasswordLink.objects.filter(person=person).delete()
        rows.record(
            EventType.PASSWORD_CHOSEN,
            replace(actor, id=person.id, label=str(person)),
            person,
            rows.sole_organisation(person),
            changes,
            audit.Invalidation(organisations=[organisation.id for organisation in left]),
        )
    return person


def _choose_by_invitation(
    actor: Actor, found: FoundLink, invitation: Invitation, password: str, leave: Collection[UUID]
) -> Person | None:
    if found.person is None:
        return invitations.create_account(actor, invitation, password, is_verified=found.is_mailed)
    if not found.is_first_proof:
        # The same work as for an address without an account, so that the maker does not learn which one it is.
        rows.check_new_password(Person(email=invitation.email, name=invitation.name), password)
        make_password(password)
        return None
    person = found.person
    verification, left = verify(person, leave)
    _set_password(person, password)
    PasswordLink.objects.filter(person=person).delete()
    by_person = replace(actor, id=person.id, label=str(person))
    invitations.take_roles(by_person, person, invitation, verification, left)
    return person


def change(*, actor: Actor, person: UUID, password: str) -> Person:
    """Set the actor's own password; the caller has checked the old one. All their sessions and links end.

    The links of a person whose address is not verified stay open: their mailbox may belong to another person, who must
    be able to take the account over.
    """
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        if actor.id != row.id:
            raise NotFoundError
        _set_password(row, password)
        if row.is_email_verified:
            PasswordLink.objects.filter(person=row).delete()
        rows.record(EventType.PASSWORD_CHANGED, actor, row, rows.sole_organisation(row), {})
    return row


def request_reset(*, email: str, ip: str | None, device: str = "", base_url: str = "") -> None:
    """Mail the address a link to reset the password, if it has an account. `base_url`: scheme and host of the pages.

    An address gets throttle.MAX_RESETS mails in throttle.RESET_WINDOW, and each known browser (`device`) as many of its
    own, so that others cannot use up the mails of a person; a link that was mailed stays open. Known and unknown
    addresses execute the same statements, and the worker makes the link, so that the response time shows no account.
    """
    with audit.audited_transaction():
        subject = throttle.subject_of("reset by browser", device) if device else throttle.subject_of("reset", email)
        person = Person.objects.active().with_email(email).values_list("id", flat=True).first()
        attempts.count(AttemptKind.RESET, person=person, ip=ip)
        if throttle.count_mail(subject):
            links.queue_reset_mail(person, base_url)


def make_reset_link(person: UUID, link: UUID) -> PasswordLink | None:
    """The link with this id, which the person requested; it is created by the first call.

    None if the person is deactivated, or the link has ended since. The request was recorded when it was made.
    """
    with audit.audited_transaction():
        row = Person.objects.active().select_for_update(no_key=True).filter(id=person).first()
        if row is None:
            return None
        made = PasswordLink.objects.filter(id=link).first()
        return made or links.create(row, LinkPurpose.RESET, link_id=link)


def verify(person: Person, leave: Collection[UUID] = ()) -> tuple[dict[str, Any], list[Organisation]]:
    """The address of the locked person is verified, the first time or a new one: end what was set up before.

    Sets the fields of the row, which the caller saves with a new password. Returns the changes for the event, and the
    organisations that the person left.
    """
    person.session_generation += 1
    changes: dict[str, Any] = {} if person.is_email_verified else {"email_verified": (False, True)}
    person.email_verified_at = audit.database_time()
    left = []
    if leave:
        before = rows.describe_roles(person)
        for membership in rows.lock_memberships(person, leave):
            left.append(membership.organisation)
            membership.delete()
        if left:
            links.end_all(person)
            person.revision += 1
            changes["roles"] = (before, rows.describe_roles(person))
    if person.home_organisation_id is None or left:
        person.home_organisation_id = rows.oldest_organisation(person)
    person.save(update_fields=("email", "email_verified_at", "session_generation", "home_organisation", "revision"))
    return changes, left


def _set_password(person: Person, password: str) -> None:
    rows.check_new_password(person, password)
    person.set_password(password)
    person.save(update_fields=("password",))
