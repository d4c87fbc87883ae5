"""tiers: named limits of the calls that a key may make in any rolling hour."""

from argparse import Namespace
from functools import partial
from typing import Any, Final

from keyadmin.management import arguments, lookups
from keyadmin.management.base import printable
from keyadmin.management.subcommands import SubcommandCommand, argument, provided, subcommand
from keyadmin.models import Tier
from keyadmin.operations.catalogue import tiers

TIER: Final = argument("tier", help="The name or id of the tier.")
LIMIT: Final = {"type": arguments.count, "metavar": "CALLS", "help": "The maximum number of calls in any rolling hour."}


class Command(SubcommandCommand):
    help = "Create, list, edit and remove rate tiers."

    @subcommand(
        "create",
        "Create a tier.",
        argument("--name", required=True, help="The name of the tier."),
        argument("--hourly-limit", required=True, **LIMIT),
    )
    def create(self, options: Namespace) -> None:
        self._print_result(
            tiers.create(actor=self.actor, name=options.name, hourly_limit=options.hourly_limit), "Created"
        )

    @subcommand("list", "List the tiers.")
    def list_(self, options: Namespace) -> None:
        rows = Tier.objects.visible_to(self.actor)
        self.print_table([as_json(row) for row in rows], ("id", "name", "hourly_limit"))

    @subcommand(
        "edit",
        "Change the fields that are given. They apply from the next call on.",
        TIER,
        argument("--name", help="The new name."),
        argument("--hourly-limit", **LIMIT),
    )
    def edit(self, options: Namespace) -> None:
        fields = provided(options, "name", "hourly_limit")
        tier = Tier.objects.get(id=lookups.tier(options.tier))
        self.print_edit(partial(tiers.edit, actor=self.actor, tier=tier.id, **fields), tier, self._print_result)

    @subcommand("remove", "Remove a tier. No key and no organisation may use it.", TIER)
    def remove(self, options: Namespace) -> None:
        tier = Tier.objects.get(id=lookups.tier(options.tier))
        tiers.remove(actor=self.actor, tier=tier.id)
        self._print_result(tier, "Removed")

    def _print_result(self, tier: Tier, done: str) -> None:
        self.print_object(as_json(tier), f"{done} {printable(tier.name)}: {tier.hourly_limit} calls an hour.")


def as_json(tier: Tier) -> dict[str, Any]:
    """A tier as JSON."""
    return {"id": str(tier.id), "name": tier.name, "hourly_limit": tier.hourly_limit}
