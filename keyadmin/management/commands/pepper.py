"""pepper: the ring of peppers that digests of secrets are made with, and how far a new one has come."""

import secrets
from argparse import Namespace
from typing import Any

from django.db.models import Count

from keyadmin.conf import conf
from keyadmin.management.base import CommandError, ExitCode
from keyadmin.management.subcommands import NounCommand, verb
from keyadmin.models import Secret


class Command(NounCommand):
    help = "Make a pepper, and see which ones secrets still need."

    @verb("add", "Print a new ring: the present peppers and a new one. Nothing is changed by it.")
    def add(self, options: Namespace) -> None:
        ring = conf.peppers
        new = max(ring) + 1
        whole = {**ring, new: secrets.token_bytes(32)}
        value = ",".join(f"{number}:{pepper.hex()}" for number, pepper in sorted(whole.items()))
        self.tell({"id": new, "peppers": value}, value)
        self.note(
            f"1. Give every host this KEYADMIN_PEPPERS, with KEYADMIN_CURRENT_PEPPER={conf.current_pepper}; restart."
        )
        self.note(
            f"2. Then set KEYADMIN_CURRENT_PEPPER={new} on every host. New secrets use it now, old ones at next use."
        )
        self.note("3. `pepper status` tells when no secret needs an old one any more.")

    @verb("status", "How many secrets are under each pepper. Exit code 1 if one is needed that the ring lacks.")
    def status(self, options: Namespace) -> None:
        counts = dict(Secret.objects.values_list("pepper_id").annotate(secrets=Count("id")).order_by("pepper_id"))
        known = sorted({*counts, *conf.peppers})
        rows: list[dict[str, Any]] = [
            {
                "pepper": number,
                "secrets": counts.get(number, 0),
                "in_ring": number in conf.peppers,
                "current": number == conf.current_pepper,
            }
            for number in known
        ]
        self.tell_all(rows, ("pepper", "secrets", "in_ring", "current"))
        if missing := [str(row["pepper"]) for row in rows if row["secrets"] and not row["in_ring"]]:
            names = ", ".join(missing)
            raise CommandError(
                f"KEYADMIN_PEPPERS lacks peppers that secrets need: {names}. Add them again.", ExitCode.FAILED
            )
