"""Whom a change of an allow-list would shut out: addresses that the keys were used from today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from django.utils import timezone

from keyadmin.foundation import cidr
from keyadmin.foundation.actors import Actor
from keyadmin.models import AddressDay, Bot, Key


@dataclass(frozen=True, slots=True)
class Blocked:
    """An address, and the calls from it that passed today."""

    address: str
    calls: int


def busiest(
    actor: Actor, owner: Bot | Key, before: Sequence[cidr.Network], after: Sequence[cidr.Network]
) -> Blocked | None:
    """The busiest address that `before` lets through and `after` would not. An empty list lets everybody."""
    if not after:
        return None
    was, will = cidr.compile(before), cidr.compile(after)
    calls: dict[str, int] = {}
    for text, count in _addresses_today(actor, owner).items():
        address = cidr.address_of(text)
        if address and not cidr.contains(will, address) and (not before or cidr.contains(was, address)):
            calls[address.text] = count
    found = max(calls, key=lambda text: calls[text], default=None)
    return None if found is None else Blocked(found, calls[found])


def _addresses_today(actor: Actor, owner: Bot | Key) -> dict[str, int]:
    """By address, the calls of today. Where a key was last used from made one at least, whatever was counted."""
    keys = Key.objects.visible_to(actor).filter(**{"bot" if isinstance(owner, Bot) else "id": owner.pk}).order_by()
    calls = AddressDay.objects.today().by_address(keys.values("id"))
    midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = keys.with_usage().filter(last_used_at__gte=midnight, last_used_ip__isnull=False)
    for address in last.values_list("last_used_ip", flat=True):
        calls.setdefault(address, 1)
    return calls
