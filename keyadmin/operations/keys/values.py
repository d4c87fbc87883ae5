"""The values of a key that an actor can choose: reads, validates, compares and saves them, and describes them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from keyadmin.core import cidr
from keyadmin.core.actors import Actor, ActorKind
from keyadmin.core.errors import ForbiddenError, InvalidInputError
from keyadmin.core.text import normalise
from keyadmin.core.time import rfc3339
from keyadmin.models import AllowListEntry, Channel, Key, KeyKind, Organisation, Scope, Tier
from keyadmin.models.scope import allowed_for_kind
from keyadmin.operations import policy, privileges
from keyadmin.operations.allow_list_rules import check_networks, clean_note, describe_notes
from keyadmin.operations.validation import UNSET, FieldErrors, Unset

_MAX_NAME_LENGTH: Final = 120
_MAX_DESCRIPTION_LENGTH: Final = 500
#: Characters of a name that is taken from the description.
_MAX_NAME_LENGTH_FROM_DESCRIPTION: Final = 60
#: The expiry of a new key if the organisation has no default and its keys must expire.
_FALLBACK_EXPIRY_DAYS: Final = 90
#: Later times cannot be shown in every time zone.
_LATEST_EXPIRY: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KeyValues:
    """The values of one key. `channels` and `tier` are ids. No channels or no networks means no such restriction.

    `notes` are those of the networks that have one.
    """

    name: str
    name_follows_description: bool
    description: str
    scopes: frozenset[str]
    inherits: bool
    channels: frozenset[UUID]
    networks: tuple[cidr.Network, ...]
    notes: Mapping[cidr.Network, str]
    expires_at: datetime | None
    tier: UUID


def values_of(key: Key) -> KeyValues:
    """The values of a saved key."""
    lists: Any = Key.objects.with_lists().get(id=key.id)
    return KeyValues(
        name=key.name,
        name_follows_description=key.name_follows_description,
        description=key.description,
        scopes=frozenset(lists.scope_names),
        inherits=key.inherits,
        channels=frozenset(lists.channel_ids),
        networks=tuple(lists.own_networks),
        notes=_without_empty(zip(lists.own_networks, lists.own_notes, strict=True)),
        expires_at=key.expires_at,
        tier=key.tier_id,
    )


def apply_fields(old: KeyValues, new_fields: Mapping[str, Any]) -> KeyValues:
    """The old values with the `new_fields` that are not UNSET.

    Another order of the networks is not a change. Networks that stay keep their notes if `notes` is UNSET.
    """
    new = replace(old, **{field: value for field, value in new_fields.items() if value is not UNSET})
    same_networks = len(new.networks) == len(old.networks) and set(new.networks) == set(old.networks)
    notes = {network: note for network, note in new.notes.items() if network in new.networks}
    return replace(new, networks=old.networks if same_networks else new.networks, notes=notes)


def stop_following_if_renamed(old: KeyValues, new: KeyValues) -> KeyValues:
    """The new values of an edit. A name that was edited does not follow the description any more."""
    return replace(new, name_follows_description=old.name_follows_description and normalise(new.name) == old.name)


def require_scopes_or_inheritance(scopes: Collection[str], *, inherits: bool) -> None:
    """Raise InvalidInputError if `scopes` are given for a key that inherits: it would not have them."""
    if inherits and scopes:
        raise InvalidInputError(
            {"scopes": [_("A key with full access has no permissions of its own. Choose one or the other.")]}
        )


def default_expiry(actor: Actor, key: Key, now: datetime) -> datetime | None:
    """The latest expiry that the organisation's rules and the acting key allow for a new key; None for never.

    `now` is the database's time.
    """
    organisation = key.organisation
    ceiling = privileges.ceiling_of_actor(actor, organisation.id).expires_at
    if organisation.may_never_expire and (ceiling is None or key.kind == KeyKind.PUBLIC):
        return None
    days = organisation.max_expiry_days or (default_days(organisation, KeyKind(key.kind)) if ceiling is None else None)
    limits = (ceiling, now + timedelta(days=days) if days else None)
    return min((limit for limit in limits if limit), default=None)


def describe(values: KeyValues) -> dict[str, Any]:
    """The values as history records them, by field."""
    return {name: _for_history(name, getattr(values, name)) for name in _FIELDS}


def changes(old: KeyValues, new: KeyValues) -> dict[str, tuple[Any, Any]]:
    """The fields that differ, with old and new value as history records them."""
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in _FIELDS}
    return {
        name: (_for_history(name, before), _for_history(name, after))
        for name, (before, after) in pairs.items()
        if before != after
    }


def validate(actor: Actor, key: Key, values: KeyValues, old: KeyValues | None, now: datetime) -> KeyValues:
    """The cleaned values. `old` is None for a new key. `now` is the database's time.

    Raises ForbiddenError if the values exceed the actor's privilege ceiling, otherwise InvalidInputError if they are
    not valid.
    """
    old_scopes = old.scopes if old else frozenset()
    added = values.scopes - old_scopes
    existing = Scope.objects.filter(name__in=added).values_list("name", flat=True) if added else ()
    known = old_scopes.union(existing)
    require_within_ceiling(actor, key, replace(values, scopes=values.scopes & known), old)
    return _cleaned(actor, key, values, old, now, known)


def require_within_ceiling(actor: Actor, key: Key, values: KeyValues, old: KeyValues | None) -> None:
    """Raise ForbiddenError if the values exceed the actor's privilege ceiling. `old` is None for a new key.

    An edit that adds no privilege is allowed, even if the key exceeds the ceiling.
    """
    if values.expires_at is not None and timezone.is_naive(values.expires_at):
        # A naive time cannot be compared.
        raise InvalidInputError({"expires_at": [_("Add the time zone, as in 2027-03-01T12:00:00Z.")]})
    if values.inherits and actor.kind is ActorKind.KEY and not (old and old.inherits):
        raise ForbiddenError(_("A key can’t give another key full access. Choose its permissions."))
    bot_networks = privileges.networks_of_bot(key)
    requested = _ceiling_of(key, values, bot_networks)
    if old is None or privileges.is_wider(requested, _ceiling_of(key, old, bot_networks)):
        privileges.require_within(requested, privileges.ceiling_of_actor(actor, key.organisation_id))


def save(key: Key, values: KeyValues, old: KeyValues | None) -> None:
    """Save the values. `old` is None for a new key; otherwise the key must be locked."""
    for field in ("name", "name_follows_description", "description", "inherits", "expires_at"):
        setattr(key, field, getattr(values, field))
    key.tier_id = values.tier
    key.save(force_insert=old is None)
    _save_list(key, Key.scopes.through, "scope_id", old.scopes if old else (), values.scopes)
    _save_list(key, Key.channels.through, "channel_id", old.channels if old else (), values.channels)
    _save_list(key, AllowListEntry, "network", old.networks if old else (), values.networks)
    _save_notes(key, old.notes if old else {}, values.notes)


def check_expiry(errors: FieldErrors, key: Key, expires_at: datetime | None, now: datetime) -> None:
    """Add an error if the organisation's rules do not allow this new expiry. `now` is the database's time.

    A public key is valid until it is deleted, unless every key of the organisation must have an expiry.
    """
    organisation = key.organisation
    if expires_at is not None and timezone.is_naive(expires_at):
        errors.add("expires_at", _("Add the time zone, as in 2027-03-01T12:00:00Z."))
    elif expires_at is not None and expires_at > _LATEST_EXPIRY:
        errors.add("expires_at", _("Choose a time before the year 9999."))
    elif expires_at is not None and expires_at <= now:
        errors.add("expires_at", _("Choose a time in the future."))
    elif expires_at is not None and key.kind == KeyKind.PUBLIC and organisation.may_never_expire:
        message = _("Leave the expiry empty. A public key of %(organisation)s is valid until you delete it.")
        errors.add("expires_at", message % {"organisation": organisation.name})
    elif message := expiry_problem(key, expires_at, now):
        errors.add("expires_at", message)


def default_days(organisation: Organisation, kind: KeyKind) -> int | None:
    """The days until a new key expires, unless its creator chooses otherwise; None for never.

    Keys of bots and public keys never expire by default, unless every key of the organisation must have an expiry.
    """
    if organisation.may_never_expire and kind in (KeyKind.BOT, KeyKind.PUBLIC):
        return None
    if organisation.default_expiry_days is None and not organisation.may_never_expire:
        return min(organisation.max_expiry_days or _FALLBACK_EXPIRY_DAYS, _FALLBACK_EXPIRY_DAYS)
    days: int | None = organisation.default_expiry_days
    if days is None or organisation.max_expiry_days is None:
        return days
    return min(days, organisation.max_expiry_days)


def default_expires_at(organisation: Organisation, kind: KeyKind) -> datetime | None:
    """The expiry of a new key whose creator chooses none; None for never."""
    days = default_days(organisation, kind)
    return None if days is None else timezone.now() + timedelta(days=days)


def set_expiry(key: Key, expires_at: datetime | Unset | None, now: datetime) -> None:
    """Set the expiry of the key, which the caller saves. UNSET keeps it.

    Raises InvalidInputError if the organisation's rules do not allow the new expiry, or the present one.
    """
    errors = FieldErrors()
    if expires_at is not UNSET:
        check_expiry(errors, key, expires_at, now)
        key.expires_at = expires_at
    elif message := expiry_problem(key, key.expires_at, now):
        errors.add("expires_at", message)
    errors.raise_if_any()


def expiry_problem(key: Key, expires_at: datetime | None, now: datetime) -> str:
    """What to do if the organisation's rules do not allow the expiry; "" if they do."""
    organisation = key.organisation
    if organisation.allows_expiry(expires_at, now):
        return ""
    if expires_at is None:
        return _("Set an expiry. Keys of %(organisation)s must have one.") % {"organisation": organisation.name}
    return _("Choose a time at most %(days)d days from now.") % {"days": organisation.max_expiry_days}


