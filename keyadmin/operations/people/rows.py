"""What operations on people share: locks, checks of their fields, and the record of the event."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import TZPATH, available_timezones

from django.apps import apps
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q
from django.utils.translation import gettext as _

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.email_address import EmailAddressError, normal_form
from keyadmin.core.errors import ConflictError, NotFoundError
from keyadmin.models import EventType, Membership, Organisation, Person, Role, SystemRole
from keyadmin.operations import audit, policy
from keyadmin.operations.organisations import key_owners
from keyadmin.operations.policy import Permission
from keyadmin.operations.validation import FieldErrors

_MAX_EMAIL_LENGTH: Final = 254
_MAX_NAME_LENGTH: Final = 120
_SYSTEM_RANKS: Final[dict[str, int]] = {"": 0, SystemRole.AUDITOR: 2, SystemRole.ADMINISTRATOR: 3}
_RANKS: Final[dict[str, int]] = {"": 0, Role.MEMBER: 0, Role.AUDITOR: 1, Role.OWNER: 2}


def lock(actor: Actor, person: UUID, also: Collection[UUID] = ()) -> Person:
    """The person, locked together with the acting person, all active administrators and the people in `also`.

    So two administrators cannot remove each other at the same time, and a person cannot act while being deactivated.
    Raises NotFoundError if the actor may not see the person.
    """
    sees_all_people = policy.allows(actor, Permission.READ_PEOPLE, None)
    if not sees_all_people and not Person.objects.visible_to(actor).filter(id=person).exists():
        raise NotFoundError
    administrators = Q(system_role=SystemRole.ADMINISTRATOR, is_active=True)
    rows = (
        Person.objects.select_for_update(no_key=True)
        .filter(administrators | Q(id__in=[person, actor.id, *also]))
        .order_by("id")
    )
    locked: Person | None = next((row for row in rows if row.id == person), None)
    if locked is None:
        raise NotFoundError
    return locked


def lock_with_organisation(actor: Actor, organisation: UUID, person: UUID) -> tuple[Organisation, Person]:
    """The organisation and the person, both locked. The actor must have MANAGE_PEOPLE in the organisation."""
    row = lock(actor, person)
    owner = key_owners.lock_organisation(actor, organisation)
    policy.require(actor, Permission.MANAGE_PEOPLE, owner)
    return owner, row


def lock_memberships(person: Person, organisations: Collection[UUID]) -> list[Membership]:
    """The memberships of the locked person in these organisations, which are locked."""
    memberships = list(Membership.objects.filter(person=person, organisation__in=organisations))
    ids = [membership.organisation_id for membership in memberships]
    locked = {
        row.id: row for row in Organisation.objects.select_for_update(no_key=True).filter(id__in=ids).order_by("id")
    }
    for membership in memberships:
        membership.organisation = locked[membership.organisation_id]
    return memberships


def require_authority_over(actor: Actor, person: Person) -> None:
    """Raise ForbiddenError unless the actor may rename, deactivate or send a link to the person.

    An owner may, in the person's home organisation. Without a home organisation the person must belong to no
    organisation that the owner does not manage. If the person has a system role, only a system administrator may.
    """
    if policy.allows(actor, Permission.MANAGE_ALL_PEOPLE, None):
        return
    home = person.home_organisation_id
    organisations = [home] if home else _organisations(person)
    if person.system_role or not _manages_all(actor, organisations):
        for row in Organisation.objects.visible_to(actor).filter(id__in=organisations, is_active=False):
            policy.require(actor, Permission.MANAGE_PEOPLE, row)
        raise policy.forbidden(Permission.MANAGE_ALL_PEOPLE, Permission.MANAGE_ALL_PEOPLE, None)


def may_act_as(actor: Actor, person: Person) -> bool:
    """Whether the actor may see a link that sets the person's password, or change the address that gets it.

    The actor could sign in as the person. So the person must have a lower role, and no other organisation.
    """
    memberships = list(person.memberships.values_list("organisation_id", "role"))
    if actor.kind is ActorKind.PERSON and not policy.allows(actor, Permission.MANAGE_ALL_PEOPLE, None):
        organisations = [organisation for organisation, _role in memberships]
        if person.system_role or not _manages_all(actor, organisations):
            return False
    return rank_of_actor(actor) > rank(person.system_role, [role for _organisation, role in memberships])


def rank(system_role: str, roles: Iterable[str]) -> int:
    """The highest of the roles as a number: a role with a lower number may do less."""
    return max([_SYSTEM_RANKS[system_role], *(_RANKS[role] for role in roles)])


def rank_of_actor(actor: Actor) -> int:
    """As `rank`. Commands and the system are above all people. The caller has checked where the actor is an owner."""
    if actor.kind in (ActorKind.COMMAND, ActorKind.SYSTEM):
        return max(_SYSTEM_RANKS.values()) + 1
    if policy.allows(actor, Permission.MANAGE_ALL_PEOPLE, None):
        return _SYSTEM_RANKS[SystemRole.ADMINISTRATOR]
    return _RANKS[Role.OWNER]


def _organisations(person: Person) -> list[UUID]:
    return list(person.memberships.values_list("organisation_id", flat=True))


def _manages_all(actor: Actor, organisations: Collection[UUID]) -> bool:
    """Whether there are organisations and the actor manages the people of each."""
    return bool(organisations) and all(policy.allows(actor, Permission.MANAGE_PEOPLE, each) for each in organisations)


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


def clean(person: Person, password: str | None = None, role: str | None = None, time_zone: str | None = None) -> None:
    """Clean the fields of the person, and check the new password, role and time zone unless None.

    A former name of a time zone that the person has already is not checked. Raises InvalidInputError.
    """
    errors = FieldErrors()
    person.name = clean_name(errors, person.name)
    person.email = clean_email(errors, person.email)
    if Person.objects.filter(email=person.email).exclude(id=person.id).exists():
        errors.add("email", _("There is already a person with this email."))
    if person.system_role not in ("", *SystemRole.values):
        errors.add("system_role", _("Choose one of the roles."))
    if time_zone and time_zone not in time_zones():
        errors.add("time_zone", _("Choose one of the time zones."))
    if role is not None:
        check_role(errors, role)
    if password is not None:
        check_password(errors, person, password)
    errors.raise_if_any()


def clean_name(errors: FieldErrors, name: str) -> str:
    return errors.clean_text("name", name, _MAX_NAME_LENGTH)


def clean_email(errors: FieldErrors, address: str) -> str:
    """The address in its normal form; adds a message for one that cannot be stored."""
    try:
        email = normal_form(errors.clean_text("email", address, _MAX_EMAIL_LENGTH))
        validate_email(email)
    except EmailAddressError as error:
        if error.is_local_part_foreign:
            message = _("Before the @, use only the letters a to z, digits and the usual signs.")
        else:
            message = _("Enter a valid email address.")
        errors.messages["email"] = errors.messages.get("email") or [message]
        return ""
    except ValidationError as error:
        errors.messages["email"] = list(error.messages)
        return ""
    if len(email) > _MAX_EMAIL_LENGTH:
        errors.add("email", _("Use at most %(count)d characters.") % {"count": _MAX_EMAIL_LENGTH})
    return email


def forget_copies_of_address(person: Person) -> None:
    """Delete allauth's copies of the person's address, which could otherwise still sign in."""
    apps.get_model("account", "EmailAddress")._default_manager.filter(user_id=person.id).delete()


def check_password(errors: FieldErrors, person: Person, password: str) -> None:
    """Add errors to the field `password` if Django's validators do not accept the password."""
    try:
        validate_password(password, person)
    except ValidationError as error:
        errors.messages["password"] = list(error.messages)


