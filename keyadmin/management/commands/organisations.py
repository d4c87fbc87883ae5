"""organisations: create, edit, disable and enable organisations, with their rules for keys."""

from argparse import BooleanOptionalAction, Namespace
from functools import partial
from typing import Any, Final

from keyadmin.core.tokens import KeyFormat
from keyadmin.management import arguments, lookups
from keyadmin.management.base import printable
from keyadmin.management.subcommands import SubcommandCommand, argument, provided, subcommand
from keyadmin.models import Organisation
from keyadmin.operations import organisations

ORGANISATION: Final = argument("organisation", help="The slug or id of the organisation.")
REASON: Final = argument("--reason", default="", help="Recorded in the history.")
PREFIX: Final = argument("--key-prefix", metavar="PREFIX", help="The prefix of its new keys.")
FORMAT: Final = argument(
    "--key-format", choices=[known.value for known in KeyFormat], help="The format of its new keys."
)
NAME: Final = argument("--name", help="The new name.")
TIER: Final = argument("--tier", metavar="NAME", help="The default rate tier (name or id).")
DAYS: Final = (
    argument(
        "--default-expiry-days",
        type=arguments.days_or_never,
        metavar="DAYS",
        help="The expiry of a new key by default, or never.",
    ),
    argument(
        "--max-expiry-days",
        type=arguments.days_or_never,
        metavar="DAYS",
        help="The maximum lifetime of a key, or never for no limit.",
    ),
    argument("--may-never-expire", action=BooleanOptionalAction, help="Whether keys that never expire are allowed."),
    argument("--usage-retention-days", type=arguments.count, metavar="DAYS", help="For how many days usage is kept."),
)


class Command(SubcommandCommand):
    help = "Create, list, edit, disable and enable organisations."

    @subcommand(
        "create",
        "Create an organisation.",
        argument("--name", required=True, help="The name."),
        argument("--slug", help="The short name in URLs. Default: made from the name."),
        PREFIX,
        FORMAT,
        TIER,
    )
    def create(self, options: Namespace) -> None:
        fields = provided(options, "name", "slug", "key_prefix", "key_format") | tier_of(options)
        self._print_result(organisations.create(actor=self.actor, **fields), "Created")

    @subcommand("list", "List all organisations.")
    def list_(self, options: Namespace) -> None:
        rows = Organisation.objects.visible_to(self.actor).select_related("default_tier")
        self.print_table(
            [as_json(row) for row in rows], ("slug", "name", "key_prefix", "key_format", "tier", "is_active")
        )

    @subcommand("edit", "Change the given fields.", ORGANISATION, NAME, PREFIX, FORMAT, TIER, *DAYS)
    def edit(self, options: Namespace) -> None:
        fields = provided(
            options, "name", "key_prefix", "key_format", "may_never_expire", "usage_retention_days"
        ) | tier_of(options)
        for name in ("default_expiry_days", "max_expiry_days"):
            if (days := getattr(options, name)) is not None:
                fields[name] = None if days == arguments.NEVER else days
        row = self._find(options)
        edit = partial(organisations.edit, actor=self.actor, organisation=row.id, **fields)
        self.print_edit(edit, row, self._print_result)

    @subcommand(
        "disable", "Disable an organisation. All its keys stop working until it is enabled.", ORGANISATION, REASON
    )
    def disable(self, options: Namespace) -> None:
        row = organisations.disable(actor=self.actor, organisation=self._find(options).id, reason=options.reason)
        self._print_result(row, "Disabled")

    @subcommand("enable", "Enable an organisation. Its keys work again.", ORGANISATION, REASON)
    def enable(self, options: Namespace) -> None:
        row = organisations.enable(actor=self.actor, organisation=self._find(options).id, reason=options.reason)
        self._print_result(row, "Enabled")

    def _find(self, options: Namespace) -> Organisation:
        return lookups.organisation(options.organisation, actor=self.actor)

    def _print_result(self, organisation: Organisation, done: str) -> None:
        self.print_object(as_json(organisation), f"{done} {printable(organisation.name)} ({organisation.slug}).")


def tier_of(options: Namespace) -> dict[str, Any]:
    """`{"tier": id}` for the tier on the command line; empty without one."""
    return {"tier": lookups.tier(options.tier)} if options.tier else {}


def as_json(organisation: Organisation) -> dict[str, Any]:
    """An organisation as JSON. `default_expiry_days` null: never; `max_expiry_days` null: no limit."""
    return {
        "id": str(organisation.id),
        "slug": organisation.slug,
        "name": organisation.name,
        "is_active": organisation.is_active,
        "key_prefix": organisation.key_prefix,
        "key_format": organisation.key_format,
        "tier": organisation.default_tier.name,
        "default_expiry_days": organisation.default_expiry_days,
        "max_expiry_days": organisation.max_expiry_days,
        "may_never_expire": organisation.may_never_expire,
        "usage_retention_days": organisation.usage_retention_days,
    }
