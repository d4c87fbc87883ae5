"""expire_notices: queue mails about the keys that expire soon."""

from argparse import Namespace
from typing import Any

from django.core.management.base import CommandParser

from keyadmin.core.time import rfc3339
from keyadmin.management.base import OperatorCommand
from keyadmin.operations import outbox
from keyadmin.operations.keys import expiry_notices


class Command(OperatorCommand):
    help = (
        "Queue one mail to each owner about keys that expire within 14, 7 or 1 days. No notice is sent twice. "
        "`keyadmin worker` sends the mails, and also runs this regularly."
    )

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Print what would be queued, and queue nothing.")

    def run(self, options: Namespace) -> None:
        notices = expiry_notices.queue_due(is_dry_run=options.dry_run)
        if self.json:
            queued = [as_json(notice) for notice in notices]
            self.document({"queued": queued, "has_mail_server": outbox.has_mail_server()})
        else:
            self.table(
                ("to", "keys"),
                [(notice.person.email, ", ".join(key.name for key in notice.keys)) for notice in notices],
            )
        if not options.dry_run and not outbox.has_mail_server():
            self.note("There is no mail server (KEYADMIN_SMTP_HOST): nothing was queued.")


def as_json(notice: expiry_notices.Notice) -> dict[str, Any]:
    """A mail as JSON."""
    return {
        "to": notice.person.email,
        "keys": [
            {"id": str(key.id), "name": key.name, "expires_at": rfc3339(key.expires_at), "days": key.days}
            for key in notice.keys
        ],
    }
