"""keys: issue, list, show, edit, regenerate, revoke, reactivate and delete keys, and see their usage."""

from argparse import BooleanOptionalAction, Namespace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from keyadmin.core.time import rfc3339
from keyadmin.forms.filters import ALLOW_LIST_CHOICES, LAST_USE_CHOICES, filter_keys
from keyadmin.management import arguments, lookups
from keyadmin.management.base import CommandError, ExitCode, clock, printable
from keyadmin.management.subcommands import SubcommandCommand, argument, provided, subcommand
from keyadmin.models import CallOutcomeGroup, Key, KeyKind, KeyStatus, Organisation
from keyadmin.models.scope import effective_scopes
from keyadmin.models.usage import calls_of_last_days
from keyadmin.operations import keys
from keyadmin.operations.validation import UNSET

KEY: Final = argument("key", help="The key's id or key ID. Never the secret.")
REASON: Final = argument("--reason", default="", help="Recorded in the history.")
DESCRIPTION: Final = argument("--description", help="What the key is for.")
TIER: Final = argument("--tier", metavar="NAME", help="Rate tier (name or id).")
SCOPES: Final = argument(
    "--scope", action="append", dest="scopes", metavar="SCOPE", help="A scope of the key; repeat for more."
)
INHERITS: Final = argument(
    "--inherits",
    action=BooleanOptionalAction,
    help="Full access: the scopes that its creator has at the time of a call.",
)
CHANNELS: Final = argument(
    "--channel",
    action="append",
    dest="channels",
    metavar="SLUG",
    help="Restrict the key to this channel. Repeat for more.",
)
NETWORKS: Final = argument(
    "--network",
    action="append",
    dest="networks",
    type=arguments.network,
    metavar="CIDR",
    help="Allow only addresses of this network. Repeat for more.",
)
EXPIRES_AT: Final = argument(
    "--expires-at",
    type=arguments.expiry,
    metavar="WHEN",
    help="An RFC 3339 time with offset, days from now such as 90d, or never.",
)


