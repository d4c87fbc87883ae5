"""Find what a change of an allow-list would block: addresses that are in use, and keys that no address could use.

The requests of today (UTC) count. If none of them is affected, those of yesterday count, because shortly after midnight
there is no data of today.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext, ngettext

from keyadmin.core import cidr
from keyadmin.core.actors import Actor
from keyadmin.models import AddressDay, AllowListEntry, Bot, Key

#: Addresses, ranges or keys that a warning names. It gives the number of more.
MAX_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class BlockedAddresses:
    """The addresses that would be blocked, and their allowed requests of today or yesterday; the busiest first."""

    requests: dict[str, int]
    is_today: bool

    @property
    def warning(self) -> str:
        """`This would block 2 addresses that made 1,367 requests today: 203.0.113.9 (840), 203.0.113.25 (527).`"""
        total, count = sum(self.requests.values()), len(self.requests)
        made = ngettext("%(count)s request", "%(count)s requests", total) % {"count": f"{total:,}"}
        names = {"made": made, "count": f"{count:,}", "address": next(iter(self.requests)), "list": self._list}
        if count == 1 and self.is_today:
            return gettext("This would block %(address)s, which made %(made)s today.") % names
        if count == 1:
            return gettext("This would block %(address)s, which made %(made)s yesterday.") % names
        if self.is_today:
            return gettext("This would block %(count)s addresses that made %(made)s today: %(list)s.") % names
        return gettext("This would block %(count)s addresses that made %(made)s yesterday: %(list)s.") % names

    @property
    def _list(self) -> str:
        return _name_some([f"{address} ({count:,})" for address, count in self.requests.items()])


@dataclass(frozen=True, slots=True)
class Lockout:
    """What a change would block. `unusable` is a sentence about keys that no address could use, or ""."""

    blocked: BlockedAddresses | None
    unusable: str

    @property
    def warning(self) -> str:
        return " ".join(filter(None, (self.unusable, self.blocked.warning if self.blocked else "")))


def find_lockout(
    actor: Actor, owner: Bot | Key, before: Sequence[cidr.Network], after: Sequence[cidr.Network]
) -> Lockout | None:
    """What the list `before` allows and the list `after` does not; None if nothing is blocked.

    An empty list allows every address.
    """
    blocked = find_blocked_addresses(actor, owner, before, after)
    unusable = _unusable_keys(actor, owner, before, after) if isinstance(owner, Bot) else _unusable_key(owner, after)
    return Lockout(blocked, unusable) if blocked or unusable else None


def find_blocked_addresses(
    actor: Actor, owner: Bot | Key, before: Sequence[cidr.Network], after: Sequence[cidr.Network]
) -> BlockedAddresses | None:
    """The addresses in use that the list `before` allows and the list `after` does not; None if there are none."""
    if not after:
        return None
    keys = Key.objects.visible_to(actor).filter(**{"bot" if isinstance(owner, Bot) else "id": owner.pk}).order_by()
    if today := _blocked(_requests_today(keys), before, after):
        return BlockedAddresses(today, is_today=True)
    yesterday = _blocked(AddressDay.objects.yesterday().by_address(keys.values("id")), before, after)
    return BlockedAddresses(yesterday, is_today=False) if yesterday else None


def outside_bot(networks: Sequence[cidr.Network], bot: Bot | None, bot_networks: Sequence[cidr.Network]) -> str:
    """A sentence for a key's own list without an address in common with its bot's list; "" if the key can be used."""
    if bot is None or not networks or not bot_networks or cidr.intersection(networks, bot_networks):
        return ""
    message = ngettext(
        "%(networks)s is outside %(bot)s’s allow-list. This key can’t be used from any address.",
        "%(networks)s are outside %(bot)s’s allow-list. This key can’t be used from any address.",
        len(networks),
    )
    return message % {"networks": _name_some(list(map(str, networks)), gettext("and")), "bot": bot.name}


def _unusable_key(key: Key, after: Sequence[cidr.Network]) -> str:
    bot_networks = list(AllowListEntry.objects.filter(bot=key.bot_id).values_list("network", flat=True))
    return outside_bot(after, key.bot, bot_networks if key.bot_id else ())


def _unusable_keys(actor: Actor, bot: Bot, before: Sequence[cidr.Network], after: Sequence[cidr.Network]) -> str:
    """The keys with lists of their own that have an address in common with the bot's list only before the change."""
    if not after:
        return ""
    lists: dict[str, list[cidr.Network]] = {}
    keys: Any = Key.objects.visible_to(actor).filter(bot=bot).valid().with_lists().order_by("name", "id")
    for key in keys:
        if key.own_networks and not cidr.intersection(key.own_networks, after):
            lists[key.name] = key.own_networks
    names = [name for name, own in lists.items() if not before or cidr.intersection(own, before)]
    if not names:
        return ""
    message = ngettext(
        "%(count)s key has a list of its own without any of these addresses: %(names)s. It can’t be used any more.",
        "%(count)s keys have lists of their own without any of these addresses: %(names)s. They can’t be used "
        "any more.",
        len(names),
    )
    return message % {"count": f"{len(names):,}", "names": _name_some(names)}


def _blocked(
    requests_by_address: dict[str, int], before: Sequence[cidr.Network], after: Sequence[cidr.Network]
) -> dict[str, int]:
    """Requests by blocked address, the busiest first."""
    allowed_before, allowed_after = cidr.compile_networks(before), cidr.compile_networks(after)
    blocked: dict[str, int] = {}
    for text, count in requests_by_address.items():
        address = cidr.address_of(text)
        if not address or cidr.contains(allowed_after, address):
            continue
        if not before or cidr.contains(allowed_before, address):
            blocked[address.text] = blocked.get(address.text, 0) + count
    return dict(sorted(blocked.items(), key=lambda item: (-item[1], item[0])))


def _requests_today(keys: Any) -> dict[str, int]:
    """Requests of today by address. An address of a key's last use today counts at least once."""
    requests = AddressDay.objects.today().by_address(keys.values("id"))
    midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = keys.with_usage().filter(last_used_at__gte=midnight, last_used_ip__isnull=False)
    for address in last.values_list("last_used_ip", flat=True):
        requests.setdefault(address, 1)
    return requests


def _name_some(names: Collection[str], last_word: str = "") -> str:
    """`a, b, c, d, e and 3 more`"""
    listed = list(names)
    if len(listed) > MAX_NAMED:
        more = gettext("%(count)s more") % {"count": f"{len(listed) - MAX_NAMED:,}"}
        return get_text_list([*listed[:MAX_NAMED], more], gettext("and"))
    return get_text_list(listed, last_word) if last_word else ", ".join(listed)
