"""review: print the review report, computed now."""

from argparse import Namespace
from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from keyadmin.core.time import rfc3339
from keyadmin.management import arguments, lookups
from keyadmin.management.base import OperatorCommand, clock, printable
from keyadmin.management.commands.keys import owner_of
from keyadmin.models import Finding, Key, keys_in_texts
from keyadmin.models.review import KeyReview, iterate


class Command(OperatorCommand):
    help = "Show the keys that need attention, with their findings. It reads every key."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--organisation", metavar="SLUG", help="Only keys of this organisation (slug or id).")
        parser.add_argument("--finding", choices=Finding.values, help="Only keys with this finding.")
        parser.add_argument(
            "--limit", type=arguments.count, default=1000, help="The maximum number of keys. Default: 1000."
        )

    def run(self, options: Namespace) -> None:
        keys = Key.objects.visible_to(self.actor)
        if options.organisation:
            keys = keys.filter(organisation=lookups.organisation(options.organisation, actor=self.actor))
        now, counts = timezone.now(), Counter[str]()
        found: list[tuple[Any, KeyReview]] = []
        for key, row in iterate(keys):
            counts.update(row.findings)
            if (not options.finding or options.finding in row.findings) and len(found) < options.limit:
                found.append((key, row))
        organisation = lookups.organisation(options.organisation, actor=self.actor).id if options.organisation else None
        texts = keys_in_texts.find(self.actor, organisation, limit=options.limit)
        if self.json:
            by_finding = {finding.value: counts[finding.value] for finding in Finding}
            document = {"at": rfc3339(now), "counts": by_finding, "keys": [_as_json(*pair) for pair in found]}
            self.document(document | {"texts": [asdict(text) for text in texts]})
            return
        self.table(
            ("id", "key", "name", "owner", "findings", "last used"),
            [
                (
                    str(key.id),
                    key.masked,
                    key.name,
                    owner_of(key),
                    " ".join(row.findings),
                    clock(key.last_used_at, "never"),
                )
                for key, row in found
            ],
        )
        for text in texts:
            self.note(f"API key in a text: {text.kind} {text.id} ({', '.join(text.fields)}): {printable(text.label)}")
        self.note(", ".join(f"{finding.value}: {counts[finding.value]}" for finding in Finding))


def _as_json(key: Any, row: KeyReview) -> dict[str, Any]:
    return {
        "id": str(key.id),
        "name": key.name,
        "organisation": key.organisation.slug,
        "bot": key.bot.name if key.bot else None,
        "status": str(key.status),
        "findings": [str(finding) for finding in row.findings],
        "unused_scopes": sorted(row.unused),
        "created_by": key.created_by,
        "last_used_at": rfc3339(key.last_used_at),
        "expires_at": rfc3339(key.expires_at),
    }
