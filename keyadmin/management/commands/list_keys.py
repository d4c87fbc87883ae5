"""list_keys: the keys there are and how they stand; never a secret."""

from argparse import Namespace
from typing import Any

from django.core.management.base import CommandParser

from keyadmin.core.time import rfc3339
from keyadmin.forms.filters import OPEN, USED, filter_keys
from keyadmin.management import arguments, lookups
from keyadmin.management.base import OperatorCommand, clock
from keyadmin.models import Key, Kind, Status


class Command(OperatorCommand):
    help = "List keys, the newest first."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", metavar="SLUG", help="Only of this organisation (slug or id).")
        parser.add_argument("--status", choices=Status.values)
        parser.add_argument("--search", metavar="TEXT", help="Part of a name, key ID or bot's name.")
        parser.add_argument("--kind", choices=Kind.values)
        parser.add_argument("--scope", metavar="SCOPE", help="Only those that hold it.")
        parser.add_argument("--open", choices=[value for value, _ in OPEN], help="Open to any address, or not.")
        parser.add_argument("--used", choices=[value for value, _ in USED], help="Never, or not for 90 days.")
        parser.add_argument("--limit", type=arguments.count, default=50, help="At most so many. Default: 50.")

    def run(self, options: Namespace) -> None:
        rows: Any = Key.objects.visible_to(self.actor).with_status()
        if options.organisation:
            rows = rows.filter(organisation=lookups.organisation(options.organisation, actor=self.actor))
        if options.status:
            rows = rows.in_status(options.status)
        if options.kind:
            rows = rows.filter(kind=options.kind)
        rows = filter_keys(rows.with_usage(), chosen(options))
        found = list(
            rows.select_related("organisation", "bot", "tier").prefetch_related(
                "scopes", "channels", "allow_list", "bot__allow_list"
            )[: options.limit]
        )
        if self.json:
            self.document([described(key) for key in found])
            return
        self.table(
            ("id", "key", "name", "owner", "status", "expires", "last used"),
            [
                (
                    str(key.id),
                    key.masked,
                    key.name,
                    owner(key),
                    str(Status(key.status).label),
                    clock(key.expires_at, "never"),
                    clock(key.last_used_at, "never"),
                )
                for key in found
            ],
        )
        if len(found) == options.limit and (total := rows.count()) > options.limit:
            self.note(f"The newest {options.limit} of {total}; --limit shows more.")


def chosen(options: Namespace) -> dict[str, Any]:
    """The filters given, as they are called in addresses."""
    return {name: value for name, value in vars(options).items() if name in ("scope", "open", "used") and value} | (
        {"q": options.search} if options.search else {}
    )


def owner(key: Key) -> str:
    """The organisation's slug, and the bot's name if it is a bot's."""
    return f"{key.organisation.slug} / {key.bot.name}" if key.bot else key.organisation.slug


def described(key: Any) -> dict[str, Any]:
    """A key as JSON. `allow_list` and `bot_allow_list` both apply; an empty one allows any address."""
    return {
        "id": str(key.id),
        "key_id": key.key_id,
        "key_prefix": key.recognition,
        "prefix": key.prefix,
        "name": key.name,
        "description": key.description,
        "organisation": key.organisation.slug,
        "bot": key.bot.name if key.bot else None,
        "kind": key.kind,
        "status": str(key.status),
        "inherits": key.inherits,
        "scopes": [scope.name for scope in key.scopes.all()],
        "channels": [channel.slug for channel in key.channels.all()],
        "allow_list": [str(entry.network) for entry in key.allow_list.all()],
        "bot_allow_list": [str(entry.network) for entry in key.bot.allow_list.all()] if key.bot else [],
        "tier": key.tier.name,
        "created_at": rfc3339(key.created_at),
        "created_by": key.created_by,
        "expires_at": rfc3339(key.expires_at),
        "revoked_at": rfc3339(key.revoked_at),
        "revoked_reason": key.revoked_reason,
        "requests": key.total or 0,
        "last_used_at": rfc3339(key.last_used_at),
    }
