"""Rows of people: lock them for an operation, check them, record the event."""

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
    """The person, locked together with the acting person and all active administrators.

    So two administrators who remove each other do it one after the other, and a person who is being removed can do
    nothing more. Raises NotFoundError if the actor may not see the person.
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
    """The organisation and the person, locked in the general order: people before organisations."""
    row = lock(actor, person)
    owner = owners.lock_organisation(actor, organisation)
    policy.require(actor, Permission.MANAGE_PEOPLE, owner)
    return owner, row


def require_authority_over(actor: Actor, person: Person) -> None:
    """Raise ForbiddenError unless the actor may change the person everywhere.

    An owner may not rename, readdress or deactivate a person who has a system role or belongs to another organisation.
    """
    if policy.allows(actor, Permission.MANAGE_ALL_PEOPLE, None):
        return
    organisations = list(person.memberships.values_list("organisation_id", flat=True))
    is_local = not person.system_role and organisations
    if not is_local or not all(policy.allows(actor, Permission.MANAGE_PEOPLE, each) for each in organisations):
        raise policy.forbidden(Permission.MANAGE_ALL_PEOPLE, Permission.MANAGE_ALL_PEOPLE, None)


def is_last_administrator(person: Person) -> bool:
    """Return whether the person is the only active system administrator."""
    if not person.is_active or person.system_role != SystemRole.ADMINISTRATOR:
        return False
    others = Person.objects.active().filter(system_role=SystemRole.ADMINISTRATOR).exclude(id=person.id)
    return not others.exists()


def require_another_administrator(person: Person) -> None:
    """Raise ConflictError if the person, locked by `lock`, is the last administrator."""
    if is_last_administrator(person):
        raise ConflictError(
            _("%(person)s is the last system administrator. Give this role to another person first.")
            % {"person": person}
        )


def clean(person: Person, password: str | None = None, role: str | None = None) -> None:
    """Clean the fields of the row; check the new password and the new role, if any. Raises InvalidInputError."""
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
    try:
        validate_password(password, person)
    except ValidationError as error:
        errors.messages["password"] = list(error.messages)


def check_role(errors: FieldErrors, role: str) -> None:
    if role not in Role.values:
        errors.add("role", _("Choose one of the roles."))


@cache
def time_zones() -> frozenset[str]:
    """The names of the time zones of places, such as Europe/Berlin, without historical abbreviations."""
    return frozenset(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
    )


def sole_organisation(person: Person) -> Organisation | None:
    """The organisation under which an event about the person is recorded; None if they belong to none or several."""
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
    audit.record(
        event_type, actor=actor, target=person, organisation=organisation, changes=changes, invalidate=invalidate
    )
