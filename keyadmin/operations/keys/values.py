"""What of a key can be chosen: read it, check it, describe it for history, save it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from keyadmin.core import cidr
from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import ForbiddenError, InvalidInputError
from keyadmin.core.time import rfc3339
from keyadmin.models import AllowListEntry, Bot, Channel, Key, Kind, Organisation, Scope, Secret, Tier
from keyadmin.models.scope import allowed_for_kind
from keyadmin.operations import grants, policy
from keyadmin.operations.validation import UNSET, FieldErrors

#: Of a key or a bot: every call is compared with all of them.
MOST_NETWORKS: Final = 100


@dataclass(frozen=True, slots=True)
class Values:
    """The chosen part of a key, as plain values."""

    name: str
    description: str
    scopes: frozenset[str]
    inherits: bool
    channels: frozenset[UUID]
    networks: tuple[cidr.Network, ...]
    expires_at: datetime | None
    tier: UUID


def of(key: Key) -> Values:
    """The values of a saved key."""
    lists: Any = Key.objects.with_lists().get(id=key.id)
    return Values(
        name=key.name,
        description=key.description,
        scopes=frozenset(lists.scope_names),
        inherits=key.inherits,
        channels=frozenset(lists.channel_ids),
        networks=tuple(lists.own_networks),
        expires_at=key.expires_at,
        tier=key.tier_id,
    )


def altered(old: Values, given: Mapping[str, Any]) -> Values:
    """The values with what is given instead. The same networks in another order are no change."""
    new = replace(old, **{field: value for field, value in given.items() if value is not UNSET})
    same = len(new.networks) == len(old.networks) and set(new.networks) == set(old.networks)
    return replace(new, networks=old.networks) if same else new


def describe(values: Values) -> dict[str, Any]:
    """The values as history shows them."""
    return {name: _SHOWN.get(name, _as_it_is)(getattr(values, name)) for name in _NAMES}


def changes(old: Values, new: Values) -> dict[str, tuple[Any, Any]]:
    """What differs, as history shows it."""
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in _NAMES}
    return {
        name: (_SHOWN.get(name, _as_it_is)(before), _SHOWN.get(name, _as_it_is)(after))
        for name, (before, after) in pairs.items()
        if before != after
    }


def judged(actor: Actor, key: Key, values: Values, old: Values | None, now: datetime) -> Values:
    """The values made clean. Raises Forbidden for more than the actor may give, then Invalid for what can't be."""
    had = old.scopes if old else frozenset()
    added = (
        Scope.objects.filter(name__in=values.scopes - had).values_list("name", flat=True) if values.scopes - had else ()
    )
    known = had.union(added)
    require_reach(actor, key, replace(values, scopes=values.scopes & known), old)
    return _checked(actor, key, values, old, now, known)


def require_reach(actor: Actor, key: Key, values: Values, old: Values | None) -> None:
    """The subset rule: raise Forbidden if the key would come to reach further than the actor may let it."""
    if values.expires_at is not None and timezone.is_naive(values.expires_at):
        raise InvalidInputError({"expires_at": [_("Give the time with its time zone.")]})  # it can't be compared
    if values.inherits and actor.kind is ActorKind.KEY and not (old and old.inherits):
        raise ForbiddenError(_("A key can't let another inherit permissions. Pick them one by one."))
    bots = grants.networks_of_bot(key)
    wanted = _reach_of(key, values, bots)
    if old is None or grants.is_wider(wanted, _reach_of(key, old, bots)):
        grants.require_within(wanted, grants.of_actor(actor, key.organisation_id))


def save(key: Key, values: Values, old: Values | None) -> None:
    """Write the values of the locked key, or with no old ones of the new key, and cap an old secret's grace at the
    key's end.
    """
    for field in ("name", "description", "inherits", "expires_at"):
        setattr(key, field, getattr(values, field))
    key.tier_id = values.tier
    key.save(force_insert=old is None)
    _save_list(key, Key.scopes.through, "scope_id", old.scopes if old else (), values.scopes)
    _save_list(key, Key.channels.through, "channel_id", old.channels if old else (), values.channels)
    _save_list(key, AllowListEntry, "network", old.networks if old else (), values.networks)
    if old and values.expires_at not in (None, old.expires_at):
        Secret.objects.filter(key=key, not_after__gt=values.expires_at).update(not_after=values.expires_at)


def _save_list(key: Key, model: Any, column: str, old: Collection[Any], new: Collection[Any]) -> None:
    """One row for each of the new values, in their order; what stays, stays as it is."""
    if gone := [value for value in old if value not in new]:
        model.objects.filter(key=key, **{f"{column}__in": gone}).delete()
    if added := [value for value in new if value not in old]:
        model.objects.bulk_create(model(key=key, **{column: value}) for value in added)


def _checked(
    actor: Actor, key: Key, values: Values, old: Values | None, now: datetime, known: frozenset[str]
) -> Values:
    """`old` is None for a new key; what an edit leaves alone is not judged again. `known` are scopes there are."""
    errors = FieldErrors()
    values = replace(
        values,
        name=errors.clean_text("name", values.name, 120),
        description=errors.clean_text("description", values.description, 500, required=False, multiline=True),
        scopes=frozenset() if values.inherits else values.scopes,
    )
    _check_scopes(errors, key, values, known)
    if old is None or values.channels != old.channels:
        _check_channels(errors, key, values.channels)
    if old is None or values.networks != old.networks:
        check_networks(errors, values.networks)
    if old is None or values.expires_at != old.expires_at:
        check_expiry(errors, key, values.expires_at, now)
    _check_tier(errors, actor, key.organisation, values.tier, old.tier if old else key.organisation.default_tier_id)
    errors.raise_if_any()
    return values


