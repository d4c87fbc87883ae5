"""Operations on people and their roles: create, edit, verify, deactivate, reactivate, set and remove roles."""

from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import ConflictError, ForbiddenError, NotFoundError
from keyadmin.models import EventType, Membership, PasswordLink, Person, SystemRole
from keyadmin.models.link import LinkPurpose
from keyadmin.operations import audit, policy, revisions
from keyadmin.operations.organisations import key_owners
from keyadmin.operations.people import links, passwords, rows
from keyadmin.operations.policy import Permission
from keyadmin.operations.revisions import ReadRevision
from keyadmin.operations.validation import UNSET, FieldErrors, Unset, require_changes


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A link by which the person chooses a password. `token` is for its maker, "" if it is only mailed."""

    person: Person
    is_mailed: bool
    token: str = field(repr=False)


def create(
    *,
    actor: Actor,
    email: str,
    name: str,
    password: str | None = None,
    is_email_verified: bool = False,
    system_role: str = "",
    organisation: UUID | None = None,
    role: str = "",
) -> Person:
    """Create a person, with a role in the organisation if one is given. Without a password they cannot sign in yet.

    A system role needs `is_email_verified`: that the actor vouches for the address.
    """
    with audit.audited_transaction(actor):
        policy.require(actor, Permission.MANAGE_ALL_PEOPLE, None)
        owner = key_owners.lock_organisation(actor, organisation) if organisation else None
        if system_role:
            policy.require(actor, Permission.MANAGE_SYSTEM_ROLES, None)
        person = Person(email=email, name=name, system_role=system_role)
        rows.clean(person, password, role if owner else None)
        if system_role and not is_email_verified:
            raise _not_verified(person)
        if is_email_verified:
            person.email_verified_at = audit.database_time()
            person.home_organisation = owner
        person.set_password(password)
        person.save(force_insert=True)
        if owner:
            Membership.objects.create(person=person, organisation=owner, role=role)
        fields = {"name": person.name, "email": person.email, "system_role": person.system_role}
        changes = audit.changes_of_new(fields | {"role": role if owner else "", "email_verified": is_email_verified})
        # No key inherits from a new person, so no cached snapshot becomes stale.
        rows.record(EventType.PERSON_CREATED, actor, person, owner, changes)
    return person


def create_password_link(*, actor: Actor, person: UUID, base_url: str = "") -> MadeLink:
    """Create a link by which the person chooses a password. It ends the earlier ones that were made for them.

    With `base_url`, the scheme and host of the pages, they get it by mail. The result has the token only if the actor
    may see it.
    """
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        rows.require_authority_over(actor, row)
        require_active(row)
        made = _make_link(actor, row, base_url)
        changes = {"password_link": (None, "open")}
        rows.record(EventType.PASSWORD_LINK_CREATED, actor, row, rows.sole_organisation(row), changes)
    return made


def end_link(*, actor: Actor, person: UUID, link: UUID) -> Person:
    """End an open link of the person."""
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        rows.require_authority_over(actor, row)
        if not PasswordLink.objects.filter(id=link, person=row).delete()[0]:
            raise NotFoundError
        changes = {"password_link": ("open", "ended")}
        rows.record(EventType.PASSWORD_LINK_ENDED, actor, row, rows.sole_organisation(row), changes)
    return row


def verify_email(*, actor: Actor, person: UUID, base_url: str = "") -> MadeLink:
    """Mark the person's address as verified, on the actor's word, for installations without a mail server.

    It ends the password, the sessions and the links that were set up before, as the first mailed link does. The result
    is a link for the person to choose a new password.
    """
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        policy.require(actor, Permission.MANAGE_ALL_PEOPLE, None)
        require_active(row)
        if row.is_email_verified:
            raise ConflictError(_("This email address is already verified."))
        changes, _left = passwords.verify(row)
        row.set_password(None)
        row.save(update_fields=("password",))
        PasswordLink.objects.filter(person=row).delete()
        made = _make_link(actor, row, base_url)
        rows.record(EventType.EMAIL_VERIFIED, actor, row, rows.sole_organisation(row), changes)
    return made


def edit(
    *,
    actor: Actor,
    person: UUID,
    revision: ReadRevision = None,
    name: str | Unset = UNSET,
    email: str | Unset = UNSET,
    time_zone: str | Unset = UNSET,
    base_url: str = "",
) -> Person:
    """Change the fields that are set.

    People may change their own name and time zone. Their email, by which they sign in, needs a permission. The actor
    could read mail to the new address, so they must be allowed to act as the person.

    System administrators and commands change the email now; it is then not verified. If an owner changes it, a link is
    mailed to the new address, and the email changes when it is used: an owner must not learn which addresses have an
    account. `base_url` is the scheme and host of the pages.
    """
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        is_own_profile = actor.kind is ActorKind.PERSON and actor.id == row.id and email is UNSET
        if not is_own_profile:
            rows.require_authority_over(actor, row)
        revisions.require(row, revision)
        fields = ("name", "email", "time_zone")
        before = {field: getattr(row, field) for field in fields}
        new_email = ""
        if email is not UNSET and not policy.allows(actor, Permission.MANAGE_ALL_PEOPLE, None):
            new_email, email = _clean_new_email(row, email), UNSET
        for field, value in zip(fields, (name, email, time_zone), strict=True):
            if value is not UNSET:
                setattr(row, field, value)
        rows.clean(row, time_zone=row.time_zone if row.time_zone != before["time_zone"] else None)
        changes = audit.changes_between(before, {field: getattr(row, field) for field in fields})
        if new_email:
            changes["requested_email"] = (None, new_email)
        require_changes(changes)
        if (new_email or "email" in changes) and actor.id != row.id and not rows.may_act_as(actor, row):
            raise ForbiddenError(_("You can’t change the email address of this person. Ask a system administrator."))
        if "email" in changes:
            if row.is_email_verified:
                changes["email_verified"] = (True, False)
            row.email_verified_at = None
            links.end_all(row)
            rows.forget_copies_of_address(row)
        if new_email:
            _mail_new_address(actor, row, new_email, base_url)
        row.revision += 1
        row.save(update_fields=(*fields, "email_verified_at", "revision"))
        rows.record(EventType.PERSON_EDITED, actor, row, rows.sole_organisation(row), changes)
    return row


def deactivate(*, actor: Actor, person: UUID) -> Person:
    """End the person's access. Keys that inherit from them lose all permissions."""
    return _set_active(actor, person, EventType.PERSON_DEACTIVATED, active=False)


