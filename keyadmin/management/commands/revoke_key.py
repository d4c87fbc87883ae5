"""revoke_key: stop a key at once. It can be reactivated later."""

from argparse import Namespace

from django.core.management.base import CommandParser

from keyadmin.core.time import rfc3339
from keyadmin.management import lookups
from keyadmin.management.base import OperatorCommand, printable
from keyadmin.models import Status
from keyadmin.operations import keys


class Command(OperatorCommand):
    help = "Revoke a key: from now on every call with it is refused."

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", help="Its id or its key ID, never the key itself.")
        parser.add_argument("--reason", default="", help="Kept in the history.")

    def run(self, options: Namespace) -> None:
        found = lookups.key(options.key, actor=self.actor)
        key = keys.revoke(actor=self.actor, key=found.id, reason=options.reason)
        if self.json:
            self.document(
                {
                    "id": str(key.id),
                    "key_id": key.key_id,
                    "name": key.name,
                    "status": Status.REVOKED.value,
                    "revoked_at": rfc3339(key.revoked_at),
                    "reason": key.revoked_reason,
                }
            )
        else:
            self.result(f"Revoked {printable(key.name)} ({key.masked}).")
