"""history: show or export the events, newest first."""

from argparse import Namespace

from django.core.management.base import CommandParser

from keyadmin.management import arguments, lookups
from keyadmin.management.base import CommandError, ExitCode, OperatorCommand, clock
from keyadmin.models import EventType
from keyadmin.models.event_search import EventFilter, EventQuery
from keyadmin.operations.audit import export as exports
from keyadmin.operations.audit.export import ExportFormat


class Command(OperatorCommand):
    help = "Show or export the events of history, the newest first."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", metavar="SLUG", help="Only events of this organisation (slug or id).")
        parser.add_argument("--key", help="Only events of this key (id or key ID; a deleted key by its id).")
        parser.add_argument(
            "--actor", default="", help="Only events of these actors (an id, or the beginnings of words in a name)."
        )
        parser.add_argument(
            "--text", default="", help="Only events with words that begin with this text, or with this address or id."
        )
        parser.add_argument(
            "--type",
            choices=EventType.values,
            metavar="TYPE",
            help=f"Only events of this type: {', '.join(EventType.values)}.",
        )
        parser.add_argument(
            "--since",
            type=arguments.since,
            metavar="WHEN",
            help="Only events since this time: an RFC 3339 time with offset, or days ago such as 7d.",
        )
        parser.add_argument(
            "--until", type=arguments.since, metavar="WHEN", help="Only events before this time, in the same forms."
        )
        parser.add_argument("--limit", type=arguments.count, help="The maximum number of events. Default: 50.")
        parser.add_argument(
            "--export",
            choices=list(ExportFormat),
            help="Print all events that match as CSV or JSON Lines. The export is recorded in history.",
        )

    def run(self, options: Namespace) -> None:
        event_filter = self.event_filter(options)
        if options.export:
            self.export(event_filter, options)
            return
        events = list(EventQuery.of(self.actor, event_filter).newest(options.limit or 50))
        if self.json:
            self.document([event.serialize() for event in events])
            return
        self.table(
            ("number", "time (UTC)", "actor", "type", "target", "changes"),
            [
                (
                    str(event.number),
                    clock(event.at, ""),
                    event.actor_label,
                    event.type_label,
                    event.target_label,
                    ", ".join(event.changes) or event.reason,
                )
                for event in events
            ],
        )

    def export(self, event_filter: EventFilter, options: Namespace) -> None:
        if options.limit or self.json:
            raise CommandError(
                "--export prints all events in its own format. Remove --limit and --json.", ExitCode.USAGE
            )
        for chunk in exports.history(
            actor=self.actor, conditions=event_filter, export_format=ExportFormat(options.export)
        ).pieces:
            self.stdout.write(chunk, ending="")

    def event_filter(self, options: Namespace) -> EventFilter:
        owner = lookups.organisation(options.organisation, actor=self.actor) if options.organisation else None
        key = ""
        if options.key:
            # A deleted key is only in the history.
            key = str(lookups.parse_uuid(options.key) or lookups.key(options.key, actor=self.actor).id)
        return EventFilter(
            organisation=owner.id if owner else None,
            target=key,
            actor=options.actor,
            text=options.text,
            type=options.type or "",
            since=options.since,
            until=options.until,
        )
