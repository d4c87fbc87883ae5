"""Permissions of actors: one table of what each principal role allows, which pages, API and commands read."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import ForbiddenError, NotFoundError, OrganisationDisabledError
from keyadmin.models import Key, KeyKind, KeyStatus, Membership, Organisation, Person, Role, SystemRole
from keyadmin.operations.privileges import effective_scopes


class Permission(StrEnum):
    """What an actor may do in an organisation or, for the last group, in the whole installation."""

    #: See the organisation itself, its bots, channels and allow-lists.
    READ_ORGANISATION = "read_organisation"
    READ_KEYS = "read_keys"
    READ_HISTORY = "read_history"
    READ_PEOPLE = "read_people"

    ISSUE_KEYS = "issue_keys"
    EDIT_KEYS = "edit_keys"
    REGENERATE_KEYS = "regenerate_keys"
    REVOKE_KEYS = "revoke_keys"
    REACTIVATE_KEYS = "reactivate_keys"
    DELETE_KEYS = "delete_keys"
    #: Needed in addition to the permission for the operation if the key is a master key.
    MASTER_KEYS = "master_keys"
    #: Needed in addition to the permission for the operation if the key is the organisation's public key.
    PUBLIC_KEY = "public_key"
    #: Choose another tier than the default for a key, or another default tier for the organisation.
    CHOOSE_TIERS = "choose_tiers"

    #: Create, edit, disable and enable bots, and their allow-lists.
    MANAGE_BOTS = "manage_bots"
    MANAGE_CHANNELS = "manage_channels"
    #: Edit the organisation's name and the rules for its keys.
    EDIT_ORGANISATION = "edit_organisation"
    #: Add people to the organisation, change roles there, and edit people who belong to no other organisation.
    MANAGE_PEOPLE = "manage_people"

    #: Create, disable and enable organisations.
    MANAGE_ORGANISATIONS = "manage_organisations"
    #: Edit and deactivate every person.
    MANAGE_ALL_PEOPLE = "manage_all_people"
    MANAGE_SYSTEM_ROLES = "manage_system_roles"
    MANAGE_SCOPES = "manage_scopes"
    MANAGE_TIERS = "manage_tiers"


class PrincipalRole(StrEnum):
    """What an actor is in an organisation: the role of a person, or a scope of a key for keyadmin's own API.

    OPERATOR is the role of commands and background work.
    """

    OPERATOR = "operator"
    ADMINISTRATOR = "system administrator"
    SYSTEM_AUDITOR = "system auditor"
    OWNER = "organisation owner"
    AUDITOR = "organisation auditor"
    MEMBER = "member"
    KEY_READING_KEYS = "keys:read"
    KEY_WRITING_KEYS = "keys:write"
    KEY_READING_HISTORY = "history:read"


P = Permission
_READING: Final = frozenset({P.READ_ORGANISATION, P.READ_KEYS, P.READ_HISTORY, P.READ_PEOPLE})
_WRITING_KEYS: Final = frozenset(
    {P.ISSUE_KEYS, P.EDIT_KEYS, P.REGENERATE_KEYS, P.REVOKE_KEYS, P.REACTIVATE_KEYS, P.DELETE_KEYS}
)
_OWNING: Final = frozenset({P.PUBLIC_KEY, P.MANAGE_BOTS, P.MANAGE_CHANNELS, P.EDIT_ORGANISATION, P.MANAGE_PEOPLE})

TABLE: Final[dict[PrincipalRole, frozenset[Permission]]] = {
    PrincipalRole.OPERATOR: frozenset(Permission),
    PrincipalRole.ADMINISTRATOR: frozenset(Permission),
    PrincipalRole.SYSTEM_AUDITOR: _READING,
    PrincipalRole.OWNER: _READING | _WRITING_KEYS | _OWNING,
    PrincipalRole.AUDITOR: _READING,
    PrincipalRole.MEMBER: frozenset(),
    PrincipalRole.KEY_READING_KEYS: frozenset({P.READ_ORGANISATION, P.READ_KEYS}),
    PrincipalRole.KEY_WRITING_KEYS: _WRITING_KEYS | {P.READ_ORGANISATION, P.READ_KEYS},
    PrincipalRole.KEY_READING_HISTORY: frozenset({P.READ_ORGANISATION, P.READ_HISTORY}),
}

_BY_SYSTEM_ROLE: Final[dict[str, frozenset[PrincipalRole]]] = {
    "": frozenset(),
    SystemRole.ADMINISTRATOR: frozenset({PrincipalRole.ADMINISTRATOR}),
    SystemRole.AUDITOR: frozenset({PrincipalRole.SYSTEM_AUDITOR}),
}
_BY_ROLE: Final[dict[str, frozenset[PrincipalRole]]] = {
    Role.OWNER: frozenset({PrincipalRole.OWNER}),
    Role.AUDITOR: frozenset({PrincipalRole.AUDITOR}),
    Role.MEMBER: frozenset({PrincipalRole.MEMBER}),
}
#: The people of a disabled organisation may read what they could read before.
_BY_ROLE_IF_DISABLED: Final = _BY_ROLE | {Role.OWNER: frozenset({PrincipalRole.AUDITOR})}

#: By permission, the text that completes "You do not have permission to …".
_DESCRIPTIONS: Final[dict[Permission, Promise]] = {
    P.READ_ORGANISATION: gettext_lazy("see this organisation"),
    P.READ_KEYS: gettext_lazy("see keys"),
    P.READ_HISTORY: gettext_lazy("read the history"),
    P.READ_PEOPLE: gettext_lazy("see people"),
    P.ISSUE_KEYS: gettext_lazy("create keys"),
    P.EDIT_KEYS: gettext_lazy("edit this key"),
    P.REGENERATE_KEYS: gettext_lazy("regenerate this key"),
    P.REVOKE_KEYS: gettext_lazy("revoke this key"),
    P.REACTIVATE_KEYS: gettext_lazy("reactivate this key"),
    P.DELETE_KEYS: gettext_lazy("delete this key"),
    P.MASTER_KEYS: gettext_lazy("manage Master User API keys"),
    P.PUBLIC_KEY: gettext_lazy("manage the public key"),
    P.CHOOSE_TIERS: gettext_lazy("choose a tier"),
    P.MANAGE_BOTS: gettext_lazy("manage bots"),
    P.MANAGE_CHANNELS: gettext_lazy("manage channels"),
    P.EDIT_ORGANISATION: gettext_lazy("edit this organisation"),
    P.MANAGE_PEOPLE: gettext_lazy("manage people"),
    P.MANAGE_ORGANISATIONS: gettext_lazy("manage organisations"),
    P.MANAGE_ALL_PEOPLE: gettext_lazy("manage this person"),
    P.MANAGE_SYSTEM_ROLES: gettext_lazy("manage system roles"),
    P.MANAGE_SCOPES: gettext_lazy("manage permissions"),
    P.MANAGE_TIERS: gettext_lazy("manage tiers"),
}
#: By kind of key, the permission that operations on such a key need in addition.
_EXTRA_BY_KIND: Final = {KeyKind.MASTER: P.MASTER_KEYS, KeyKind.PUBLIC: P.PUBLIC_KEY}


def permissions(actor: Actor, organisation: UUID | None) -> frozenset[Permission]:
    """The actor's permissions in the organisation; with None, in the whole installation."""
    return permissions_of(principal_roles(actor, organisation))


