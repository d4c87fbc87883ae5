"""People and the roles they hold: create, edit, deactivate, reactivate, give and take roles."""

from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q
from django.utils.translation import gettext as _

from keyadmin.foundation.actors import Actor, ActorKind
from keyadmin.models import Membership, Organisation, Person, Role, SystemRole, Verb
from keyadmin.operations import owners, policy, recording
from keyadmin.operations.checks import UNCHANGED, Problems, Unchanged, require_changes
from keyadmin.operations.errors import Conflict, NotFound
from keyadmin.operations.policy import Permission


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
    with recording.changing():
        owner = owners.lock_organisation(actor, organisation) if organisation else None
        policy.require(actor, Permission.MANAGE_PEOPLE if owner else Permission.MANAGE_EVERYBODY, owner)
        if system_role:
            policy.require(actor, Permission.MANAGE_SYSTEM_ROLES, None)
        person = Person(email=email, name=name, system_role=system_role)
        _check(person, password, role if owner else None)
        person.set_password(password)
        person.save(force_insert=True)
        if owner:
            Membership.objects.create(person=person, organisation=owner, role=role)
        described = {"name": person.name, "email": person.email, "system_role": system_role, "role": role}
        bump = recording.Bump(organisations=[owner.id] if owner else [], catalogue=bool(system_role))
        _record(Verb.PERSON_CREATED, actor, person, owner, recording.created(described), bump)
    return person


def edit(
    *, actor: Actor, person: UUID, name: str | Unchanged = UNCHANGED, email: str | Unchanged = UNCHANGED
) -> Person:
    """Change what is given. Everybody may change their own name; the address, with which one signs in, is more."""
    with recording.changing():
        row = _lock(actor, person)
        own_name = actor.kind is ActorKind.PERSON and actor.id == row.id and email is UNCHANGED
        if not own_name:
            _require_over(actor, row)
        before = {"name": row.name, "email": row.email}
        row.name = row.name if name is UNCHANGED else name
        row.email = row.email if email is UNCHANGED else email
        _check(row)
        changes = recording.changed(before, {"name": row.name, "email": row.email})
        require_changes(changes)
        row.save(update_fields=("name", "email"))
        if "email" in changes:
            # The old address must no longer sign in, nor get the link that resets the password.
            apps.get_model("account", "EmailAddress")._default_manager.filter(user_id=row.id).delete()
        _record(Verb.PERSON_EDITED, actor, row, _home(row), changes)
    return row


def deactivate(*, actor: Actor, person: UUID) -> Person:
    """Shut the person out at once; keys that inherit from them may nothing any more."""
    return _switch(actor, person, Verb.PERSON_DEACTIVATED, active=False)


def reactivate(*, actor: Actor, person: UUID) -> Person:
    """Let the person in again, with the roles they had."""
    return _switch(actor, person, Verb.PERSON_REACTIVATED, active=True)


def set_role(*, actor: Actor, person: UUID, organisation: UUID, role: str) -> Person:
    """Give the person this role in the organisation, in place of any other."""
    with recording.changing():
        owner, row = _lock_with_organisation(actor, organisation, person)
        problems = Problems()
        _check_role(problems, role)
        problems.raise_any()
        membership = Membership.objects.filter(person=row, organisation=owner).first()
        changes = recording.changed({"role": membership.role if membership else None}, {"role": role})
        require_changes(changes)
        Membership.objects.update_or_create(person=row, organisation=owner, defaults={"role": role})
        _record(Verb.ROLE_CHANGED, actor, row, owner, changes, recording.Bump(organisations=[owner.id]))
    return row


def remove_role(*, actor: Actor, person: UUID, organisation: UUID) -> Person:
    """Take the person out of the organisation."""
    with recording.changing():
        owner, row = _lock_with_organisation(actor, organisation, person)
        membership = Membership.objects.filter(person=row, organisation=owner).first()
        if membership is None:
            raise Conflict(_("%(person)s has no role in %(organisation)s.") % {"person": row, "organisation": owner})
        changes = {"role": (membership.role, None)}
        membership.delete()
        _record(Verb.ROLE_REMOVED, actor, row, owner, changes, recording.Bump(organisations=[owner.id]))
    return row


