"""The privileges of keys: an actor cannot give a key more privileges than the actor has.

Privileges are scopes, channels, allow-lists and an expiry. The *privilege ceiling* of an actor is the most that the
actor may give to a key.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from keyadmin.core import cidr
from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import ForbiddenError
from keyadmin.models import Key, Membership, Person, Role, Scope
from keyadmin.models.scope import allowed_for_kind, scopes_of_role


@dataclass(frozen=True, slots=True)
class Privileges:
    """The privileges of a key, or the most that an actor can give to a key.

    No `channels`, no `lists` or no `expires_at` means no restriction of that kind. `lists` are the non-empty
    allow-lists that apply; an address must be on each of them.
    """

    scopes: frozenset[str]
    channels: frozenset[UUID] = frozenset()
    lists: tuple[tuple[cidr.Network, ...], ...] = ()
    expires_at: datetime | None = None


def effective_scopes(key: Any) -> frozenset[str]:
    """The scopes that the key has now: its own, or those that it inherits. The key must be read `with_lists`."""
    return inherited_scopes(key) if key.inherits else frozenset(key.scope_names)


def inherited_scopes(key: Key) -> frozenset[str]:
    """The scopes that the key has now if it inherits from its creator."""
    return allowed_for_kind(key.kind, _scopes_of_person(key.creator_id, key.organisation_id))


def ceiling_of_actor(actor: Actor, organisation: UUID) -> Privileges:
    """The privilege ceiling of the actor: the most that the actor may give to a key of the organisation.

    A replaced secret must not outlive its grace period: nothing that it creates expires later.
    """
    if actor.kind in (ActorKind.COMMAND, ActorKind.SYSTEM):
        return Privileges(_all_scopes())
    if actor.kind is ActorKind.PERSON:
        return Privileges(_scopes_of_person(actor.id, organisation))
    key = Key.objects.with_lists().get(id=actor.id)
    if key.organisation_id != organisation:
        return Privileges(frozenset())
    ends = [end for end in (key.expires_at, actor.replaced_secret_until) if end]
    return replace(_of_row(key), expires_at=min(ends, default=None))


def ceiling_of_key(key: Key) -> Privileges:
    """The privileges of the key as saved, but with the expiry of this instance, which may not be saved yet."""
    return replace(_of_row(Key.objects.with_lists().get(id=key.id)), expires_at=key.expires_at)


def networks_of_bot(key: Key) -> tuple[cidr.Network, ...]:
    """The allow-list of the key's bot; empty if the key has no bot."""
    return tuple(key.bot.allow_list.values_list("network", flat=True)) if key.bot else ()


def non_empty_lists(*lists: Sequence[cidr.Network]) -> tuple[tuple[cidr.Network, ...], ...]:
    """The lists that are not empty. An empty list allows any address."""
    return tuple(tuple(networks) for networks in lists if networks)


def require_within(requested: Privileges, ceiling: Privileges) -> None:
    """Raise ForbiddenError if `requested` has a privilege that `ceiling` does not have."""
    if missing := requested.scopes - ceiling.scopes:
        names = ", ".join(sorted(missing))
        raise ForbiddenError(_("You can’t give a key permissions that you don’t have: %(scopes)s.") % {"scopes": names})
    if ceiling.channels and not (requested.channels and requested.channels <= ceiling.channels):
        raise ForbiddenError(_("A key can’t use more channels than the key that creates or edits it."))
    if not all(any(_is_covered(own, allowed) for own in requested.lists) for allowed in ceiling.lists):
        raise ForbiddenError(_("A key can’t allow more addresses than the key that creates or edits it."))
    if ceiling.expires_at and (requested.expires_at is None or requested.expires_at > ceiling.expires_at):
        raise ForbiddenError(_("A key can’t expire later than the key that creates or edits it."))


def is_wider(new: Privileges, old: Privileges) -> bool:
    """Whether `new` has a privilege that `old` does not have."""
    try:
        require_within(new, old)
    except ForbiddenError:
        return True
    return False


def scopes_of_owner() -> frozenset[str]:
    """The scopes of an organisation's owner."""
    return scopes_of_role(system_role="", role=Role.OWNER, catalogue=_all_scopes())


def _of_row(key: Any) -> Privileges:
    """The privileges of a key that was read `with_lists`."""
    lists = non_empty_lists(key.own_networks, key.bot_networks)
    return Privileges(effective_scopes(key), frozenset(key.channel_ids), lists, key.expires_at)


def _is_covered(networks: Collection[cidr.Network], allowed: Collection[cidr.Network]) -> bool:
    return all(cidr.find_covering(allowed, network) for network in networks)


def _scopes_of_person(person_id: UUID | None, organisation: UUID) -> frozenset[str]:
    """The scopes of the person's roles in the organisation; none if the person is deactivated."""
    person = Person.objects.active().filter(id=person_id).first()
    if person is None:
        return frozenset()
    role = Membership.objects.filter(person=person, organisation=organisation).values_list("role", flat=True).first()
    return scopes_of_role(system_role=person.system_role, role=role or "", catalogue=_all_scopes())


def _all_scopes() -> frozenset[str]:
    return frozenset(Scope.objects.values_list("name", flat=True))
