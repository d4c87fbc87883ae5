"""allow_list: the networks from which a key, or every key of a bot, may be used."""

from argparse import Namespace
from functools import partial
from typing import Any, Final

from django.db.models import QuerySet

from keyadmin.management import lookups
from keyadmin.management.base import CommandError, ExitCode, not_found
from keyadmin.management.subcommands import SubcommandCommand, argument, provided, subcommand
from keyadmin.models import AllowListEntry, Bot, Key
from keyadmin.operations.organisations import allow_lists

ALLOW_LIST: Final = (
    argument("--key", help="The key whose list it is (id or key ID)."),
    argument("--bot", metavar="NAME", help="The bot whose list it is (name or id). Requires --organisation."),
    argument("--organisation", metavar="SLUG", help="The organisation of the bot (slug or id)."),
)
NETWORK: Final = argument("network", metavar="CIDR", help="An address or network, such as 203.0.113.0/24.")
NOTE: Final = argument("--note", metavar="TEXT", help="A note for people, such as the name of the office.")


class Command(SubcommandCommand):
    help = "List, add, change and remove the networks of a key's or a bot's allow-list."

    @subcommand("list", "List the networks. An empty list allows any address.", *ALLOW_LIST)
    def list_(self, options: Namespace) -> None:
        self.print_table([as_json(entry) for entry in self._entries(options)], ("id", "network", "note"))

    @subcommand(
        "add", "Add a network. After the first one, all other addresses are denied.", *ALLOW_LIST, NETWORK, NOTE
    )
    def add(self, options: Namespace) -> None:
        owner = self._owner(options)
        target: dict[str, Any] = {"key" if isinstance(owner, Key) else "bot": owner.id}
        target |= provided(options, "network", "note")
        self._print_result(allow_lists.add(actor=self.actor, **target), "Added")

    @subcommand(
        "change",
        "Replace a network by another one, or change its note.",
        *ALLOW_LIST,
        NETWORK,
        argument("new", metavar="NEW_CIDR", nargs="?", help="The network that replaces it."),
        argument("--note", metavar="TEXT", help="The new note. An empty text removes it."),
    )
    def change(self, options: Namespace) -> None:
        if options.new is None and options.note is None:
            raise CommandError("Give NEW_CIDR, --note or both.", ExitCode.USAGE)
        fields = provided(options, "note") | ({} if options.new is None else {"network": options.new})
        entry = self._find(options)
        edit = partial(allow_lists.change, actor=self.actor, entry=entry.id, **fields)
        self.print_edit(edit, entry, self._print_result, "Changed to" if options.new else "Changed the note of")

    @subcommand(
        "remove",
        "Remove a network.",
        *ALLOW_LIST,
        NETWORK,
        argument(
            "--allow-any",
            action="store_true",
            help="Needed to remove the last network, because any address is allowed then.",
        ),
    )
    def remove(self, options: Namespace) -> None:
        entry = self._find(options)
        allow_lists.remove(actor=self.actor, entry=entry.id, allow_any=options.allow_any)
        self._print_result(entry, "Removed")

    def _owner(self, options: Namespace) -> Key | Bot:
        if bool(options.key) == bool(options.bot) or bool(options.bot) != bool(options.organisation):
            raise CommandError("Give either --key, or --bot and --organisation.", ExitCode.USAGE)
        if options.key:
            return lookups.key(options.key, actor=self.actor)
        owner = lookups.organisation(options.organisation, actor=self.actor)
        return lookups.bot(options.bot, organisation=owner, actor=self.actor)

    def _entries(self, options: Namespace) -> QuerySet[AllowListEntry]:
        owner = self._owner(options)
        return owner.allow_list.order_by("network")

    def _find(self, options: Namespace) -> AllowListEntry:
        entries = {str(entry.network): entry for entry in self._entries(options)}
        return entries.get(options.network) or not_found(
            "This network is not in the allow-list. `allow_list list` shows its networks."
        )

    def _print_result(self, entry: AllowListEntry, done: str) -> None:
        self.print_object(as_json(entry), f"{done} {entry.network}.")


def as_json(entry: AllowListEntry) -> dict[str, Any]:
    """An entry as JSON."""
    return {"id": str(entry.id), "network": str(entry.network), "note": entry.note}
