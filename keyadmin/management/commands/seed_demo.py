"""seed_demo: load the demo data, once."""

import secrets
from argparse import Namespace
from typing import Final

from django.conf import settings

from keyadmin import env
from keyadmin.management.base import CommandError, ExitCode, OperatorCommand
from keyadmin.operations.demo import load
from keyadmin.operations.demo.data import KEYS, PEOPLE

MESSAGES: Final = {
    load.DemoState.NOTHING: f"Loaded demo data: 2 organisations, {len(PEOPLE)} people, {len(KEYS)} keys. Sign in as",
    load.DemoState.DEMO: "The demo data is already loaded. Nothing was changed. Sign in as",
    load.DemoState.OTHERS: "Northwind, Contoso or their people exist but are not demo data. Nothing was changed.",
}


class Command(OperatorCommand):
    help = (
        "Load the demo data: two organisations with people, bots and keys. A second run changes nothing. The password "
        "of all people is KEYADMIN_DEMO_PASSWORD. Without it, a password is generated and printed."
    )

    def run(self, options: Namespace) -> None:
        if settings.PRODUCTION:
            raise CommandError(
                "seed_demo does not run in production, because all demo people share one password.", ExitCode.FORBIDDEN
            )
        configured = env.secret("KEYADMIN_DEMO_PASSWORD")
        password = configured or secrets.token_urlsafe(12)
        state = load.load(password=password)
        generated = password if state is load.DemoState.NOTHING and not configured else None
        if self.json:
            people = [{"email": person.email, "name": person.name, "role": person.title} for person in PEOPLE]
            self.document({"loaded": state is load.DemoState.NOTHING, "people": people, "password": generated})
            return
        self.result(MESSAGES[state])
        if state is not load.DemoState.OTHERS:
            for person in PEOPLE:
                note = "" if person.sees_keys else ", who can’t see keys"
                self.result(f"  {person.email:26}{person.title}{note}")
        if generated:
            self.result(f"The password of all people is {generated}")
