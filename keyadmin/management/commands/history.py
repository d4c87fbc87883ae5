"""history: what happened, newest first."""

from argparse import Namespace
from typing import Any

from django.core.management.base import CommandParser

from keyadmin.management import arguments, lookups
from keyadmin.management.base import OperatorCommand, clock, iso
from keyadmin.models import Event, Verb
from keyadmin.models.event_search import Found
from keyadmin.models.event_terms import Wanted


class Command(OperatorCommand):
    help = "Show the history, the newest first."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", metavar="SLUG", help="Only of this organisation (slug or id).")
        parser.add_argument("--key", help="Only of this key (id or key ID; a deleted one by its id).")
        parser.add_argument(
            "--action", choices=Verb.values, metavar="ACTION", help=f"Only this: {', '.join(Verb.values)}."
        )
        parser.add_argument(
            "--since", type=arguments.since, metavar="WHEN", help="An RFC 3339 time with offset, or days such as 7d."
        )
        parser.add_argument("--limit", type=arguments.count, default=50, help="At most so many. Default: 50.")

    def run(self, options: Namespace) -> None:
        found = Found.of(self.actor, self.asked_for(options)).newest(options.limit)
        if self.json:
            self.document([described(event) for event in found])
            return
        self.table(
            ("number", "time (UTC)", "actor", "action", "target", "changes"),
            [
                (
                    str(event.number), clock(event.at, ""), event.actor_label, event.get_verb_display(),
                    event.target_label, ", ".join(event.changes) or event.reason,
                )
                for event in found
            ],
        )  # fmt: skip

    def asked_for(self, options: Namespace) -> Wanted:
        owner = lookups.organisation(options.organisation, actor=self.actor) if options.organisation else None
        key = ""
        if options.key:
            # A deleted key has left nothing but its history.
            key = str(lookups.uuid(options.key) or lookups.key(options.key, actor=self.actor).id)
        return Wanted(
            organisation=owner.id if owner else None, target=key, action=options.action or "", since=options.since
        )


def described(event: Event) -> dict[str, Any]:
    """An event as JSON; `changes` is field → [before, after]."""
    return {
        "number": event.number,
        "at": iso(event.at),
        "action": event.verb,
        "actor": {
            "kind": event.actor_kind,
            "id": str(event.actor_id) if event.actor_id else None,
            "label": event.actor_label,
        },
        "door": event.door,
        "ip": event.ip,
        "request_id": event.request_id,
        "organisation": event.organisation_label,
        "organisation_id": str(event.organisation_id) if event.organisation_id else None,
        "target": {"kind": event.target_kind, "id": event.target_id, "label": event.target_label},
        "changes": event.changes,
        "reason": event.reason,
    }