def set_system_role(*, actor: Actor, person: UUID, system_role: str) -> Person:
    """Give the person this system role, or with "" none. The last administrator keeps theirs."""
    with recording.changing():
        row = _lock(actor, person)
        policy.require(actor, Permission.MANAGE_SYSTEM_ROLES, None)
        before = {"system_role": row.system_role}
        if system_role != SystemRole.ADMINISTRATOR:
            _require_another_administrator(row)
        row.system_role = system_role
        _check(row)
        changes = recording.changed(before, {"system_role": row.system_role})
        require_changes(changes)
        row.save(update_fields=("system_role",))
        _record(Verb.SYSTEM_ROLE_CHANGED, actor, row, None, changes, recording.Bump(catalogue=True))
    return row


def _switch(actor: Actor, person: UUID, verb: Verb, *, active: bool) -> Person:
    with recording.changing():
        row = _lock(actor, person)
        _require_over(actor, row)
        if row.is_active == active:
            raise Conflict(_("This person is already active.") if active else _("This person is already deactivated."))
        if not active:
            _require_another_administrator(row)
        row.is_active = active
        row.save(update_fields=("is_active",))
        organisations = list(row.memberships.values_list("organisation_id", flat=True))
        bump = recording.Bump(organisations=organisations, catalogue=bool(row.system_role))
        _record(verb, actor, row, _home(row), {"is_active": (not active, active)}, bump)
    return row


def _lock(actor: Actor, person: UUID) -> Person:
    """The person, locked with all active administrators: of two who remove each other, the second is told."""
    everybody = policy.allows(actor, Permission.READ_PEOPLE, None)
    if not everybody and not Person.objects.visible_to(actor).filter(id=person).exists():
        raise NotFound
    administrators = Q(system_role=SystemRole.ADMINISTRATOR, is_active=True)
    rows = Person.objects.select_for_update(no_key=True).filter(administrators | Q(id=person)).order_by("id")
    locked = next((row for row in rows if row.id == person), None)
    if locked is None:
        raise NotFound
    return locked


def _lock_with_organisation(actor: Actor, organisation: UUID, person: UUID) -> tuple[Organisation, Person]:
    owner = owners.lock_organisation(actor, organisation)
    policy.require(actor, Permission.MANAGE_PEOPLE, owner)
    return owner, _lock(actor, person)


def _require_over(actor: Actor, person: Person) -> None:
    """Who is known to others as well, or to all, is not one owner's to rename, readdress or shut out."""
    if policy.allows(actor, Permission.MANAGE_EVERYBODY, None):
        return
    organisations = list(person.memberships.values_list("organisation_id", flat=True))
    theirs = not person.system_role and organisations
    if not theirs or not all(policy.allows(actor, Permission.MANAGE_PEOPLE, each) for each in organisations):
        raise policy.forbidden(Permission.MANAGE_EVERYBODY, Permission.MANAGE_EVERYBODY, None)


def _require_another_administrator(person: Person) -> None:
    """Call it after `_lock`."""
    administrators = Person.objects.active().filter(system_role=SystemRole.ADMINISTRATOR)
    last = person.is_active and person.system_role == SystemRole.ADMINISTRATOR
    if last and not administrators.exclude(id=person.id).exists():
        raise Conflict(
            _("%(person)s is the last system administrator. Make someone else one first.") % {"person": person}
        )


def _check(person: Person, password: str | None = None, role: str | None = None) -> None:
    """`role` None: none is given."""
    problems = Problems()
    person.name = problems.text("name", person.name, 120)
    person.email = problems.text("email", person.email, 254).lower()
    try:
        validate_email(person.email)
    except ValidationError as problem:
        problems.errors["email"] = list(problem.messages)
    if Person.objects.filter(email__iexact=person.email).exclude(id=person.id).exists():
        problems.add("email", _("There is already a person with this e-mail address."))
    if person.system_role not in ("", *SystemRole.values):
        problems.add("system_role", _("Choose one of the roles."))
    if role is not None:
        _check_role(problems, role)
    if password is not None:
        try:
            validate_password(password, person)
        except ValidationError as problem:
            problems.errors["password"] = list(problem.messages)
    problems.raise_any()


def _check_role(problems: Problems, role: str) -> None:
    if role not in Role.values:
        problems.add("role", _("Choose one of the roles."))


def _home(person: Person) -> Organisation | None:
    """The one organisation whose history a change of the person belongs to; None where there are more."""
    memberships: list[Any] = list(person.memberships.select_related("organisation")[:2])
    return memberships[0].organisation if len(memberships) == 1 else None


def _record(
    verb: Verb,
    actor: Actor,
    person: Person,
    organisation: Organisation | None,
    changes: recording.Changes,
    bump: recording.Bump | None = None,
) -> None:
    recording.record(verb, actor=actor, target=person, organisation=organisation, changes=changes, bump=bump)