def permissions_of(roles: Iterable[PrincipalRole]) -> frozenset[Permission]:
    """The permissions that any of the roles has."""
    return frozenset[Permission]().union(*(TABLE[role] for role in roles))


def allows(actor: Actor, permission: Permission, organisation: UUID | None) -> bool:
    """Whether the actor has the permission in the organisation; with None, in the whole installation."""
    return permission in permissions(actor, organisation)


def require(
    actor: Actor, permission: Permission, organisation: Organisation | None, *, attempted: Permission | None = None
) -> None:
    """Raise ForbiddenError if the actor lacks the permission, or NotFoundError if it may not see the organisation.

    Raises OrganisationDisabledError for what an owner could do if the organisation were enabled. The message names the
    permission `attempted`, by default the required one.
    """
    if allows(actor, permission, organisation.id if organisation else None):
        return
    if organisation is None:
        raise forbidden(attempted or permission, permission, None)
    if not Organisation.objects.visible_to(actor).filter(id=organisation.id).exists():
        raise NotFoundError
    raise forbidden(attempted or permission, permission, organisation)


def require_for_key(actor: Actor, permission: Permission, organisation: Organisation, kind: str) -> None:
    """As `require`, but also requires the additional permission for keys of that kind, if there is one."""
    require(actor, permission, organisation)
    if extra := _EXTRA_BY_KIND.get(KeyKind(kind)):
        require(actor, extra, organisation, attempted=permission)


