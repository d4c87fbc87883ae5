"""Whom a change of an allow-list would shut out: addresses that the keys were used from today, or else yesterday."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.utils import timezone
from django.utils.translation import ngettext

from keyadmin.core import cidr
from keyadmin.core.actors import Actor
from keyadmin.models import AddressDay, Bot, Key


@dataclass(frozen=True, slots=True)
class Blocked:
    """An address, and the calls from it that passed today, or else yesterday."""

    address: str
    calls: int
    is_today: bool

    @property
    def warning(self) -> str:
        if self.is_today:
            words = ngettext(
                "This would block %(address)s, which made %(count)s request today.",
                "This would block %(address)s, which made %(count)s requests today.",
                self.calls,
            )
        else:
            words = ngettext(
                "This would block %(address)s, which made %(count)s request yesterday.",
                "This would block %(address)s, which made %(count)s requests yesterday.",
                self.calls,
            )
        return words % {"address": self.address, "count": f"{self.calls:,}"}


def busiest(
    actor: Actor, owner: Bot | Key, before: Sequence[cidr.Network], after: Sequence[cidr.Network]
) -> Blocked | None:
    """The busiest address that `before` lets through and `after` would not. An empty list lets everybody.

    Where today has none, yesterday is asked: soon after midnight today knows nobody yet.
    """
    if not after:
        return None
    keys = Key.objects.visible_to(actor).filter(**{"bot" if isinstance(owner, Bot) else "id": owner.pk}).order_by()
    found = _busiest(_addresses_today(keys), before, after)
    if found:
        return Blocked(*found, is_today=True)
    found = _busiest(AddressDay.objects.yesterday().by_address(keys.values("id")), before, after)
    return Blocked(*found, is_today=False) if found else None


def _busiest(
    by_address: dict[str, int], before: Sequence[cidr.Network], after: Sequence[cidr.Network]
) -> tuple[str, int] | None:
    was, will = cidr.compile_networks(before), cidr.compile_networks(after)
    calls: dict[str, int] = {}
    for text, count in by_address.items():
        address = cidr.address_of(text)
        if address and not cidr.contains(will, address) and (not before or cidr.contains(was, address)):
            calls[address.text] = count
    found = max(calls, key=lambda text: calls[text], default=None)
    return None if found is None else (found, calls[found])


def _addresses_today(keys: Any) -> dict[str, int]:
    """By address, the calls of today. Where a key was last used from made one at least, whatever was counted."""
    calls = AddressDay.objects.today().by_address(keys.values("id"))
    midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = keys.with_usage().filter(last_used_at__gte=midnight, last_used_ip__isnull=False)
    for address in last.values_list("last_used_ip", flat=True):
        calls.setdefault(address, 1)
    return calls
