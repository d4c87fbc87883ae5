"""People and the roles they hold: create, invite, edit, deactivate, reactivate, give and take roles."""

from dataclasses import dataclass, field
from uuid import UUID

from django.apps import apps
from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import ConflictError
from keyadmin.models import AccountStatus, EventType, Membership, Organisation, Person, SystemRole
from keyadmin.operations import audit, policy, revisions
from keyadmin.operations.organisations import owners
from keyadmin.operations.people import passwords, rows
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import UNSET, FieldErrors, Unset, require_changes


@dataclass(frozen=True, slots=True)
class Invited:
    """Who was invited; `token` lets somebody new choose a password, and is "" for who was here already."""

    person: Person
    token: str = field(repr=False)


def create(
    *,
    actor: Actor,
    email: str,
    name: str,
    password: str | None = None,
    system_role: str = "",
    organisation: UUID | None = None,
    role: str = "",
) -> Person:
    """Somebody new, with a role in the organisation if one is given. Without a password they can't sign in yet."""
    with audit.audited_transaction(actor):
        owner = _owner_to_add_to(actor, organisation, system_role)
        return _new(actor, EventType.PERSON_CREATED, owner, role, password, _person(email, name, system_role))


def invite(
    *,
    actor: Actor,
    email: str,
    name: str,
    system_role: str = "",
    organisation: UUID | None = None,
    role: str = "",
    mail_base_url: str = "",
) -> Invited:
    """Somebody new, who chooses a password by the link that only the result holds.

    Whoever is here already, as far as the actor knows or not, gets the role, and keeps name, password and all else.
    With `mail_base_url`, the scheme and host of the pages, somebody new also gets the link by mail.
    """
    with audit.audited_transaction(actor):
        owner = _owner_to_add_to(actor, organisation, system_role)
        known = Person.objects.filter(email__iexact=_typed(email)).first() if owner and not system_role else None
        if owner and known:
            return Invited(_take_in(actor, known, owner, role), token="")
        person = _person(email, name, system_role)
        person.password_link_count = 1
        _new(actor, EventType.PERSON_INVITED, owner, role, None, person)
        if mail_base_url:
            passwords.queue_link_mail(person, base_url=mail_base_url, sender=actor.label, is_invitation=True)
    return Invited(person, passwords.token_of(person))


def make_link(*, actor: Actor, person: UUID, mail_base_url: str = "") -> Invited:
    """A link by which the person chooses a password, in place of every earlier one.

    With `mail_base_url`, the scheme and host of the pages, they also get it by mail.
    """
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        rows.require_authority_over(actor, row)
        if not row.is_active:
            raise ConflictError(_("%(person)s is deactivated. Reactivate them first.") % {"person": row})
        row.password_link_count += 1
        row.save(update_fields=("password_link_count",))
        if mail_base_url:
            is_invitation = row.account_status == AccountStatus.INVITED
            passwords.queue_link_mail(row, base_url=mail_base_url, sender=actor.label, is_invitation=is_invitation)
        changes = {"password_link_count": (row.password_link_count - 1, row.password_link_count)}
        rows.record(EventType.PASSWORD_LINK_CREATED, actor, row, rows.home(row), changes)
    return Invited(row, passwords.token_of(row))


def edit(
    *,
    actor: Actor,
    person: UUID,
    revision: int | None = None,
    name: str | Unset = UNSET,
    email: str | Unset = UNSET,
    time_zone: str | Unset = UNSET,
) -> Person:
    """Change what is given. Everybody may change their own name and time zone; the address, with which one signs
    in, is more.
    """
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        own_name = actor.kind is ActorKind.PERSON and actor.id == row.id and email is UNSET
        if not own_name:
            rows.require_authority_over(actor, row)
        revisions.require(row, revision)
        fields = ("name", "email", "time_zone")
        before = {field: getattr(row, field) for field in fields}
        for field, value in zip(fields, (name, email, time_zone), strict=True):
            if value is not UNSET:
                setattr(row, field, value)
        rows.check(row)
        changes = audit.changed(before, {field: getattr(row, field) for field in fields})
        require_changes(changes)
        row.revision += 1
        row.save(update_fields=(*fields, "revision"))
        if "email" in changes:
            # The old address must no longer sign in, nor get the link that resets the password.
            apps.get_model("account", "EmailAddress")._default_manager.filter(user_id=row.id).delete()
        rows.record(EventType.PERSON_EDITED, actor, row, rows.home(row), changes)
    return row


def deactivate(*, actor: Actor, person: UUID) -> Person:
    """Shut the person out at once; keys that inherit from them may nothing any more."""
    return _switch(actor, person, EventType.PERSON_DEACTIVATED, active=False)


def reactivate(*, actor: Actor, person: UUID) -> Person:
    """Let the person in again, with the roles they had."""
    return _switch(actor, person, EventType.PERSON_REACTIVATED, active=True)