class Command(SubcommandCommand):
    help = "Issue, list, show, edit, regenerate, revoke, reactivate and delete keys, and see their usage."

    @subcommand(
        "issue",
        "Issue a key. It is printed on standard output and cannot be shown again.",
        argument("--organisation", required=True, metavar="SLUG", help="The organisation of the key (slug or id)."),
        argument("--name", help="The name of the key. Default: the description, which the name then follows."),
        argument("--bot", metavar="NAME", help="The bot that owns the key (name or id)."),
        argument("--kind", choices=KeyKind.values, help="The kind of the key. Default: bot with --bot, else standard."),
        DESCRIPTION,
        SCOPES,
        INHERITS,
        CHANNELS,
        NETWORKS,
        EXPIRES_AT,
        TIER,
    )
    def issue(self, options: Namespace) -> None:
        owner = lookups.organisation(options.organisation, actor=self.actor)
        issued = keys.issue(
            actor=self.actor,
            organisation=owner.id,
            bot=lookups.bot(options.bot, organisation=owner, actor=self.actor).id if options.bot else None,
            kind=KeyKind(options.kind) if options.kind else None,
            channels=lookups.channels(options.channels or (), organisation=owner, actor=self.actor),
            expires_at=_expiry_of_new_key(options, owner),
            tier=lookups.tier(options.tier) if options.tier else None,
            **provided(options, "name", "description", "scopes", "inherits", "networks"),
        )
        self._print_secret(
            issued, f"The key was issued, but could not be printed. Revoke it: keys revoke {issued.key.id}"
        )
        if not self.json:
            until = f"until {clock(issued.key.expires_at, '')} UTC" if issued.key.expires_at else "and does not expire"
            self.note(f"Key {printable(issued.key.name)} (id {issued.key.id}) works {until}.")
            self.note("Store the key now. It cannot be shown again.")

    @subcommand(
        "list",
        "List keys, newest first.",
        argument("--organisation", metavar="SLUG", help="Only keys of this organisation (slug or id)."),
        argument("--status", choices=KeyStatus.values, help="Only keys in this status."),
        argument("--search", metavar="TEXT", help="Part of a name, a key ID or a bot's name."),
        argument("--kind", choices=KeyKind.values, help="Only keys of this kind."),
        argument("--scope", metavar="SCOPE", help="Only keys with this scope."),
        argument(
            "--open",
            choices=[value for value, _ in ALLOW_LIST_CHOICES],
            help="Only keys that allow any address, or only restricted keys.",
        ),
        argument(
            "--used",
            choices=[value for value, _ in LAST_USE_CHOICES],
            help="Only keys that were never used, or not for 90 days.",
        ),
        argument("--limit", type=arguments.count, default=50, help="The maximum number of keys. Default: 50."),
    )
    def list_(self, options: Namespace) -> None:
        rows: Any = Key.objects.visible_to(self.actor).with_status()
        if options.organisation:
            rows = rows.filter(organisation=lookups.organisation(options.organisation, actor=self.actor))
        if options.status:
            rows = rows.in_status(options.status)
        if options.kind:
            rows = rows.filter(kind=options.kind)
        filters = {name: value for name in ("scope", "open", "used") if (value := getattr(options, name))}
        if options.search:
            filters["q"] = options.search
        rows = filter_keys(rows.with_usage(), filters)
        listed = list(_with_all_fields(rows)[: options.limit])
        if self.json:
            self.document([as_json(key) for key in listed])
            return
        self.table(
            ("id", "key", "name", "owner", "status", "expires", "last used"),
            [
                (
                    str(key.id),
                    key.masked,
                    key.name,
                    owner_of(key),
                    str(KeyStatus(key.status).label),
                    clock(key.expires_at, "never"),
                    clock(key.last_used_at, "never"),
                )
                for key in listed
            ],
        )
        if len(listed) == options.limit and (total := rows.count()) > options.limit:
            self.note(f"These are the newest {options.limit} of {total} keys. Use --limit to show more.")

    @subcommand("show", "Show all fields of a key. Its secret is not stored and cannot be shown.", KEY)
    def show(self, options: Namespace) -> None:
        document = self._describe(lookups.key(options.key, actor=self.actor).id)
        if self.json:
            self.document(document)
            return
        for name, value in document.items():
            text = " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
            self.result(f"{name.replace('_', ' ')}: {printable(text) or '-'}")

    @subcommand(
        "edit",
        "Change the given fields. Lists of values are replaced as a whole.",
        KEY,
        argument("--name", help="The new name."),
        DESCRIPTION,
        EXPIRES_AT,
        TIER,
        SCOPES,
        INHERITS,
        CHANNELS,
        argument(
            "--all-channels",
            action="store_const",
            const=[],
            dest="channels",
            help="Remove the restriction to channels: the key may use all.",
        ),
        NETWORKS,
        argument(
            "--allow-any", action="store_true", help="Empty the allow-list. The key then works from any IP address."
        ),
    )
    def edit(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        fields = provided(options, "name", "description", "scopes", "inherits", "networks")
        if options.channels is not None:
            fields["channels"] = lookups.channels(options.channels, organisation=key.organisation, actor=self.actor)
        if options.tier is not None:
            fields["tier"] = lookups.tier(options.tier)
        if options.expires_at is not None:
            fields["expires_at"] = _expiry(options)
        if options.allow_any:
            fields |= {"networks": (), "allow_any": True}
        edit = partial(keys.edit, actor=self.actor, key=key.id, revision=None, **fields)
        self.print_edit(edit, key, self._print_changed)

    @subcommand(
        "regenerate",
        "Replace the secret. The key is printed on standard output and cannot be shown again.",
        KEY,
        argument(
            "--grace-seconds",
            type=arguments.count,
            default=0,
            metavar="SECONDS",
            help="How long the old secret keeps working. Default: it stops immediately.",
        ),
        EXPIRES_AT,
    )
    def regenerate(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        issued = keys.regenerate(
            actor=self.actor,
            key=key.id,
            grace=timedelta(seconds=options.grace_seconds),
            expires_at=UNSET if options.expires_at is None else _expiry(options),
        )
        self._print_secret(
            issued, f"The secret was replaced, but could not be printed. Replace it again: keys regenerate {key.id}"
        )
        if not self.json:
            self.note("Store the key now. It cannot be shown again.")

    @subcommand(
        "usage",
        "Show the calls of a key by day and outcome.",
        KEY,
        argument(
            "--days",
            type=arguments.days_of_usage,
            default=30,
            help="The number of days including today, at most 90. Default: 30.",
        ),
    )
    def usage(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        row = Key.objects.with_hourly_usage().get(id=key.id)
        days = calls_of_last_days(row, options.days)
        self.print_table(
            [{"day": day.isoformat(), **calls} for day, calls in days.items()], ("day", *CallOutcomeGroup.values)
        )

    @subcommand("end-grace", "Stop the old secret of a key immediately.", KEY)
    def end_grace(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        self._print_changed(keys.end_grace(actor=self.actor, key=key.id), "Ended the old secret of")

    @subcommand("revoke", "Revoke a key. All calls with it are denied until it is reactivated.", KEY, REASON)
    def revoke(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        self._print_changed(keys.revoke(actor=self.actor, key=key.id, reason=options.reason), "Revoked")

    @subcommand("reactivate", "Reactivate a revoked or expired key.", KEY, EXPIRES_AT, REASON)
    def reactivate(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        expires_at = UNSET if options.expires_at is None else _expiry(options)
        row = keys.reactivate(actor=self.actor, key=key.id, expires_at=expires_at, reason=options.reason)
        self._print_changed(row, "Reactivated")

    @subcommand("delete", "Delete a key. This cannot be undone. Its history stays.", KEY)
    def delete(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        document = self._describe(key.id)
        keys.delete(actor=self.actor, key=key.id)
        self.print_object(document, f"Deleted {printable(key.name)} ({key.masked}).")

    def _print_secret(self, issued: keys.IssuedKey, error_message: str) -> None:
        """Print the key and flush, so that a full disk or a closed pipe raises CommandError here."""
        token = issued.token
        document = {"id": str(issued.key.id), "key_id": token.key_id, "secret": token.secret, "key": token.value}
        try:
            self.print_object(document, token.value)
            self.stdout.flush()
        except OSError as error:
            raise CommandError(f"{error_message} ({error.strerror})", ExitCode.FAILED) from error

    def _print_changed(self, key: Key, done: str) -> None:
        self.print_object(self._describe(key.id), f"{done} {printable(key.name)} ({key.masked}).")

    def _describe(self, key_id: UUID) -> dict[str, Any]:
        rows: Any = Key.objects.visible_to(self.actor).with_status().with_usage()
        return as_json(_with_all_fields(rows).get(id=key_id))


def owner_of(key: Key) -> str:
    """The slug of the organisation, and the name of the bot if a bot owns the key."""
    return f"{key.organisation.slug} / {key.bot.name}" if key.bot else key.organisation.slug


def as_json(key: Any) -> dict[str, Any]:
    """A key as JSON. `allow_list` and `bot_allow_list` both apply; an empty list allows any address."""
    return {
        "id": str(key.id),
        "key_id": key.key_id,
        "key_prefix": key.recognition,
        "prefix": key.prefix,
        "name": key.name,
        "name_follows_description": key.name_follows_description,
        "description": key.description,
        "organisation": key.organisation.slug,
        "bot": key.bot.name if key.bot else None,
        "kind": key.kind,
        "status": str(key.status),
        "inherits": key.inherits,
        "scopes": key.scope_names,
        "effective_scopes": sorted(effective_scopes(key)),
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
        "denied_requests": key.denied_total,
        "last_used_at": rfc3339(key.last_used_at),
    }


def _with_all_fields(rows: Any) -> Any:
    related = rows.with_denied_total().with_lists().with_creator_roles().select_related("organisation", "bot", "tier")
    return related.prefetch_related("channels", "allow_list", "bot__allow_list")


def _expiry(options: Namespace) -> datetime | None:
    return options.expires_at if isinstance(options.expires_at, datetime) else None


def _expiry_of_new_key(options: Namespace, owner: Organisation) -> datetime | None:
    """The expiry on the command line, else the default of the organisation's rules."""
    if options.expires_at is None:
        kind = KeyKind(options.kind) if options.kind else KeyKind.BOT if options.bot else KeyKind.STANDARD
        return keys.default_expires_at(owner, kind)
    return _expiry(options)
