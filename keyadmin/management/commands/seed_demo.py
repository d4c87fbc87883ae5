"""seed_demo: load the demonstration, once."""

import secrets
from argparse import Namespace

from django.conf import settings

from keyadmin import env
from keyadmin.management.base import CommandError, ExitCode, OperatorCommand
from keyadmin.operations.demo import load
from keyadmin.operations.demo.data import KEYS, PEOPLE

SAID = {
    load.DemoState.NOTHING: f"Loaded demo data: 2 organisations, {len(PEOPLE)} people, {len(KEYS)} keys. Sign in as",
    load.DemoState.DEMO: "The demo data is already here; nothing was changed. Sign in as",
    load.DemoState.OTHERS: "Northwind, Contoso or their people exist but are not demo data. Nothing was changed.",
}


class Command(OperatorCommand):
    help = (
        "Load the demonstration: two organisations, their people, bots and keys. A second run changes nothing. "
        "Everybody's password is KEYADMIN_DEMO_PASSWORD; without it one is made and printed."
    )

    def run(self, options: Namespace) -> None:
        if settings.PRODUCTION:
            raise CommandError(
                "Not in production: everybody of the demonstration has one password.", ExitCode.FORBIDDEN
            )
        given = env.secret("KEYADMIN_DEMO_PASSWORD")
        password = given or secrets.token_urlsafe(12)
        found = load.load(password=password)
        made = password if found is load.DemoState.NOTHING and not given else None
        if self.json:
            people = [{"email": person.email, "name": person.name, "role": person.title} for person in PEOPLE]
            self.document({"loaded": found is load.DemoState.NOTHING, "people": people, "password": made})
            return
        self.result(SAID[found])
        if found is not load.DemoState.OTHERS:
            for person in PEOPLE:
                note = "" if person.sees_keys else ", who may see no keys"
                self.result(f"  {person.email:26}{person.title}{note}")
        if made:
            self.result(f"Everybody's password is {made}")
