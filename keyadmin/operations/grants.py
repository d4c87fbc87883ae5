"""The subset rule: nobody grants, widens, reactivates, moves or regenerates a key to more than they hold."""

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
class PrivilegeCeiling:
    """How far a key reaches, or an actor may make one reach. No channels, lists or expiry: no such limit.

    `lists` are the allow-lists that bind, none of them empty: an address must be on every one.
    """

    scopes: frozenset[str]
    channels: frozenset[UUID] = frozenset()
    lists: tuple[tuple[cidr.Network, ...], ...] = ()
    expires_at: datetime | None = None


def effective_scopes(key: Any) -> frozenset[str]:
    """What the key, read `with_lists`, may do now: its list, or what its creator's roles amount to."""
    return inherited_scopes(key) if key.inherits else frozenset(key.scope_names)


def inherited_scopes(key: Key) -> frozenset[str]:
    """What the key may do if it inherits."""
    return allowed_for_kind(key.kind, _held_by_person(key.creator_id, key.organisation_id))


def of_actor(actor: Actor, organisation: UUID) -> PrivilegeCeiling:
    """The most that a key of the organisation may reach if the actor makes it so."""
    if actor.kind in (ActorKind.COMMAND, ActorKind.SYSTEM):
        return PrivilegeCeiling(catalogue())
    if actor.kind is ActorKind.PERSON:
        return PrivilegeCeiling(_held_by_person(actor.id, organisation))
    key = Key.objects.with_lists().get(id=actor.id)
    return _of_row(key) if key.organisation_id == organisation else PrivilegeCeiling(frozenset())


def of_key(key: Key) -> PrivilegeCeiling:
    """How far the saved key reaches, with the expiry that it is to have."""
    return replace(_of_row(Key.objects.with_lists().get(id=key.id)), expires_at=key.expires_at)


def networks_of_bot(key: Key) -> tuple[cidr.Network, ...]:
    """The allow-list of the key's bot, if it is a bot's."""
    return tuple(key.bot.allow_list.values_list("network", flat=True)) if key.bot else ()


def binding(*lists: Sequence[cidr.Network]) -> tuple[tuple[cidr.Network, ...], ...]:
    """Those of the lists that bind."""
    return tuple(tuple(networks) for networks in lists if networks)


def require_within(wanted: PrivilegeCeiling, limit: PrivilegeCeiling) -> None:
    """Raise Forbidden where `wanted` goes beyond `limit`."""
    if missing := wanted.scopes - limit.scopes:
        names = ", ".join(sorted(missing))
        raise ForbiddenError(_("You can't give a key more than you may do yourself: %(scopes)s.") % {"scopes": names})
    if limit.channels and not (wanted.channels and wanted.channels <= limit.channels):
        raise ForbiddenError(_("A key can't reach more channels than the key that makes it."))
    if not all(any(_within(own, allowed) for own in wanted.lists) for allowed in limit.lists):
        raise ForbiddenError(_("A key can't be used from more addresses than the key that makes it."))
    if limit.expires_at and (wanted.expires_at is None or wanted.expires_at > limit.expires_at):
        raise ForbiddenError(_("A key can't outlive the key that makes it."))


def is_wider(new: PrivilegeCeiling, old: PrivilegeCeiling) -> bool:
    """Whether `new` allows any call, at any time, that `old` did not."""
    try:
        require_within(new, old)
    except ForbiddenError:
        return True
    return False


def _of_row(key: Any) -> PrivilegeCeiling:
    lists = binding(key.own_networks, key.bot_networks)
    return PrivilegeCeiling(effective_scopes(key), frozenset(key.channel_ids), lists, key.expires_at)


def _within(wanted: Collection[cidr.Network], limit: Collection[cidr.Network]) -> bool:
    return all(cidr.covers(limit, network) for network in wanted)


def _held_by_person(person_id: UUID | None, organisation: UUID) -> frozenset[str]:
    person = Person.objects.active().filter(id=person_id).first()
    if person is None:
        return frozenset()
    role = Membership.objects.filter(person=person, organisation=organisation).values_list("role", flat=True).first()
    return scopes_of_role(system_role=person.system_role, role=role or "", catalogue=catalogue())


def of_owner() -> frozenset[str]:
    """The scopes that an owner of the organisation holds: all but impersonation."""
    return scopes_of_role(system_role="", role=Role.OWNER, catalogue=catalogue())


def catalogue() -> frozenset[str]:
    """The names of all scopes."""
    return frozenset(Scope.objects.values_list("name", flat=True))