def reactivate(*, actor: Actor, person: UUID) -> Person:
    """Restore the person's access, with the roles that they had."""
    return _set_active(actor, person, EventType.PERSON_REACTIVATED, active=True)


def set_role(*, actor: Actor, person: UUID, organisation: UUID, role: str, revision: ReadRevision = None) -> Person:
    """Give the person, who belongs to the organisation, this role there. People join by an invitation."""
    with audit.audited_transaction():
        owner, row = rows.lock_with_organisation(actor, organisation, person)
        revisions.require(row, revision)
        errors = FieldErrors()
        rows.check_role(errors, role)
        errors.raise_if_any()
        membership = Membership.objects.filter(person=row, organisation=owner).first()
        if membership is None:
            raise ConflictError(
                _("%(person)s has no role in %(organisation)s. Invite them.") % {"person": row, "organisation": owner}
            )
        changes = audit.changes_between({"role": membership.role}, {"role": role})
        require_changes(changes)
        membership.role = role
        membership.save(update_fields=("role",))
        links.end_all(row)
        _increment_revision(row)
        rows.record(EventType.ROLE_CHANGED, actor, row, owner, changes, audit.Invalidation(organisations=[owner.id]))
    return row


def remove_role(*, actor: Actor, person: UUID, organisation: UUID, revision: ReadRevision = None) -> Person:
    """Remove the person from the organisation. People may leave by themselves."""
    with audit.audited_transaction():
        if actor.kind is ActorKind.PERSON and actor.id == person:
            row = rows.lock(actor, person)
            owner = next((each.organisation for each in rows.lock_memberships(row, [organisation])), None)
            if owner is None:
                raise NotFoundError
        else:
            owner, row = rows.lock_with_organisation(actor, organisation, person)
        revisions.require(row, revision)
        membership = Membership.objects.filter(person=row, organisation=owner).first()
        if membership is None:
            raise ConflictError(
                _("%(person)s has no role in %(organisation)s.") % {"person": row, "organisation": owner}
            )
        changes = {"role": (membership.role, None)}
        membership.delete()
        if row.home_organisation_id == owner.id:
            row.home_organisation_id = rows.oldest_organisation(row)
            row.save(update_fields=("home_organisation",))
        links.end_all(row)
        _increment_revision(row)
        rows.record(EventType.ROLE_REMOVED, actor, row, owner, changes, audit.Invalidation(organisations=[owner.id]))
    return row


