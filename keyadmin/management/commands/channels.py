"""channels: the ways in which an organisation talks to its customers."""

from argparse import Namespace
from functools import partial
from typing import Any, Final
from uuid import UUID

from keyadmin.management import lookups
from keyadmin.management.base import printable
from keyadmin.management.subcommands import SubcommandCommand, argument, subcommand
from keyadmin.models import Channel
from keyadmin.operations.catalogue import channels

OWNER: Final = argument(
    "--organisation", required=True, metavar="SLUG", help="The organisation of the channel (slug or id)."
)
CHANNEL: Final = argument("channel", metavar="SLUG", help="The slug, with which calls name the channel.")
NAME: Final = argument("--name", required=True, help="The name on pages.")


class Command(SubcommandCommand):
    help = "Create, list, rename and remove channels."

    @subcommand("create", "Create a channel.", OWNER, NAME)
    def create(self, options: Namespace) -> None:
        owner = lookups.organisation(options.organisation, actor=self.actor)
        self._print_result(channels.create(actor=self.actor, organisation=owner.id, name=options.name), "Created")

    @subcommand("list", "List an organisation's channels.", OWNER)
    def list_(self, options: Namespace) -> None:
        owner = lookups.organisation(options.organisation, actor=self.actor)
        rows = Channel.objects.visible_to(self.actor).filter(organisation=owner)
        self.print_table([as_json(row) for row in rows], ("id", "slug", "name"))

    @subcommand("rename", "Rename a channel. Its slug does not change.", OWNER, CHANNEL, NAME)
    def rename(self, options: Namespace) -> None:
        channel = Channel.objects.get(id=self._find(options))
        edit = partial(channels.rename, actor=self.actor, channel=channel.id, name=options.name)
        self.print_edit(edit, channel, self._print_result, "Renamed")

    @subcommand("remove", "Remove a channel. No key may be restricted to it.", OWNER, CHANNEL)
    def remove(self, options: Namespace) -> None:
        channel = Channel.objects.get(id=self._find(options))
        channels.remove(actor=self.actor, channel=channel.id)
        self._print_result(channel, "Removed")

    def _find(self, options: Namespace) -> UUID:
        owner = lookups.organisation(options.organisation, actor=self.actor)
        return lookups.channels([options.channel], organisation=owner, actor=self.actor)[0]

    def _print_result(self, channel: Channel, done: str) -> None:
        self.print_object(as_json(channel), f"{done} {printable(channel.name)} ({channel.slug}).")


def as_json(channel: Channel) -> dict[str, Any]:
    """A channel as JSON."""
    return {"id": str(channel.id), "slug": channel.slug, "name": channel.name}