def check_new_password(person: Person, password: str) -> None:
    """Raise InvalidInputError for a password that the person may not choose."""
    errors = FieldErrors()
    check_password(errors, person, password)
    errors.raise_if_any()


def check_role(errors: FieldErrors, role: str) -> None:
    """Add an error to the field `role` if it is not a value of Role."""
    if role not in Role.values:
        errors.add("role", _("Choose one of the roles."))


@cache
def time_zones() -> frozenset[str]:
    """The current names of the time zones of places, such as Europe/Kyiv; without former names and abbreviations.

    The time zone database lists them in `zone.tab`. If the machine lacks it, former names are included.
    """
    available = available_timezones()
    for folder in TZPATH:
        with suppress(OSError):
            lines = (Path(folder) / "zone.tab").read_text(encoding="utf-8").splitlines()
            return frozenset(line.split("\t")[2] for line in lines if not line.startswith("#")) & available
    return frozenset(name for name in available if "/" in name and not name.startswith(("Etc/", "SystemV/")))


def sole_organisation(person: Person) -> Organisation | None:
    """The organisation of an event about the person: their only one; None if they belong to none or to several."""
    memberships: list[Any] = list(person.memberships.select_related("organisation")[:2])
    return memberships[0].organisation if len(memberships) == 1 else None


def oldest_organisation(person: Person) -> UUID | None:
    """The organisation to which the person has belonged for the longest time."""
    oldest: UUID | None = (
        person.memberships.order_by("created_at", "id").values_list("organisation_id", flat=True).first()
    )
    return oldest


def describe_roles(person: Person) -> list[str]:
    """The person's roles in organisations, as history shows them."""
    memberships = person.memberships.select_related("organisation").order_by("organisation__name", "id")
    return [f"{membership.organisation}: {membership.get_role_display()}" for membership in memberships]


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
