"""issue_key: make a key and print it, once."""

from argparse import Namespace
from datetime import datetime, timedelta

from django.core.management.base import CommandParser
from django.utils import timezone

from keyadmin.management import arguments, lookups
from keyadmin.management.base import CommandError, ExitCode, OperatorCommand, printable
from keyadmin.models import Kind, Organisation
from keyadmin.operations import keys


class Command(OperatorCommand):
    help = "Make a key. Its secret is printed on standard output, here and never again."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", required=True, metavar="SLUG", help="Whose key it is (slug or id).")
        parser.add_argument("--name", required=True)
        parser.add_argument("--bot", metavar="NAME", help="The bot that owns it (name or id).")
        parser.add_argument("--kind", choices=Kind.values, help="Default: bot with --bot, else standard.")
        parser.add_argument("--description", default="")
        parser.add_argument("--scope", action="append", default=[], metavar="SCOPE", help="Repeat for more.")
        parser.add_argument(
            "--channel", action="append", default=[], metavar="SLUG", help="Only through this channel; repeat for more."
        )
        parser.add_argument(
            "--allow",
            action="append",
            default=[],
            type=arguments.network,
            metavar="CIDR",
            help="Only from this network; repeat for more. Default: any address.",
        )
        parser.add_argument(
            "--expires",
            type=arguments.expiry,
            metavar="WHEN",
            help="An RFC 3339 time with offset, days such as 90d, or never. Default: the organisation's own.",
        )
        parser.add_argument("--tier", metavar="NAME", help="Rate tier (name or id). Default: the organisation's own.")

    def run(self, options: Namespace) -> None:
        owner = lookups.organisation(options.organisation, actor=self.actor)
        issued = keys.issue(
            actor=self.actor,
            organisation=owner.id,
            bot=lookups.bot(options.bot, owner=owner, actor=self.actor).id if options.bot else None,
            kind=Kind(options.kind) if options.kind else None,
            name=options.name,
            description=options.description,
            scopes=options.scope,
            channels=lookups.channels(options.channel, owner=owner, actor=self.actor),
            networks=options.allow,
            expires_at=expires_at(options, owner),
            tier=lookups.tier(options.tier) if options.tier else None,
        )
        try:
            self.show(issued)
        except OSError as error:
            raise CommandError(
                f"The key was made, but could not be printed ({error.strerror}). Revoke it: revoke_key {issued.key.id}",
                ExitCode.FAILED,
            ) from error

    def show(self, issued: keys.Issued) -> None:
        """Print the key at once: a full disk or a closed pipe must be noticed here."""
        key, token = issued.key, issued.token
        if self.json:
            names = {"id": str(key.id), "key_id": token.key_id, "secret": token.secret, "key": token.value}
            self.document(names)
        else:
            self.result(token.value)
        self.stdout.flush()
        if not self.json:
            until = f"until {key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "and does not expire"
            self.note(f"Key {printable(key.name)} (id {key.id}) works {until}.")
            self.note("Store it somewhere safe now: it is never shown again.")


def expires_at(options: Namespace, owner: Organisation) -> datetime | None:
    """What was asked for; when nothing was, the organisation's default. A public key has none."""
    if options.expires is None and options.kind != Kind.PUBLIC and owner.default_expiry_days is not None:
        return timezone.now() + timedelta(days=owner.default_expiry_days)
    return options.expires if isinstance(options.expires, datetime) else None