def _save_list(key: Key, model: Any, column: str, old: Collection[Any], new: Collection[Any]) -> None:
    """Delete the rows of values that are not in `new`, and insert those that are not in `old`, in their order."""
    if removed := [value for value in old if value not in new]:
        model.objects.filter(key=key, **{f"{column}__in": removed}).delete()
    if added := [value for value in new if value not in old]:
        model.objects.bulk_create(model(key=key, **{column: value}) for value in added)


def _save_notes(key: Key, old: Mapping[cidr.Network, str], new: Mapping[cidr.Network, str]) -> None:
    """Save the notes of the key's saved entries that differ."""
    for entry in key.allow_list.all() if old != new else ():
        if entry.note != (note := new.get(entry.network, "")):
            entry.note, entry.revision = note, entry.revision + 1
            entry.save(update_fields=("note", "revision"))


def _without_empty(notes: Iterable[tuple[cidr.Network, str]]) -> dict[cidr.Network, str]:
    return {network: note for network, note in notes if note}


def _cleaned(
    actor: Actor, key: Key, values: KeyValues, old: KeyValues | None, now: datetime, known: frozenset[str]
) -> KeyValues:
    """The values, cleaned. Does not check fields that an edit does not change. `known` are the scopes that exist."""
    errors = FieldErrors()
    description = errors.clean_text(
        "description", values.description, _MAX_DESCRIPTION_LENGTH, required=False, multiline=True
    )
    values = replace(values, description=description, scopes=frozenset() if values.inherits else values.scopes)
    if not (values.name_follows_description and errors.messages):
        values = replace(values, name=errors.clean_text("name", _name(values, old), _MAX_NAME_LENGTH))
    _check_scopes(errors, key, values, known)
    if old is None or values.channels != old.channels:
        _check_channels(errors, key, values.channels)
    if old is None or values.networks != old.networks:
        check_networks(errors, values.networks)
    if old is None or values.notes != old.notes:
        notes = ((network, clean_note(errors, "notes", note)) for network, note in values.notes.items())
        values = replace(values, notes=_without_empty(notes))
    if old is None or values.expires_at != old.expires_at:
        check_expiry(errors, key, values.expires_at, now)
    _check_tier(errors, actor, key.organisation, values.tier, old.tier if old else key.organisation.default_tier_id)
    errors.raise_if_any()
    return values


