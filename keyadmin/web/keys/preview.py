"""What the form of a key says about the key while it is filled in: one sentence, the expiry, and warnings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext

from keyadmin.core import cidr
from keyadmin.forms.keys import KeyValuesForm
from keyadmin.models import Person
from keyadmin.web.allow_lists.lockout import outside_bot

#: Networks that the sentence names. It gives the number of more.
_MAX_NAMED: Final = 3
_MAX_NAME_LENGTH: Final = 120


@dataclass(frozen=True, slots=True)
class KeyPreview:
    """The phrases that templates/keys/_preview.html puts together. An empty one means that there is nothing to say."""

    name: str
    has_full_access: bool
    abilities: str
    channels: str
    networks: str
    until: str
    #: Requests in an hour; 0 while no owner is selected.
    limit: int
    never_expires: bool
    expires_at: datetime | None
    #: The bot and its ranges, which apply to its keys.
    bot: str
    bot_networks: list[str]
    #: The addresses that are on both lists; "" if there is only one list, or if the lists have none in common.
    common_networks: str
    #: That no address is on both lists.
    outside: str
    #: What the key could do from any address, and the permissions for that.
    broad_abilities: str
    broad_permissions: str
    #: The permissions that the key used this week and would lose.
    missed_permissions: str

    @classmethod
    def of(cls, form: KeyValuesForm, *, person: Person, bot_networks: Iterable[cidr.Network], key: Any = None) -> Self:
        """The preview of the form as it is, valid or not. `key` is the one that is edited, its scopes with `calls`."""
        choices = form.choices
        has_full_access = bool(form["inherits"].value())
        chosen = _values(form, "scopes")
        scopes = [scope for scope in choices.catalogue if scope.name in chosen]
        sensitive = [scope for scope in scopes if scope.is_sensitive]
        used = [scope for scope in choices.catalogue if getattr(scope, "calls", 0) and scope.name not in chosen]
        own, bots = [entry.network for entry in form.parse_entries()[0]], list(bot_networks)
        networks = cidr.intersection(own, bots) if own and bots else own or bots
        is_open = not own and not bots
        everything = _everything(person, key) if has_full_access else ""
        expiry = form.expiry()
        default_tier = choices.tiers[0] if choices.tiers else None
        tier = next((tier for tier in choices.tiers if str(tier.id) == str(form["tier"].value())), default_tier)
        channels = [channel.name for channel in choices.channels if str(channel.id) in _values(form, "channels")]
        return cls(
            name=str(form["name"].value() or "").strip()[:_MAX_NAME_LENGTH] or gettext("This key"),
            has_full_access=has_full_access,
            abilities=everything or _join(scope.ability for scope in scopes),
            channels=_join(channels) or gettext("all channels"),
            networks=gettext("any IP address") if is_open else _name_networks(networks),
            until=_until(expiry.at),
            limit=tier.hourly_limit if tier else 0,
            never_expires=expiry.is_chosen and expiry.at is None,
            expires_at=expiry.at,
            bot=choices.owner.bot.name if choices.owner.bot else "",
            bot_networks=[str(network) for network in bots],
            common_networks=_name_networks(networks) if own and bots and networks else "",
            outside=outside_bot(own, choices.owner.bot, bots),
            broad_abilities=(everything or _join(scope.ability for scope in sensitive)) if is_open else "",
            broad_permissions=_join(scope.label for scope in sensitive),
            missed_permissions="" if has_full_access else _join(scope.label for scope in used),
        )


def _values(form: KeyValuesForm, name: str) -> set[str]:
    return set(map(str, form[name].value() or ()))


def _everything(person: Person, key: Any) -> str:
    """What a key with full access can do: what its creator can."""
    if key is None or key.creator_id == person.id:
        return gettext("do everything you can")
    return gettext("do everything %(name)s can") % {"name": key.creator}


def _until(expires_at: datetime | None) -> str:
    if expires_at is None:
        return gettext("with no end date")
    return gettext("until %(date)s") % {"date": date_format(expires_at, "j M Y")}


def _name_networks(networks: Sequence[cidr.Network]) -> str:
    if not networks:
        return gettext("no IP address")
    if len(networks) > _MAX_NAMED:
        return gettext("%(count)s IP ranges") % {"count": len(networks)}
    return _join(map(str, networks))


def _join(texts: Iterable[Any]) -> str:
    """`a, b and c`"""
    return get_text_list([str(text) for text in texts], gettext("and"))