def check_networks(errors: FieldErrors, networks: Sequence[cidr.Network]) -> None:
    """An own list takes any network but /0, none that an earlier one already covers, and only so many."""
    if len(networks) > MOST_NETWORKS:
        errors.add("networks", too_many_networks())
        return
    for place, network in enumerate(networks):
        if network.prefixlen == 0:
            errors.add("networks", _("/0 is too wide. Leave the list empty to allow any address."))
        elif covering := cidr.covers(networks[:place], network):
            errors.add("networks", covered(network, covering))


def too_many_networks() -> str:
    """The words for a list that would get too long."""
    return _("An allow-list holds at most %(count)d IP ranges. Use wider ones.") % {"count": MOST_NETWORKS}


def covered(network: cidr.Network, covering: cidr.Network) -> str:
    """The words for a network that is already on the list."""
    if network == covering:
        return _("%(network)s is already on the list.") % {"network": network}
    return _("%(network)s is already covered by %(covering)s.") % {"network": network, "covering": covering}


def check_expiry(errors: FieldErrors, key: Key, expires_at: datetime | None, now: datetime) -> None:
    """By the database's clock and the organisation's rules."""
    organisation = key.organisation
    if key.kind == Kind.PUBLIC:
        if expires_at is not None:
            errors.add("expires_at", _("The public key is valid until it is deleted."))
    elif expires_at is None:
        if not organisation.may_never_expire:
            words = _("Set an expiry: keys of %(organisation)s must have one.")
            errors.add("expires_at", words % {"organisation": organisation.name})
    elif timezone.is_naive(expires_at):
        errors.add("expires_at", _("Give the time with its time zone."))
    elif expires_at <= now:
        errors.add("expires_at", _("Choose a time in the future."))
    elif organisation.max_expiry_days and expires_at > now + timedelta(days=organisation.max_expiry_days):
        words = _("Choose a time at most %(days)d days from now.")
        errors.add("expires_at", words % {"days": organisation.max_expiry_days})


def _check_channels(errors: FieldErrors, key: Key, channels: Collection[UUID]) -> None:
    if channels and Channel.objects.filter(id__in=channels, organisation=key.organisation_id).count() < len(channels):
        errors.add("channels", _("Choose channels of this organisation."))


def _check_scopes(errors: FieldErrors, key: Key, values: Values, known: frozenset[str]) -> None:
    if values.inherits:
        if key.creator_id is None:
            errors.add("inherits", _("Only a key made by a person can inherit permissions."))
        return
    if not values.scopes:
        errors.add("scopes", _("Pick at least one permission: a key without any can call nothing."))
    for name in sorted(values.scopes - known):
        errors.add("scopes", _("%(scope)s is not a permission.") % {"scope": name})
    if allowed_for_kind(key.kind, values.scopes) != values.scopes:
        errors.add("scopes", _("Only a master key can act for a person."))


def _check_tier(errors: FieldErrors, actor: Actor, organisation: Organisation, tier: UUID, usual: UUID) -> None:
    """`usual` is the tier that needs no permission: the key's present one, or the organisation's."""
    if tier == usual:
        return
    policy.require(actor, policy.Permission.CHOOSE_TIERS, organisation)
    if not Tier.objects.filter(id=tier).exists():
        errors.add("tier", _("Choose one of the tiers."))


def _reach_of(key: Key, values: Values, bots_networks: Sequence[cidr.Network]) -> grants.PrivilegeCeiling:
    """How far the key would reach with the values."""
    scopes = grants.inherited_scopes(key) if values.inherits else values.scopes
    lists = grants.binding(values.networks, bots_networks)
    return grants.PrivilegeCeiling(scopes, values.channels, lists, values.expires_at)


def _as_it_is(value: Any) -> Any:
    return value


def _names_of_channels(channels: Collection[UUID]) -> list[str]:
    if not channels:
        return []
    return sorted(Channel.objects.filter(id__in=channels).values_list("name", flat=True))


def _name_of_tier(tier: UUID) -> str | None:
    return Tier.objects.filter(id=tier).values_list("name", flat=True).first()


#: How history shows what is not text already.
_SHOWN: Final[dict[str, Callable[[Any], Any]]] = {
    "scopes": sorted,
    "channels": _names_of_channels,
    "networks": lambda networks: sorted(map(str, networks)),
    "expires_at": rfc3339,
    "tier": _name_of_tier,
}
_NAMES: Final = tuple(field.name for field in fields(Values))


def when_emptied(owner: Bot | Key) -> str:
    """What will hold once nothing is on the list, in words: it opens nothing that another list closes."""
    if isinstance(owner, Key):
        of_its_bot = AllowListEntry.objects.filter(bot=owner.bot_id) if owner.bot_id else []
        if networks := ", ".join(map(str, of_its_bot)):
            return _("Its bot’s addresses alone will be allowed: %(networks)s.") % {"networks": networks}
        return _("Any address will be allowed.")
    closed = owner.keys.filter(allow_list__isnull=False).distinct().count()
    opened = owner.keys.count() - closed
    if not closed:
        return _("Any address will be allowed.")
    if not opened:
        return _("The addresses of each key’s own list alone will be allowed.")
    words = ngettext(
        "Any address will be allowed for %(count)s key. The others keep lists of their own.",
        "Any address will be allowed for %(count)s keys. The others keep lists of their own.",
        opened,
    )
    return words % {"count": f"{opened:,}"}