def _name(values: KeyValues, old: KeyValues | None) -> str:
    """The name, taken from the description if it follows it. It stays if the description is removed."""
    is_changed = old is None or values.description != old.description
    if not (values.name_follows_description and values.description and is_changed):
        return values.name
    return Truncator(" ".join(values.description.split())).chars(_MAX_NAME_LENGTH_FROM_DESCRIPTION)


def _check_channels(errors: FieldErrors, key: Key, channels: Collection[UUID]) -> None:
    if channels and Channel.objects.filter(id__in=channels, organisation=key.organisation_id).count() < len(channels):
        errors.add("channels", _("Choose channels of this organisation."))


def _check_scopes(errors: FieldErrors, key: Key, values: KeyValues, known: frozenset[str]) -> None:
    if values.inherits:
        if key.creator_id is None:
            errors.add("inherits", _("Only a key that a person created can have full access. Choose its permissions."))
        return
    if not values.scopes:
        errors.add("scopes", _("Choose at least one permission. A key without permissions can’t make any request."))
    for name in sorted(values.scopes - known):
        errors.add("scopes", _("There is no permission %(scope)s.") % {"scope": name})
    if allowed_for_kind(key.kind, values.scopes) != values.scopes:
        errors.add("scopes", _("Only a Master User API key can act on behalf of users. Remove this permission."))


