"""organisations: who owns keys, and the rules these are made by."""

from argparse import BooleanOptionalAction, Namespace
from typing import Any, Final

from keyadmin.core.tokens import Format
from keyadmin.management import arguments, lookups
from keyadmin.management.base import printable
from keyadmin.management.subcommands import NounCommand, argument, given, verb
from keyadmin.models import Organisation
from keyadmin.operations import organisations

WHICH: Final = argument("organisation", help="Its slug or id.")
REASON: Final = argument("--reason", default="", help="Kept in the history.")
PREFIX: Final = argument("--key-prefix", metavar="PREFIX", help="What its keys begin with.")
FORMAT: Final = argument("--key-format", choices=[known.value for known in Format])
TIER: Final = argument("--tier", metavar="NAME", help="The usual rate tier (name or id).")
DAYS: Final = (
    argument("--default-expiry", dest="default_expiry_days", type=arguments.days_or_never, metavar="DAYS"),
    argument("--longest-life", dest="max_expiry_days", type=arguments.days_or_never, metavar="DAYS"),
    argument("--may-never-expire", action=BooleanOptionalAction),
    argument(
        "--keep-usage",
        dest="usage_retention_days",
        type=arguments.count,
        metavar="DAYS",
        help="How long usage is kept.",
    ),
)


class Command(NounCommand):
    help = "Create, list, edit, disable and enable organisations."

    @verb(
        "create", "Make an organisation.", argument("--name", required=True), argument("--slug"), PREFIX, FORMAT, TIER
    )
    def create(self, options: Namespace) -> None:
        fields = given(options, "name", "slug", "key_prefix", "key_format") | tier_of(options)
        self._done(organisations.create(actor=self.actor, **fields), "Made")

    @verb("list", "List all organisations.")
    def list_(self, options: Namespace) -> None:
        rows = Organisation.objects.visible_to(self.actor).select_related("default_tier")
        self.tell_all(
            [described(row) for row in rows], ("slug", "name", "key_prefix", "key_format", "tier", "is_active")
        )

    @verb("edit", "Change what is given.", WHICH, argument("--name"), PREFIX, FORMAT, TIER, *DAYS)
    def edit(self, options: Namespace) -> None:
        fields = given(
            options, "name", "key_prefix", "key_format", "may_never_expire", "usage_retention_days"
        ) | tier_of(options)
        for name in ("default_expiry_days", "max_expiry_days"):
            if (days := getattr(options, name)) is not None:
                fields[name] = None if days == arguments.NEVER else days
        self._done(organisations.edit(actor=self.actor, organisation=self._find(options).id, **fields), "Changed")

    @verb("disable", "Stop all keys of an organisation until it is enabled again.", WHICH, REASON)
    def disable(self, options: Namespace) -> None:
        row = organisations.disable(actor=self.actor, organisation=self._find(options).id, reason=options.reason)
        self._done(row, "Disabled")

    @verb("enable", "Let the keys of an organisation work again.", WHICH, REASON)
    def enable(self, options: Namespace) -> None:
        row = organisations.enable(actor=self.actor, organisation=self._find(options).id, reason=options.reason)
        self._done(row, "Enabled")

    def _find(self, options: Namespace) -> Organisation:
        return lookups.organisation(options.organisation, actor=self.actor)

    def _done(self, organisation: Organisation, what: str) -> None:
        self.tell(described(organisation), f"{what} {printable(organisation.name)} ({organisation.slug}).")


def tier_of(options: Namespace) -> dict[str, Any]:
    return {"tier": lookups.tier(options.tier)} if options.tier else {}


def described(organisation: Organisation) -> dict[str, Any]:
    """An organisation as JSON; null days: none, or no limit."""
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
