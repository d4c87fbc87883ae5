"""Operations on people and their roles: create, invite, edit, deactivate, reactivate, set and remove roles."""

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
class InvitedPerson:
    """An invited person. `token` is that of the password link, "" for a person who had an account before."""

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
    """Create a person, with a role in the organisation if one is given. Without a password they cannot sign in."""
    with audit.audited_transaction(actor):
        owner = _lock_organisation_to_join(actor, organisation, system_role)
        person = Person(email=email, name=name, system_role=system_role)
        _create(EventType.PERSON_CREATED, actor, person, owner, role, password)
    return person


def invite(
    *,
    actor: Actor,
    email: str,
    name: str,
    system_role: str = "",
    organisation: UUID | None = None,
    role: str = "",
    mail_base_url: str = "",
) -> InvitedPerson:
    """Create a person without a password. The result has the token of a link with which they choose one.

    With `mail_base_url`, the scheme and host of the pages, a new person also gets the link by mail.

    If a person with this email exists, they get the role in the organisation, and nothing else changes. This also
    applies if the actor may not see the person.
    """
    with audit.audited_transaction(actor):
        owner = _lock_organisation_to_join(actor, organisation, system_role)
        if owner and not system_role:
            existing = Person.objects.filter(email__iexact=_clean_email(email)).first()
            if existing:
                _join(actor, existing, owner, role)
                return InvitedPerson(existing, token="")
        person = Person(email=email, name=name, system_role=system_role, password_link_count=1)
        _create(EventType.PERSON_INVITED, actor, person, owner, role, None)
        if mail_base_url:
            passwords.queue_link_mail(person, base_url=mail_base_url, sender=actor.label, is_invitation=True)
    return InvitedPerson(person, passwords.token_of(person))


def create_password_link(*, actor: Actor, person: UUID, mail_base_url: str = "") -> InvitedPerson:
    """Create a link with which the person chooses a password. Earlier links become invalid.

    With `mail_base_url`, the scheme and host of the pages, the person also gets the link by mail.
    """
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        rows.require_authority_over(actor, row)
        require_active(row)
        row.password_link_count += 1
        row.save(update_fields=("password_link_count",))
        changes = {"password_link_count": (row.password_link_count - 1, row.password_link_count)}
        rows.record(EventType.PASSWORD_LINK_CREATED, actor, row, rows.sole_organisation(row), changes)
        if mail_base_url:
            is_invitation = row.account_status == AccountStatus.INVITED
            passwords.queue_link_mail(row, base_url=mail_base_url, sender=actor.label, is_invitation=is_invitation)
    return InvitedPerson(row, passwords.token_of(row))


def edit(
    *,
    actor: Actor,
    person: UUID,
    revision: int | None = None,
    name: str | Unset = UNSET,
    email: str | Unset = UNSET,
    time_zone: str | Unset = UNSET,
) -> Person:
    """Change the fields that are not UNSET.

    People may change their own name and time zone. A change of an email, with which people sign in, needs a permission.
    """
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        is_own_profile = actor.kind is ActorKind.PERSON and actor.id == row.id and email is UNSET
        if not is_own_profile:
            rows.require_authority_over(actor, row)
        revisions.require(row, revision)
        fields = ("name", "email", "time_zone")
        before = {field: getattr(row, field) for field in fields}
        for field, value in zip(fields, (name, email, time_zone), strict=True):
            if value is not UNSET:
                setattr(row, field, value)
        rows.clean(row)
        changes = audit.changed(before, {field: getattr(row, field) for field in fields})
        require_changes(changes)
        row.revision += 1
        row.save(update_fields=(*fields, "revision"))
        if "email" in changes:
            # Delete allauth's copy: with the old email the person could otherwise still sign in and reset the password.
            apps.get_model("account", "EmailAddress")._default_manager.filter(user_id=row.id).delete()
        rows.record(EventType.PERSON_EDITED, actor, row, rows.sole_organisation(row), changes)
    return row


def deactivate(*, actor: Actor, person: UUID) -> Person:
    """End the person's access. Keys that inherit from them lose all permissions."""
    return _set_active(actor, person, EventType.PERSON_DEACTIVATED, active=False)


def reactivate(*, actor: Actor, person: UUID) -> Person:
    """Restore the person's access, with the roles that they had."""
    return _set_active(actor, person, EventType.PERSON_REACTIVATED, active=True)


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
        _increment_revision(row)
        rows.record(EventType.ROLE_CHANGED, actor, row, owner, changes, audit.Invalidation(organisations=[owner.id]))
    return row