def _check_tier(errors: FieldErrors, actor: Actor, organisation: Organisation, tier: UUID, current: UUID) -> None:
    """`current` is the tier of the key, or the organisation's default. Any other tier needs CHOOSE_TIERS."""
    if tier == current:
        return
    policy.require(actor, policy.Permission.CHOOSE_TIERS, organisation)
    if not Tier.objects.filter(id=tier).exists():
        errors.add("tier", _("Choose one of the tiers."))


def _ceiling_of(key: Key, values: KeyValues, bot_networks: Sequence[cidr.Network]) -> privileges.Privileges:
    """The privileges that the key has with the values."""
    scopes = privileges.inherited_scopes(key) if values.inherits else values.scopes
    lists = privileges.non_empty_lists(values.networks, bot_networks)
    return privileges.Privileges(scopes, values.channels, lists, values.expires_at)


def _names_of_channels(channels: Collection[UUID]) -> list[str]:
    if not channels:
        return []
    return sorted(Channel.objects.filter(id__in=channels).values_list("name", flat=True))


def _name_of_tier(tier: UUID) -> str | None:
    return Tier.objects.filter(id=tier).values_list("name", flat=True).first()


#: By field, the function from its value to what history records. Other values are recorded as they are.
_HISTORY_FORMAT: Final[dict[str, Callable[[Any], Any]]] = {
    "name_follows_description": lambda follows: follows or None,
    "scopes": sorted,
    "channels": _names_of_channels,
    "networks": lambda networks: sorted(map(str, networks)),
    "notes": describe_notes,
    "expires_at": rfc3339,
    "tier": _name_of_tier,
}
_FIELDS: Final = tuple(field.name for field in fields(KeyValues))


def _for_history(field: str, value: Any) -> Any:
    return _HISTORY_FORMAT[field](value) if field in _HISTORY_FORMAT else value