def permissions_for_key(actor: Actor, key: Key, known: frozenset[Permission] | None = None) -> frozenset[Permission]:
    """The actor's permissions on this key. Pass the result of `permissions` as `known` if you have it."""
    granted = permissions(actor, key.organisation_id) if known is None else known
    extra = _EXTRA_BY_KIND.get(KeyKind(key.kind))
    return granted if extra is None or extra in granted else granted - _WRITING_KEYS


def forbidden(
    attempted: Permission, required: Permission, organisation: Organisation | None
) -> ForbiddenError | OrganisationDisabledError:
    """The error, whose message says what was denied and whom to ask."""
    if organisation is not None and not organisation.is_active and required in TABLE[PrincipalRole.OWNER]:
        message = _("%(organisation)s is disabled and can only be read. A system administrator can enable it.")
        return OrganisationDisabledError(message % {"organisation": organisation.name})
    denied = _("You don’t have permission to %(act)s.") % {"act": _DESCRIPTIONS[attempted]}
    if organisation is not None and required in TABLE[PrincipalRole.OWNER]:
        advice = _("Ask an owner of %(organisation)s.") % {"organisation": organisation.name}
    else:
        advice = _("Ask a system administrator.")
    return ForbiddenError(f"{denied} {advice}")


def principal_roles(actor: Actor, organisation: UUID | None) -> frozenset[PrincipalRole]:
    """The actor's roles in the organisation, read from the database now."""
    if actor.kind in (ActorKind.COMMAND, ActorKind.SYSTEM):
        return frozenset({PrincipalRole.OPERATOR})
    if actor.kind is ActorKind.KEY:
        return _principal_roles_of_key(actor, organisation)
    person = Person.objects.active().filter(id=actor.id).first()
    if person is None:
        return frozenset()
    membership = Membership.objects.filter(person=person, organisation=organisation).select_related("organisation")
    return principal_roles_of(system_role=person.system_role, membership=membership.first())


def principal_roles_of(*, system_role: str, membership: Membership | None) -> frozenset[PrincipalRole]:
    """The principal roles of an active person in the organisation of the membership."""
    by_system_role = _BY_SYSTEM_ROLE[system_role]
    if membership is None:
        return by_system_role
    by_role = _BY_ROLE if membership.organisation.is_active else _BY_ROLE_IF_DISABLED
    return by_system_role | by_role[membership.role]


def _principal_roles_of_key(actor: Actor, organisation: UUID | None) -> frozenset[PrincipalRole]:
    """The principal roles of a key, by the scopes that it has now.

    Empty in other organisations, and if the key is revoked, expired or paused.
    """
    key = Key.objects.with_status().with_lists().filter(id=actor.id, organisation=organisation).first()
    if key is None or key.status not in (KeyStatus.ACTIVE, KeyStatus.EXPIRING):
        return frozenset()
    by_scope = (PrincipalRole.KEY_READING_KEYS, PrincipalRole.KEY_WRITING_KEYS, PrincipalRole.KEY_READING_HISTORY)
    scopes = effective_scopes(key)
    return frozenset(role for role in by_scope if role.value in scopes)
