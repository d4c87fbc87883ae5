"""pepper: create a pepper, and show how many secrets still need an old one."""

import secrets
from argparse import Namespace
from typing import Any

from django.db.models import Count

from keyadmin.conf import conf
from keyadmin.management.base import CommandError, ExitCode
from keyadmin.management.subcommands import SubcommandCommand, subcommand
from keyadmin.models import Secret


class Command(SubcommandCommand):
    help = "Create a pepper, and show which peppers stored secrets need."

    @subcommand("add", "Print a new value of KEYADMIN_PEPPERS: the present peppers and a new one. It changes nothing.")
    def add(self, options: Namespace) -> None:
        ring = conf.peppers
        new = max(ring) + 1
        whole = {**ring, new: secrets.token_bytes(32)}
        value = ",".join(f"{number}:{pepper.hex()}" for number, pepper in sorted(whole.items()))
        self.print_object({"id": new, "peppers": value}, value)
        self.note(
            f"1. Give every host this KEYADMIN_PEPPERS, with KEYADMIN_CURRENT_PEPPER={conf.current_pepper}; restart."
        )
        self.note(f"2. Then set KEYADMIN_CURRENT_PEPPER={new} on every host. A secret moves to it at its next use.")
        self.note("3. Remove an old pepper when `pepper status` shows that no secret needs it.")

    @subcommand("status", "Show how many secrets need each pepper. Exit code 1 if KEYADMIN_PEPPERS lacks one of them.")
    def status(self, options: Namespace) -> None:
        counts = dict(Secret.objects.values_list("pepper_id").annotate(secrets=Count("id")).order_by("pepper_id"))
        numbers = sorted({*counts, *conf.peppers})
        rows: list[dict[str, Any]] = [
            {
                "pepper": number,
                "secrets": counts.get(number, 0),
                "in_ring": number in conf.peppers,
                "current": number == conf.current_pepper,
            }
            for number in numbers
        ]
        self.print_table(rows, ("pepper", "secrets", "in_ring", "current"))
        if missing := [str(row["pepper"]) for row in rows if row["secrets"] and not row["in_ring"]]:
            names = ", ".join(missing)
            raise CommandError(
                f"KEYADMIN_PEPPERS lacks peppers that secrets need: {names}. Add them again.", ExitCode.FAILED
            )