def set_system_role(*, actor: Actor, person: UUID, system_role: str, revision: ReadRevision = None) -> Person:
    """Give the person, whose address is verified, this system role, or none with "".

    The last administrator cannot lose theirs.
    """
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        policy.require(actor, Permission.MANAGE_SYSTEM_ROLES, None)
        revisions.require(row, revision)
        before = {"system_role": row.system_role}
        if system_role != SystemRole.ADMINISTRATOR:
            rows.require_another_administrator(row)
        row.system_role = system_role
        rows.clean(row)
        changes = audit.changes_between(before, {"system_role": row.system_role})
        require_changes(changes)
        if row.system_role and not row.is_email_verified:
            raise _not_verified(row)
        row.revision += 1
        row.save(update_fields=("system_role", "revision"))
        links.end_all(row)
        rows.record(EventType.SYSTEM_ROLE_CHANGED, actor, row, None, changes, audit.Invalidation(catalogue=True))
    return row


def require_active(person: Person) -> None:
    """Raise ConflictError for a deactivated person."""
    if not person.is_active:
        raise ConflictError(_("%(person)s is deactivated. Reactivate them first.") % {"person": person})


def require_state_change(person: Person, *, active: bool) -> None:
    """Raise ConflictError if the person is active (`active`) or deactivated already."""
    if person.is_active == active:
        raise ConflictError(_("This person is already active.") if active else _("This person is already deactivated."))


def _set_active(actor: Actor, person: UUID, event_type: EventType, *, active: bool) -> Person:
    with audit.audited_transaction():
        row = rows.lock(actor, person)
        rows.require_authority_over(actor, row)
        require_state_change(row, active=active)
        if not active:
            rows.require_another_administrator(row)
            row.session_generation += 1  # otherwise earlier sessions would be valid again after a reactivation
        row.is_active, row.revision = active, row.revision + 1
        row.save(update_fields=("is_active", "session_generation", "revision"))
        links.end_all(row)
        organisations = list(row.memberships.values_list("organisation_id", flat=True))
        invalidate = audit.Invalidation(organisations=organisations, catalogue=bool(row.system_role))
        changes = {"is_active": (not active, active)}
        rows.record(event_type, actor, row, rows.sole_organisation(row), changes, invalidate)
    return row


def _increment_revision(person: Person) -> None:
    """Increment the revision after a change of a role. Editors show the roles of a person, so other edits are stale."""
    person.revision += 1
    person.save(update_fields=("revision",))


def _clean_new_email(person: Person, email: str) -> str:
    """The address in its normal form; "" if the person has it already. Raises InvalidInputError."""
    errors = FieldErrors()
    address = rows.clean_email(errors, email)
    errors.raise_if_any()
    return "" if address == person.email else address


def _mail_new_address(actor: Actor, person: Person, email: str, base_url: str) -> None:
    """Mail the link with which the person gets the new address. Raises ConflictError without a mail server."""
    link = links.create(person, LinkPurpose.ADDRESS, actor, email=email)
    if not links.queue_mail(link, base_url):
        raise ConflictError(
            _("A new email address is confirmed by mail, and there is no mail server. Ask a system administrator.")
        )


def _not_verified(person: Person) -> ConflictError:
    return ConflictError(_("The email address of %(person)s is not verified.") % {"person": person})


def _make_link(actor: Actor, person: Person, base_url: str) -> MadeLink:
    link = links.create(person, LinkPurpose.GIVEN, actor)
    is_mailed = links.queue_mail(link, base_url)
    is_shown = rows.may_act_as(actor, person)
    if not is_shown and not is_mailed:
        raise ConflictError(
            _(
                "Only %(person)s may get this link, and there is no mail server. The operator of the server can create "
                "it with `manage.py people link`."
            )
            % {"person": person}
        )
    return MadeLink(person, is_mailed, links.token_of(link, is_mailed=False) if is_shown else "")
