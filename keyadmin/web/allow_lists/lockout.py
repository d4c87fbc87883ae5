"""Find addresses from which keys are used and which a change of an allow-list would block.

The requests of today (UTC) count. If none of them is affected, those of yesterday count, because shortly after midnight
there is no data of today.
"""

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
class BlockedAddress:
    """An address that would be blocked, and the number of its allowed requests of today or yesterday."""

    address: str
    requests: int
    is_today: bool

    @property
    def warning(self) -> str:
        if self.is_today:
            message = ngettext(
                "This would block %(address)s, which made %(count)s request today.",
                "This would block %(address)s, which made %(count)s requests today.",
                self.requests,
            )
        else:
            message = ngettext(
                "This would block %(address)s, which made %(count)s request yesterday.",
                "This would block %(address)s, which made %(count)s requests yesterday.",
                self.requests,
            )
        return message % {"address": self.address, "count": f"{self.requests:,}"}


def find_blocked_address(
    actor: Actor, owner: Bot | Key, before: Sequence[cidr.Network], after: Sequence[cidr.Network]
) -> BlockedAddress | None:
    """The address with the most requests that the list `before` allows and the list `after` does not; None if none.

    An empty list allows every address.
    """
    if not after:
        return None
    keys = Key.objects.visible_to(actor).filter(**{"bot" if isinstance(owner, Bot) else "id": owner.pk}).order_by()
    busiest = _busiest_blocked(_requests_today(keys), before, after)
    if busiest:
        return BlockedAddress(*busiest, is_today=True)
    busiest = _busiest_blocked(AddressDay.objects.yesterday().by_address(keys.values("id")), before, after)
    return BlockedAddress(*busiest, is_today=False) if busiest else None


def _busiest_blocked(
    requests_by_address: dict[str, int], before: Sequence[cidr.Network], after: Sequence[cidr.Network]
) -> tuple[str, int] | None:
    """(address, number of requests) of the address with the most requests."""
    allowed_before, allowed_after = cidr.compile_networks(before), cidr.compile_networks(after)
    blocked: dict[str, int] = {}
    for text, count in requests_by_address.items():
        address = cidr.address_of(text)
        if not address or cidr.contains(allowed_after, address):
            continue
        if not before or cidr.contains(allowed_before, address):
            blocked[address.text] = count
    return max(blocked.items(), key=lambda item: item[1], default=None)


def _requests_today(keys: Any) -> dict[str, int]:
    """Requests of today by address. An address of a key's last use today counts at least once."""
    requests = AddressDay.objects.today().by_address(keys.values("id"))
    midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = keys.with_usage().filter(last_used_at__gte=midnight, last_used_ip__isnull=False)
    for address in last.values_list("last_used_ip", flat=True):
        requests.setdefault(address, 1)
    return requests
