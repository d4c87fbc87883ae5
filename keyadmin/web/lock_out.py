"""Whom a change of an allow-list would shut out: addresses that the keys were used from today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

from django.utils import timezone

from keyadmin.foundation import cidr
from keyadmin.foundation.actors import Actor
from keyadmin.models import Bot, Key
from keyadmin.web import affected


@dataclass(frozen=True, slots=True)
class Blocked:
    """An address, and the calls today of the keys that were last used from it."""

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
    """By the address a key was last used from, the calls of today. The running minute is not in the ledger yet."""
    keys = Key.objects.visible_to(actor).filter(**{"bot" if isinstance(owner, Bot) else "id": owner.pk}).with_usage()
    midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    used = list(keys.filter(last_used_at__gte=midnight, last_used_ip__isnull=False))
    today = affected.today([key.id for key in used])
    calls: dict[str, int] = {}
    for key in used:
        calls[key.last_used_ip] = calls.get(key.last_used_ip, 0) + max(1, today.get(key.id, 0))
    return calls
