"""Invitations: an email address gets a role when a person who has this address accepts.

Inviting never shows whether the address has an account. A person who has one accepts after signing in, and only if
their address is verified. The link of an invitation creates an account for an address that has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.core.time import rfc3339
from keyadmin.models import EventType, Invitation, Membership, Organisation, Person, SystemRole
from keyadmin.operations import audit, policy
from keyadmin.operations.organisations import key_owners
from keyadmin.operations.people import links, rows
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import FieldErrors


@dataclass(frozen=True, slots=True)
class MadeInvitation:
    """An invitation. `token` is for the link that its maker may pass on, "" if they may not see it.

    Without a link and without a mail server only people who have an account can accept it, after signing in.
    """

    invitation: Invitation
    is_mailed: bool
    token: str = field(repr=False)


def invite(
    *,
    actor: Actor,
    email: str,
    name: str,
    system_role: str = "",
    organisation: UUID | None = None,
    role: str = "",
    base_url: str = "",
) -> MadeInvitation:
    """Invite an address to a role in the organisation, to a system role, or to both.

    It replaces an earlier invitation of the address to the organisation. With `base_url`, the scheme and host of the
    pages, the address gets the link by mail.
    """
    with audit.audited_transaction(actor):
        owner = key_owners.lock_organisation(actor, organisation) if organisation else None
        policy.require(actor, Permission.MANAGE_PEOPLE if owner else Permission.MANAGE_ALL_PEOPLE, owner)
        if system_role:
            policy.require(actor, Permission.MANAGE_SYSTEM_ROLES, None)
        invitation = Invitation(email=email, name=name, organisation=owner, role=role, system_role=system_role)
        _clean(invitation)
        if owner:
            key_owners.require_active(owner)
        Invitation.objects.filter(email=invitation.email, organisation=owner).delete()
        made = _make(actor, invitation, base_url)
        target = audit.Target("invitation", invitation.id, invitation.name)
        changes = audit.changes_of_new(_describe(invitation))
        audit.record(EventType.PERSON_INVITED, actor=actor, target=target, organisation=owner, changes=changes)
    return made


def renew(*, actor: Actor, invitation: UUID, base_url: str = "") -> MadeInvitation:
    """Make a new link of the invitation, valid from now on. Earlier links end."""
    with audit.audited_transaction(actor):
        row = _lock_as_manager(actor, invitation)
        if row.organisation:
            key_owners.require_active(row.organisation)
        before = row.expires_at
        row.serial += 1
        made = _make(actor, row, base_url)
        target = audit.Target("invitation", row.id, row.name)
        changes = {"expires_at": (rfc3339(before), rfc3339(row.expires_at))}
        audit.record(
            EventType.INVITATION_RENEWED, actor=actor, target=target, organisation=row.organisation, changes=changes
        )
    return made


def withdraw(*, actor: Actor, invitation: UUID) -> None:
    """End an invitation that was not accepted yet."""
    with audit.audited_transaction(actor):
        _end(EventType.INVITATION_WITHDRAWN, actor, _lock_as_manager(actor, invitation))


def decline(*, actor: Actor, invitation: UUID) -> None:
    """The actor does not want the role."""
    with audit.audited_transaction():
        _person, row = _lock_own(actor, invitation)
        _end(EventType.INVITATION_DECLINED, actor, row)


def accept(*, actor: Actor, invitation: UUID) -> Person:
    """Give the actor the roles of an invitation of their verified address."""
    with audit.audited_transaction():
        person, row = _lock_own(actor, invitation)
        if not links.is_open(row):
            raise ConflictError(_("This invitation has ended. Ask for a new one."))
        if row.organisation:
            key_owners.require_active(row.organisation)
        take_roles(actor, person, row)
    return person


def of_person(person: Person) -> list[Invitation]:
    """The open invitations that the person can accept, the oldest first. None without a verified address."""
    if not person.is_email_verified:
        return []
    found = Invitation.objects.open().filter(email=person.email).select_related("organisation", "maker")
    return [invitation for invitation in found.order_by("created_at", "id") if links.is_open(invitation)]


def create_account(actor: Actor, invitation: Invitation, password: str, *, is_verified: bool) -> Person:
    """Create the account of a locked invitation's address, and record it. Part of the caller's transaction.

    Without a verified address the account does not get a system role: the invitation stays open until the address is
    verified.
    """
    person = Person(email=invitation.email, name=invitation.name)
    rows.clean(person, password)
    person.set_password(password)
    if is_verified:
        person.email_verified_at = audit.database_time()
    person.save(force_insert=True)
    by_person = replace(actor, id=person.id, label=str(person))
    changes = {"name": (None, person.name), "email": (None, person.email), "email_verified": (None, is_verified)}
    if invitation.system_role and not is_verified:
        rows.record(EventType.PERSON_CREATED, by_person, person, None, changes)
    else:
        take_roles(by_person, person, invitation, changes)
    return person


def take_roles(
    actor: Actor,
    person: Person,
    invitation: Invitation,
    more_changes: audit.Changes | None = None,
    left: Sequence[Organisation] = (),
) -> None:
    """Give the locked person the roles of the locked invitation, which is used up, and record it.

    `more_changes` are what else the event tells; `left` are the organisations that the person left in the same step.
    """
    organisation, changes = invitation.organisation, dict(more_changes or {})
    if organisation:
        key_owners.require_active(organisation)
        had = Membership.objects.filter(person=person, organisation=organisation).first()
        Membership.objects.update_or_create(
            person=person, organisation=organisation, defaults={"role": invitation.role}
        )
        changes["role"] = (had.role if had else None, invitation.role)
        if person.is_email_verified and (more_changes or not person.home_organisation_id):
            # With `more_changes` the invitation's link has just verified the address.
            person.home_organisation_id = organisation.id if more_changes else rows.oldest_organisation(person)
    if invitation.system_role and person.system_role != SystemRole.ADMINISTRATOR:
        changes["system_role"] = (person.system_role, invitation.system_role)
        person.system_role = invitation.system_role
    changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    person.revision += 1
    person.save(update_fields=("home_organisation", "system_role", "revision"))
    Invitation.objects.filter(id=invitation.id).delete()
    links.end_all(person)
    subjects = {each.id for each in (*left, *([organisation] if organisation else []))}
    invalidation = audit.Invalidation(organisations=subjects, catalogue="system_role" in changes)
    rows.record(EventType.INVITATION_ACCEPTED, actor, person, organisation, changes, invalidation)


def _make(actor: Actor, invitation: Invitation, base_url: str) -> MadeInvitation:
    """Save the invitation as one of the actor, and mail it."""
    maker = links.person_of_actor(actor)
    invitation.maker, invitation.maker_label = maker, actor.label
    invitation.fingerprint = links.fingerprint(None, maker)
    invitation.created_at = audit.database_time()
    invitation.expires_at = invitation.created_at + links.INVITATION_LIFETIME
    invitation.save()
    rank = rows.rank(invitation.system_role, [invitation.role])
    is_shown = rows.rank_of_actor(actor) > rank
    is_mailed = links.queue_mail(invitation, base_url)
    token = links.token_of(invitation, is_mailed=False) if is_shown else ""
    return MadeInvitation(invitation, is_mailed, token)


def _clean(invitation: Invitation) -> None:
    """Clean the fields of the row. Raises InvalidInputError."""
    errors = FieldErrors()
    invitation.name = rows.clean_name(errors, invitation.name)
    invitation.email = rows.clean_email(errors, invitation.email)
    if invitation.system_role not in ("", *SystemRole.values):
        errors.add("system_role", _("Choose one of the roles."))
    if invitation.organisation:
        rows.check_role(errors, invitation.role)
        members = Membership.objects.filter(organisation=invitation.organisation, person__email=invitation.email)
        if members.exists():
            message = _("This person already has a role in %(organisation)s.")
            errors.add("email", message % {"organisation": invitation.organisation.name})
    elif invitation.role:
        errors.add("organisation", _("Choose the organisation in which they get this role."))
    elif not invitation.system_role:
        errors.add("organisation", _("Choose an organisation or a system role."))
    errors.raise_if_any()


def _lock_as_manager(actor: Actor, invitation: UUID) -> Invitation:
    """The invitation, locked, if the actor may manage it. Raises NotFoundError and ForbiddenError."""
    if not Invitation.objects.visible_to(actor).filter(id=invitation).exists():
        raise NotFoundError
    row = links.lock_invitation(invitation)
    owner = row.organisation
    policy.require(actor, Permission.MANAGE_PEOPLE if owner else Permission.MANAGE_ALL_PEOPLE, owner)
    if row.system_role:
        policy.require(actor, Permission.MANAGE_SYSTEM_ROLES, None)
    return row


def _lock_own(actor: Actor, invitation: UUID) -> tuple[Person, Invitation]:
    """The actor and the invitation of their address, locked. Raises NotFoundError."""
    if actor.kind is not ActorKind.PERSON or actor.id is None:
        raise NotFoundError
    makers = Invitation.objects.filter(id=invitation).exclude(maker=None).values_list("maker_id", flat=True)
    person = rows.lock(actor, actor.id, also=list(makers))
    row = links.lock_invitation(invitation)
    if row.email != person.email or not person.is_email_verified:
        raise NotFoundError
    return person, row


def _end(event_type: EventType, actor: Actor, invitation: Invitation) -> None:
    target = audit.Target("invitation", invitation.id, invitation.name)
    changes = audit.changes_of_removed(_describe(invitation))
    Invitation.objects.filter(id=invitation.id).delete()
    audit.record(event_type, actor=actor, target=target, organisation=invitation.organisation, changes=changes)


def _describe(invitation: Invitation) -> dict[str, Any]:
    fields = ("name", "email", "system_role", "role")
    return {field: getattr(invitation, field) for field in fields}