def set_role(*, actor: Actor, person: UUID, organisation: UUID, role: str, revision: int | None = None) -> Person:
    """Give the person this role in the organisation, in place of any other."""
    with audit.audited_transaction():
        owner, row = rows.lock_with_organisation(actor, organisation, person)
        revisions.require(row, revision)
        errors = FieldErrors()
        rows.check_role(errors, role)
        errors.raise_if_any()
        membership = Membership.objects.filter(person=row, organisation=owner).first()
        changes = audit.changed({"role": membership.role if membership else None}, {"role": role})
        require_changes(changes)
        Membership.objects.update_or_create(person=row, organisation=owner, defaults={"role": role})
        _count(row)
        rows.record(EventType.ROLE_CHANGED, actor, row, owner, changes, audit.Invalidation(organisations=[owner.id]))
    return row


def remove_role(*, actor: Actor, person: UUID, organisation: UUID, revision: int | None = None) -> Person:
    """Take the person out of the organisation."""
    with audit.audited_transaction():
        owner, row = rows.lock_with_organisation(actor, organisation, person)
        revisions.require(row, revision)
        membership = Membership.objects.filter(person=row, organisation=owner).first()
        if membership is None:
            raise ConflictError(
                _("%(person)s has no role in %(organisation)s.") % {"person": row, "organisation": owner}
            )
        changes = {"role": (membership.role, None)}
        membership.delete()
        _count(row)
        rows.record(EventType.ROLE_REMOVED, actor, row, owner, changes, audit.Invalidation(organisations=[owner.id]))
    return row


def set_system_role(*, actor: Actor, person: UUID, system_role: str, revision: int | None = None) -> Person:
    """Give the person this system role, or with "" none. The last administrator keeps theirs."""
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        policy.require(actor, Permission.MANAGE_SYSTEM_ROLES, None)
        revisions.require(row, revision)
        before = {"system_role": row.system_role}
        if system_role != SystemRole.ADMINISTRATOR:
            rows.require_another_administrator(row)
        row.system_role = system_role
        rows.check(row)
        changes = audit.changed(before, {"system_role": row.system_role})
        require_changes(changes)
        row.revision += 1
        row.save(update_fields=("system_role", "revision"))
        rows.record(EventType.SYSTEM_ROLE_CHANGED, actor, row, None, changes, audit.Invalidation(catalogue=True))
    return row


def _switch(actor: Actor, person: UUID, event_type: EventType, *, active: bool) -> Person:
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        rows.require_authority_over(actor, row)
        if row.is_active == active:
            raise ConflictError(
                _("This person is already active.") if active else _("This person is already deactivated.")
            )
        if not active:
            rows.require_another_administrator(row)
            row.session_generation += 1  # or they would go on once the person is back
        row.is_active, row.revision = active, row.revision + 1
        row.save(update_fields=("is_active", "session_generation", "revision"))
        organisations = list(row.memberships.values_list("organisation_id", flat=True))
        invalidate = audit.Invalidation(organisations=organisations, catalogue=bool(row.system_role))
        rows.record(event_type, actor, row, rows.home(row), {"is_active": (not active, active)}, invalidate)
    return row


def _count(person: Person) -> None:
    """A role is part of what is told of a person."""
    person.revision += 1
    person.save(update_fields=("revision",))


def _owner_to_add_to(actor: Actor, organisation: UUID | None, system_role: str) -> Organisation | None:
    """The organisation that somebody is added to, locked, if the actor may add people to it, in that system role."""
    owner = owners.lock_organisation(actor, organisation) if organisation else None
    policy.require(actor, Permission.MANAGE_PEOPLE if owner else Permission.MANAGE_ALL_PEOPLE, owner)
    if system_role:
        policy.require(actor, Permission.MANAGE_SYSTEM_ROLES, None)
    return owner


def _person(email: str, name: str, system_role: str) -> Person:
    return Person(email=email, name=name, system_role=system_role)


def _new(
    actor: Actor, event_type: EventType, owner: Organisation | None, role: str, password: str | None, person: Person
) -> Person:
    rows.check(person, password, role if owner else None)
    person.set_password(password)
    person.save(force_insert=True)
    if owner:
        Membership.objects.create(person=person, organisation=owner, role=role)
    described = {"name": person.name, "email": person.email, "system_role": person.system_role, "role": role}
    rows.record(event_type, actor, person, owner, audit.created(described))  # no key inherits from them yet
    return person


def _take_in(actor: Actor, person: Person, owner: Organisation, role: str) -> Person:
    """Add who is here already to the organisation."""
    errors = FieldErrors()
    rows.check_role(errors, role)
    if Membership.objects.filter(person=person, organisation=owner).exists():
        words = _("This person already has a role in %(organisation)s.") % {"organisation": owner.name}
        errors.add("email", words)
    errors.raise_if_any()
    Membership.objects.create(person=person, organisation=owner, role=role)
    _count(person)
    invalidate = audit.Invalidation(organisations=[owner.id])
    rows.record(EventType.ROLE_CHANGED, actor, person, owner, {"role": (None, role)}, invalidate)
    return person


def _typed(email: str) -> str:
    """The address as the table would hold it; "" for one that it can't."""
    return FieldErrors().clean_text("email", email, 254).lower()
