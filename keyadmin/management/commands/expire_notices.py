"""expire_notices: tell owners of the keys that expire soon."""

from argparse import Namespace

from django.core.management.base import CommandParser

from keyadmin.management import notices
from keyadmin.management.base import CommandError, ExitCode, OperatorCommand


class Command(OperatorCommand):
    help = (
        "Send each owner one letter about keys that expire within 14, 7 or 1 days, once each. "
        "Exit code 1 if a letter could not be sent: the next run tries again."
    )

    def arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be sent.")

    def run(self, options: Namespace) -> None:
        works = options.dry_run or notices.has_mail_server()
        sent, failed = notices.send_all(self.actor, is_dry=options.dry_run) if works else ([], [])
        if self.json:
            self.document({"sent": sent, "failed": failed, "has_mail_server": notices.has_mail_server()})
        else:
            self.table(("to", "keys"), [(one["to"], ", ".join(key["name"] for key in one["keys"])) for one in sent])
        if not works:
            self.note("There is no mail server (KEYADMIN_SMTP_HOST): nothing was sent.")
        if failed:
            names = ", ".join(f"{one['to']} ({one['error']})" for one in failed)
            raise CommandError(f"Not sent, to be tried again: {names}.", ExitCode.FAILED)
