"""bots: the service accounts of an organisation."""

from argparse import BooleanOptionalAction, Namespace
from functools import partial
from typing import Any, Final

from keyadmin.management import lookups
from keyadmin.management.base import printable
from keyadmin.management.subcommands import SubcommandCommand, argument, provided, subcommand
from keyadmin.models import Bot
from keyadmin.operations.organisations import bots

OWNER: Final = argument(
    "--organisation", required=True, metavar="SLUG", help="The organisation of the bot (slug or id)."
)
BOT: Final = argument("bot", help="The name or id of the bot.")
NAME: Final = argument("--name", help="The new name.")
REASON: Final = argument("--reason", default="", help="Recorded in the history.")
DESCRIPTION: Final = argument("--description", help="What the bot is for.")
CONVERSATIONAL: Final = argument(
    "--conversational",
    dest="is_conversational",
    action=BooleanOptionalAction,
    help="Whether it is a conversational bot.",
)


class Command(SubcommandCommand):
    help = "Create, list, edit, disable and enable bots."

    @subcommand(
        "create",
        "Create a bot.",
        OWNER,
        argument("--name", required=True, help="The name of the bot."),
        DESCRIPTION,
        CONVERSATIONAL,
    )
    def create(self, options: Namespace) -> None:
        owner = lookups.organisation(options.organisation, actor=self.actor)
        fields = provided(options, "name", "description", "is_conversational")
        self._print_result(bots.create(actor=self.actor, organisation=owner.id, **fields), "Created")

    @subcommand("list", "List an organisation's bots.", OWNER)
    def list_(self, options: Namespace) -> None:
        owner = lookups.organisation(options.organisation, actor=self.actor)
        rows = Bot.objects.visible_to(self.actor).filter(organisation=owner).select_related("organisation")
        self.print_table([as_json(row) for row in rows], ("id", "name", "is_conversational", "is_active"))

    @subcommand("edit", "Change the given fields.", OWNER, BOT, NAME, DESCRIPTION, CONVERSATIONAL)
    def edit(self, options: Namespace) -> None:
        fields = provided(options, "name", "description", "is_conversational")
        bot = self._find(options)
        self.print_edit(partial(bots.edit, actor=self.actor, bot=bot.id, **fields), bot, self._print_result)

    @subcommand("disable", "Disable a bot. All its keys stop working until it is enabled.", OWNER, BOT, REASON)
    def disable(self, options: Namespace) -> None:
        self._print_result(
            bots.disable(actor=self.actor, bot=self._find(options).id, reason=options.reason), "Disabled"
        )

    @subcommand("enable", "Enable a bot. Its keys work again.", OWNER, BOT, REASON)
    def enable(self, options: Namespace) -> None:
        self._print_result(bots.enable(actor=self.actor, bot=self._find(options).id, reason=options.reason), "Enabled")

    def _find(self, options: Namespace) -> Bot:
        owner = lookups.organisation(options.organisation, actor=self.actor)
        return lookups.bot(options.bot, organisation=owner, actor=self.actor)

    def _print_result(self, bot: Bot, done: str) -> None:
        self.print_object(as_json(bot), f"{done} {printable(bot.name)} (id {bot.id}).")


def as_json(bot: Bot) -> dict[str, Any]:
    """A bot as JSON."""
    return {
        "id": str(bot.id),
        "organisation": bot.organisation.slug,
        "name": bot.name,
        "description": bot.description,
        "is_conversational": bot.is_conversational,
        "is_active": bot.is_active,
    }
