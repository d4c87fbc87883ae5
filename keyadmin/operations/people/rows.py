"""Rows of people: what every act on one locks, checks and records."""

from functools import cache
from typing import Any
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


def lock(actor: Actor, person: UUID) -> Person:
    """The person, locked with whoever acts and all active administrators: of two who remove each other, the second
    is told, and whoever is being removed does nothing more.
    """
    everybody = policy.allows(actor, Permission.READ_PEOPLE, None)
    if not everybody and not Person.objects.visible_to(actor).filter(id=person).exists():
        raise NotFoundError
    administrators = Q(system_role=SystemRole.ADMINISTRATOR, is_active=True)
    rows = (
        Person.objects.select_for_update(no_key=True)
        .filter(administrators | Q(id__in=[person, actor.id]))
        .order_by("id")
    )
    locked = next((row for row in rows if row.id == person), None)
    if locked is None:
        raise NotFoundError
    return locked


def lock_with_organisation(actor: Actor, organisation: UUID, person: UUID) -> tuple[Organisation, Person]:
    """The person before the organisation, as the order of locks has it."""
    row = lock(actor, person)
    owner = owners.lock_organisation(actor, organisation)
    policy.require(actor, Permission.MANAGE_PEOPLE, owner)
    return owner, row


def require_authority_over(actor: Actor, person: Person) -> None:
    """Who is known to others as well, or to all, is not one owner's to rename, readdress or shut out."""
    if policy.allows(actor, Permission.MANAGE_ALL_PEOPLE, None):
        return
    organisations = list(person.memberships.values_list("organisation_id", flat=True))
    theirs = not person.system_role and organisations
    if not theirs or not all(policy.allows(actor, Permission.MANAGE_PEOPLE, each) for each in organisations):
        raise policy.forbidden(Permission.MANAGE_ALL_PEOPLE, Permission.MANAGE_ALL_PEOPLE, None)


def is_last_administrator(person: Person) -> bool:
    """Whether nobody else administers the system."""
    administrators = Person.objects.active().filter(system_role=SystemRole.ADMINISTRATOR)
    is_one = person.is_active and person.system_role == SystemRole.ADMINISTRATOR
    return bool(is_one and not administrators.exclude(id=person.id).exists())


def require_another_administrator(person: Person) -> None:
    """Call it after `lock`."""
    if is_last_administrator(person):
        raise ConflictError(
            _("%(person)s is the last system administrator. Make someone else one first.") % {"person": person}
        )


def check(person: Person, password: str | None = None, role: str | None = None) -> None:
    """`role` None: none is given."""
    errors = FieldErrors()
    person.name = errors.clean_text("name", person.name, 120)
    person.email = errors.clean_text("email", person.email, 254).lower()
    try:
        validate_email(person.email)
    except ValidationError as problem:
        errors.messages["email"] = list(problem.messages)
    if Person.objects.filter(email__iexact=person.email).exclude(id=person.id).exists():
        errors.add("email", _("There is already a person with this e-mail address."))
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
    except ValidationError as problem:
        errors.messages["password"] = list(problem.messages)


@cache
def time_zones() -> frozenset[str]:
    """The zones that people choose from: places, without the abbreviations that the database keeps for old times."""
    return frozenset(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
    )


def check_role(errors: FieldErrors, role: str) -> None:
    if role not in Role.values:
        errors.add("role", _("Choose one of the roles."))


def home(person: Person) -> Organisation | None:
    """The one organisation whose history a change of the person belongs to; None where there are more."""
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
