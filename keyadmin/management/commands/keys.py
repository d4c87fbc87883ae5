"""keys: what is done to a key after it was made. `issue_key`, `list_keys` and `revoke_key` do the rest."""

from argparse import BooleanOptionalAction, Namespace
from datetime import datetime, timedelta
from typing import Any, Final

from keyadmin.core.time import rfc3339
from keyadmin.management import arguments, lookups
from keyadmin.management.base import CommandError, ExitCode, printable
from keyadmin.management.subcommands import NounCommand, argument, given, verb
from keyadmin.models import CallOutcomeGroup, Key
from keyadmin.models.usage import calls_of_last_days
from keyadmin.operations import keys
from keyadmin.operations.validation import UNSET

KEY: Final = argument("key", help="Its id or its key ID, never the key itself.")
EXPIRES: Final = argument(
    "--expires", type=arguments.expiry, metavar="WHEN", help="RFC 3339, days such as 90d, or never."
)


class Command(NounCommand):
    help = "Edit, regenerate, reactivate and delete keys, and see their use."

    @verb(
        "edit",
        "Change what is given. Lists are replaced as a whole.",
        KEY,
        argument("--name"),
        argument("--description"),
        EXPIRES,
        argument("--tier", metavar="NAME"),
        argument("--scope", action="append", dest="scopes", metavar="SCOPE", help="Repeat for more."),
        argument("--inherits", action=BooleanOptionalAction),
        argument("--channel", action="append", dest="channels", metavar="SLUG", help="Repeat for more."),
        argument("--all-channels", action="store_const", const=[], dest="channels", help="Restrict it to none."),
        argument("--allow", action="append", dest="networks", type=arguments.network, metavar="CIDR"),
        argument("--allow-any", action="store_true", help="Empty its allow-list: any address may use it."),
    )
    def edit(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        fields = given(options, "name", "description", "scopes", "inherits", "networks")
        if options.channels is not None:
            fields["channels"] = lookups.channels(options.channels, owner=key.organisation, actor=self.actor)
        if options.tier is not None:
            fields["tier"] = lookups.tier(options.tier)
        if options.expires is not None:
            fields["expires_at"] = moment(options)
        if options.allow_any:
            fields |= {"networks": (), "allow_any": True}
        self._done(keys.edit(actor=self.actor, key=key.id, revision=None, **fields), "Changed")

    @verb(
        "regenerate",
        "A new secret, printed on standard output, here and never again.",
        KEY,
        argument("--grace", type=arguments.count, default=0, metavar="HOURS", help="The old one works that long."),
    )
    def regenerate(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        issued = keys.regenerate(actor=self.actor, key=key.id, grace=timedelta(hours=options.grace))
        token = issued.token
        names = {"id": str(key.id), "key_id": token.key_id, "secret": token.secret, "key": token.value}
        try:
            self.tell(names, token.value)
            self.stdout.flush()
        except OSError as error:
            message = f"The secret was made, but could not be printed ({error.strerror}). Regenerate again: {key.id}"
            raise CommandError(message, ExitCode.FAILED) from error
        self.note("Store it somewhere safe now: it is never shown again.")

    @verb(
        "usage",
        "A key's calls by day, and what became of them.",
        KEY,
        argument("--days", type=arguments.count, default=30, help="The last so many, with today. Default: 30."),
    )
    def usage(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        row = Key.objects.with_window().get(id=key.id)
        days = calls_of_last_days(row, min(options.days, 90))
        self.tell_all(
            [{"day": day.isoformat(), **calls} for day, calls in days.items()], ("day", *CallOutcomeGroup.values)
        )

    @verb("end-grace", "Stop a key's old secret now.", KEY)
    def end_grace(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        self._done(keys.end_grace(actor=self.actor, key=key.id), "Ended the old secret of")

    @verb(
        "reactivate",
        "Let a revoked or expired key work again.",
        KEY,
        EXPIRES,
        argument("--reason", default="", help="Kept in the history."),
    )
    def reactivate(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        until = UNSET if options.expires is None else moment(options)
        row = keys.reactivate(actor=self.actor, key=key.id, expires_at=until, reason=options.reason)
        self._done(row, "Reactivated")

    @verb("delete", "Delete a key for good. Its history stays.", KEY)
    def delete(self, options: Namespace) -> None:
        key = lookups.key(options.key, actor=self.actor)
        keys.delete(actor=self.actor, key=key.id)
        self._done(key, "Deleted")

    def _done(self, key: Key, what: str) -> None:
        self.tell(described(key), f"{what} {printable(key.name)} ({key.masked}).")


def moment(options: Namespace) -> datetime | None:
    return options.expires if isinstance(options.expires, datetime) else None


def described(key: Key) -> dict[str, Any]:
    """What tells a key from others, as JSON."""
    return {"id": str(key.id), "key_id": key.key_id, "name": key.name, "expires_at": rfc3339(key.expires_at)}
