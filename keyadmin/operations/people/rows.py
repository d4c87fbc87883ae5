"""What operations on people share: locks, checks of their fields, and the record of the event."""

from functools import cache
from typing import Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q
from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.models import EventType, Organisation, Person, Role, SystemRole
from keyadmin.operations import audit, policy
from keyadmin.operations.organisations import owners
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import FieldErrors

MAX_EMAIL_LENGTH: Final = 254
_MAX_NAME_LENGTH: Final = 120


def lock(actor: Actor, person: UUID) -> Person:
    """The person, locked. Also locks the actor and all active system administrators, in the order of their ids.

    So two administrators cannot remove each other at the same time, and a person cannot act while being deactivated.
    Raises NotFoundError if the actor may not see the person.
    """
    sees_all_people = policy.allows(actor, Permission.READ_PEOPLE, None)
    if not sees_all_people and not Person.objects.visible_to(actor).filter(id=person).exists():
        raise NotFoundError
    administrators = Q(system_role=SystemRole.ADMINISTRATOR, is_active=True)
    rows = (
        Person.objects.select_for_update(no_key=True)
        .filter(administrators | Q(id__in=[person, actor.id]))
        .order_by("id")
    )
    locked: Person | None = next((row for row in rows if row.id == person), None)
    if locked is None:
        raise NotFoundError
    return locked


def lock_with_organisation(actor: Actor, organisation: UUID, person: UUID) -> tuple[Organisation, Person]:
    """The organisation and the person, both locked. The actor must have MANAGE_PEOPLE in the organisation."""
    row = lock(actor, person)
    owner = owners.lock_organisation(actor, organisation)
    policy.require(actor, Permission.MANAGE_PEOPLE, owner)
    return owner, row


def require_authority_over(actor: Actor, person: Person) -> None:
    """Raise ForbiddenError unless the actor may change the person as a whole: name, email, activity, password link.

    An owner may do this only if the person has no system role and belongs only to organisations of the owner.
    """
    if policy.allows(actor, Permission.MANAGE_ALL_PEOPLE, None):
        return
    organisations = list(person.memberships.values_list("organisation_id", flat=True))
    is_local = not person.system_role and organisations
    if not is_local or not all(policy.allows(actor, Permission.MANAGE_PEOPLE, each) for each in organisations):
        raise policy.forbidden(Permission.MANAGE_ALL_PEOPLE, Permission.MANAGE_ALL_PEOPLE, None)


def is_last_administrator(person: Person) -> bool:
    """Whether the person is the only active system administrator."""
    if not person.is_active or person.system_role != SystemRole.ADMINISTRATOR:
        return False
    others = Person.objects.active().filter(system_role=SystemRole.ADMINISTRATOR).exclude(id=person.id)
    return not others.exists()


def require_another_administrator(person: Person) -> None:
    """Raise ConflictError if the person is the last system administrator. Lock the person with `lock` first."""
    if is_last_administrator(person):
        raise ConflictError(
            _("%(person)s is the last system administrator. Give this role to another person first.")
            % {"person": person}
        )


def clean(person: Person, password: str | None = None, role: str | None = None) -> None:
    """Clean the fields of the person, and check the new password and role unless None. Raises InvalidInputError."""
    errors = FieldErrors()
    person.name = errors.clean_text("name", person.name, _MAX_NAME_LENGTH)
    person.email = errors.clean_text("email", person.email, MAX_EMAIL_LENGTH).lower()
    try:
        validate_email(person.email)
    except ValidationError as error:
        errors.messages["email"] = list(error.messages)
    if Person.objects.filter(email__iexact=person.email).exclude(id=person.id).exists():
        errors.add("email", _("There is already a person with this email."))
    if person.system_role not in ("", *SystemRole.values):
        errors.add("system_role", _("Choose one of the roles."))
    if person.time_zone and person.time_zone not in time_zones():
        errors.add("time_zone", _("Choose one of the time zones."))
    if role is not None:
        check_role(errors, role)
    if password is not None:
        check_password(errors, person, password)
    errors.raise_if_any()


def check_password(errors: FieldErrors, person: Person, password: str) -> None:
    """Add errors to the field `password` if Django's validators do not accept the password."""
    try:
        validate_password(password, person)
    except ValidationError as error:
        errors.messages["password"] = list(error.messages)


def check_role(errors: FieldErrors, role: str) -> None:
    """Add an error to the field `role` if it is not a value of Role."""
    if role not in Role.values:
        errors.add("role", _("Choose one of the roles."))


@cache
def time_zones() -> frozenset[str]:
    """The names of time zones of places, such as Europe/Berlin; without abbreviations and fixed offsets."""
    return frozenset(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
    )


def sole_organisation(person: Person) -> Organisation | None:
    """The organisation of an event about the person: their only one; None if they belong to none or to several."""
    memberships: list[Any] = list(person.memberships.select_related("organisation")[:2])
    return memberships[0].organisation if len(memberships) == 1 else None


def record(
    event_type: EventType,
    actor: Actor,
    person: Person,
    organisation: Organisation | None,
    changes: audit.Changes,
    invalidate: audit.Invalidation | None = None,
) -> None:
    """Record the event of a change of one person."""
    audit.record(
        event_type, actor=actor, target=person, organisation=organisation, changes=changes, invalidate=invalidate
    )
