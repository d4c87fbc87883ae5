"""tiers: how many calls a key may make in any rolling hour."""

from argparse import Namespace
from typing import Any, Final

from keyadmin.management import arguments, lookups
from keyadmin.management.base import printable
from keyadmin.management.subcommands import NounCommand, argument, given, verb
from keyadmin.models import Tier
from keyadmin.operations.catalogue import tiers

WHICH: Final = argument("tier", help="Its name or id.")
LIMIT: Final = {"type": arguments.count, "metavar": "CALLS", "help": "Calls in any rolling hour."}


class Command(NounCommand):
    help = "Create, list, edit and remove rate tiers."

    @verb(
        "create", "Make a tier.", argument("--name", required=True), argument("--hourly-limit", required=True, **LIMIT)
    )
    def create(self, options: Namespace) -> None:
        self._done(tiers.create(actor=self.actor, name=options.name, hourly_limit=options.hourly_limit), "Made")

    @verb("list", "List the tiers.")
    def list_(self, options: Namespace) -> None:
        rows = Tier.objects.visible_to(self.actor)
        self.tell_all([described(row) for row in rows], ("id", "name", "hourly_limit"))

    @verb(
        "edit",
        "Change what is given. It counts from the next call.",
        WHICH,
        argument("--name"),
        argument("--hourly-limit", **LIMIT),
    )
    def edit(self, options: Namespace) -> None:
        fields = given(options, "name", "hourly_limit")
        self._done(tiers.edit(actor=self.actor, tier=lookups.tier(options.tier), **fields), "Changed")

    @verb("remove", "Remove a tier that no key is in and that is no organisation's usual one.", WHICH)
    def remove(self, options: Namespace) -> None:
        tier = Tier.objects.get(id=lookups.tier(options.tier))
        tiers.remove(actor=self.actor, tier=tier.id)
        self._done(tier, "Removed")

    def _done(self, tier: Tier, what: str) -> None:
        self.tell(described(tier), f"{what} {printable(tier.name)}: {tier.hourly_limit} calls an hour.")


def described(tier: Tier) -> dict[str, Any]:
    """A tier as JSON."""
    return {"id": str(tier.id), "name": tier.name, "hourly_limit": tier.hourly_limit}