def remove_role(*, actor: Actor, person: UUID, organisation: UUID, revision: int | None = None) -> Person:
    """Remove the person from the organisation."""
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
        _increment_revision(row)
        rows.record(EventType.ROLE_REMOVED, actor, row, owner, changes, audit.Invalidation(organisations=[owner.id]))
    return row


def set_system_role(*, actor: Actor, person: UUID, system_role: str, revision: int | None = None) -> Person:
    """Give the person this system role, "" for none. The last system administrator cannot lose the role."""
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        policy.require(actor, Permission.MANAGE_SYSTEM_ROLES, None)
        revisions.require(row, revision)
        before = {"system_role": row.system_role}
        if system_role != SystemRole.ADMINISTRATOR:
            rows.require_another_administrator(row)
        row.system_role = system_role
        rows.clean(row)
        changes = audit.changed(before, {"system_role": row.system_role})
        require_changes(changes)
        row.revision += 1
        row.save(update_fields=("system_role", "revision"))
        rows.record(EventType.SYSTEM_ROLE_CHANGED, actor, row, None, changes, audit.Invalidation(catalogue=True))
    return row


def require_active(person: Person) -> None:
    """Raise ConflictError for a deactivated person."""
    if not person.is_active:
        raise ConflictError(_("%(person)s is deactivated. Reactivate them first.") % {"person": person})


def require_change(person: Person, *, active: bool) -> None:
    """Raise ConflictError if the person is active (`active`) or deactivated already."""
    if person.is_active == active:
        raise ConflictError(_("This person is already active.") if active else _("This person is already deactivated."))


def _set_active(actor: Actor, person: UUID, event_type: EventType, *, active: bool) -> Person:
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        rows.require_authority_over(actor, row)
        require_change(row, active=active)
        if not active:
            rows.require_another_administrator(row)
            row.session_generation += 1  # otherwise earlier sessions would be valid again after a reactivation
        row.is_active, row.revision = active, row.revision + 1
        row.save(update_fields=("is_active", "session_generation", "revision"))
        organisations = list(row.memberships.values_list("organisation_id", flat=True))
        invalidate = audit.Invalidation(organisations=organisations, catalogue=bool(row.system_role))
        changes = {"is_active": (not active, active)}
        rows.record(event_type, actor, row, rows.sole_organisation(row), changes, invalidate)
    return row


def _increment_revision(person: Person) -> None:
    """Increment the revision after a change of a role. Editors show the roles of a person, so other edits are stale."""
    person.revision += 1
    person.save(update_fields=("revision",))


def _lock_organisation_to_join(actor: Actor, organisation: UUID | None, system_role: str) -> Organisation | None:
    """The organisation of a new person, locked. Checks that the actor may give a person these roles."""
    owner = owners.lock_organisation(actor, organisation) if organisation else None
    policy.require(actor, Permission.MANAGE_PEOPLE if owner else Permission.MANAGE_ALL_PEOPLE, owner)
    if system_role:
        policy.require(actor, Permission.MANAGE_SYSTEM_ROLES, None)
    return owner


def _create(
    event_type: EventType,
    actor: Actor,
    person: Person,
    organisation: Organisation | None,
    role: str,
    password: str | None,
) -> None:
    """Save the new person with their role and record the event."""
    rows.clean(person, password, role if organisation else None)
    person.set_password(password)
    person.save(force_insert=True)
    if organisation:
        Membership.objects.create(person=person, organisation=organisation, role=role)
    fields = {"name": person.name, "email": person.email, "system_role": person.system_role, "role": role}
    # No key inherits from a new person, so no cached snapshot becomes stale.
    rows.record(event_type, actor, person, organisation, audit.created(fields))


def _join(actor: Actor, person: Person, organisation: Organisation, role: str) -> None:
    """Give an existing person a role in the organisation and record the event."""
    errors = FieldErrors()
    rows.check_role(errors, role)
    if Membership.objects.filter(person=person, organisation=organisation).exists():
        message = _("This person already has a role in %(organisation)s.") % {"organisation": organisation.name}
        errors.add("email", message)
    errors.raise_if_any()
    Membership.objects.create(person=person, organisation=organisation, role=role)
    _increment_revision(person)
    invalidate = audit.Invalidation(organisations=[organisation.id])
    rows.record(EventType.ROLE_CHANGED, actor, person, organisation, {"role": (None, role)}, invalidate)


def _clean_email(email: str) -> str:
    """The email as it would be stored; "" if it is not valid."""
    return FieldErrors().clean_text("email", email, rows.MAX_EMAIL_LENGTH).lower()
