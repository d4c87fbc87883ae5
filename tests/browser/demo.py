"""Committed rows for the browser tests, with the names of the demonstration."""

from datetime import timedelta
from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from keyadmin.models import (
    AddressDay,
    Bot,
    CallOutcome,
    Channel,
    Key,
    LastDenial,
    Meter,
    Organisation,
    Person,
    ScopeDay,
    UsageHour,
)
from keyadmin.operations import keys as operations
from tests.browser.bulk_rows import add_bulk_revocations
from tests.factories import as_actor
from tests.fixtures.committed_rows import CommittedRows, CreatedKey

PASSWORD = "correct horse battery staple"
_hashed = cache(make_password)


class Demo:
    """Three organisations and their people. `people` and `keys` are found by name; `add_rows` adds the keys."""

    def __init__(self, rows: CommittedRows) -> None:
        self.rows = rows
        self.northwind = rows.organisation(name="Northwind", slug="northwind")
        self.contoso = rows.organisation(name="Contoso", slug="contoso")
        self.fabrikam = rows.organisation(name="Fabrikam", slug="fabrikam")
        self.people: dict[str, Person] = {
            "maya": self._person("Maya Okafor", role="", system_role="administrator"),
            "priya": self._person("Priya Raman", role="", system_role="auditor"),
            "jonas": self._person("Jonas Lind", role="owner"),
            "asha": self._person("Asha Nair", role="auditor"),
            "sam": self._person("Sam Reyes", role="member"),
        }
        self.keys: dict[str, CreatedKey] = {}

    def session_cookie(self, name: str) -> str:
        """Sign a person in; returns the value of the session cookie."""
        person = self.people[name]
        session = import_module(settings.SESSION_ENGINE).SessionStore()
        session[SESSION_KEY] = str(person.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = person.get_session_auth_hash()
        session.create()
        key: str = session.session_key
        return key

    def add_key(self, name: str, organisation: Organisation | None = None, **fields: Any) -> CreatedKey:
        added = self.rows.key(organisation or self.northwind, name=name, **fields)
        self.keys[name] = added
        return added

    def add_rows(self) -> None:
        """Add a key in every state, channels and a bot."""
        for name in ("WhatsApp", "Telegram", "Web chat", "SMS"):
            Channel.objects.create(organisation=self.northwind, name=name, slug=name.lower().replace(" ", "-"))
        bot = Bot.objects.create(organisation=self.northwind, name="Concierge")
        self.rows.network("203.0.113.0/24", bot=bot)
        now = timezone.now()
        self.add_key(
            "Partner sandbox", revoked_at=now - timedelta(days=2), revoked_reason="The partner's trial is over."
        )
        self.add_key(
            "Support portal (legacy)", expires_at=now - timedelta(days=10), created_at=now - timedelta(days=100)
        )
        self.add_key("CI/CD pipeline", scopes=("chats:write",), expires_at=now + timedelta(days=3))
        self.add_key("Warehouse export", scopes=("chats:read", "chats:export"), networks=("10.0.0.0/8",))
        self.add_key("Open export", scopes=("chats:read", "chats:export"))
        busy = self.add_key("CRM integration", scopes=("chats:read", "chats:write", "contacts:manage"), bot=bot)
        self.add_usage(busy.key)
        renewed = self.add_key("Payroll reminders", scopes=("chats:write",), networks=("10.20.0.0/16",))
        actor = as_actor(self.people["jonas"], ip="198.51.100.7")
        operations.regenerate(actor=actor, key=renewed.key.id, grace=timedelta(hours=24))
        self._add_key_with_history("Zapier trial")
        add_bulk_revocations(self.northwind)

    def _add_key_with_history(self, name: str) -> None:
        """Issue, revoke and reactivate a key with the operations, so that history has events."""
        actor = as_actor(self.people["jonas"], ip="198.51.100.7")
        expires_at = timezone.now() + timedelta(days=26)
        issued = operations.issue(
            actor=actor, organisation=self.northwind.id, name=name, scopes=["chats:read"], expires_at=expires_at
        )
        operations.revoke(actor=actor, key=issued.key.id, reason="The trial pauses over the holidays.")
        operations.reactivate(actor=actor, key=issued.key.id, reason="The holidays are over.")
        self.keys[name] = CreatedKey(issued.key, issued.token)

    def add_usage(self, key: Key) -> None:
        now = timezone.now()
        hour = now.replace(minute=0, second=0, microsecond=0)
        UsageHour.objects.bulk_create(
            UsageHour(key_id=key.id, hour=hour - timedelta(hours=8 * periods), outcome=outcome, count=count)
            for periods in range(1, 40)
            for outcome, count in ((CallOutcome.OK, 400 + 17 * periods), (CallOutcome.SCOPE, periods))
        )
        today, address = now.date(), "203.0.113.9"
        ScopeDay.objects.create(key_id=key.id, day=today, scope="chats:read", count=212)
        AddressDay.objects.create(key_id=key.id, day=today, address=address, count=212, weight=212)
        denied = now - timedelta(minutes=3)
        LastDenial.objects.create(key_id=key.id, reason=CallOutcome.SCOPE, at=denied, address=address)
        Meter.objects.filter(key_id=key.id).update(
            total=41_000, last_used_at=now - timedelta(minutes=2), last_used_ip="203.0.113.9"
        )

    def _person(self, name: str, role: str, **fields: Any) -> Person:
        email = f"{name.split()[0].lower()}@northwind.example"
        person = self.rows.person(self.northwind if role else None, role, name=name, email=email, **fields)
        person.password = _hashed(PASSWORD)
        person.save()
        return person
