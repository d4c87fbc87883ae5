"""Rows as calls need them, really committed, and gone after the test."""

from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connections

from keyadmin.foundation import tokens
from keyadmin.models import (
    AllowListEntry,
    Bot,
    Channel,
    Key,
    Membership,
    Meter,
    Organisation,
    Person,
    Scope,
    Secret,
    Tier,
    Version,
)
from keyadmin.models.meter import CELLS

type Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Made:
    """A key and its secret."""

    key: Key
    token: tokens.Token

    @property
    def headers(self) -> Pairs:
        return [("X-API-Key", self.token.value)]


@dataclass
class Given:
    """Makes rows on one database and removes them, with all that operations made of them."""

    using: str = "default"
    organisations: list[UUID] = field(default_factory=list)
    people: list[UUID] = field(default_factory=list)
    tiers: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._head = self._rows("SELECT number, hash FROM chain_head")[0]

    def organisation(self, **fields: Any) -> Organisation:
        slug = f"o-{uuid4().hex[:12]}"
        fields = {"name": slug, "slug": slug, "default_tier": self.standard} | fields
        organisation: Organisation = self._all(Organisation).create(**fields)
        self._all(Version).create(subject=organisation.id)
        self.organisations.append(organisation.id)
        return organisation

    def bot(self, organisation: Organisation, **fields: Any) -> Bot:
        bot: Bot = self._all(Bot).create(organisation=organisation, name=f"Bot {uuid4().hex[:8]}", **fields)
        return bot

    def channel(self, organisation: Organisation, slug: str) -> Channel:
        channel: Channel = self._all(Channel).create(organisation=organisation, name=slug.title(), slug=slug)
        return channel

    def person(self, organisation: Organisation | None = None, role: str = "member", **fields: Any) -> Person:
        fields = {"email": f"{uuid4().hex[:12]}@example.com", "name": "Somebody"} | fields
        person: Person = self._all(Person).create(**fields)
        self.people.append(person.id)
        if organisation is not None:
            self._all(Membership).create(person=person, organisation=organisation, role=role)
        return person

    def tier(self, limit: int) -> Tier:
        tier: Tier = self._all(Tier).create(name=f"Tier {uuid4().hex[:8]}", hourly_limit=limit)
        self.tiers.append(tier.id)
        return tier

    @property
    def standard(self) -> Tier:
        tier: Tier = self._all(Tier).get(name="Standard")
        return tier

    def key(
        self,
        organisation: Organisation | None = None,
        *,
        scopes: tuple[str, ...] = ("chats:read",),
        networks: tuple[str, ...] = (),
        channels: tuple[Channel, ...] = (),
        format: tokens.Format = tokens.Format.DEFAULT,  # noqa: A002
        pepper: int | None = None,
        limit: int | None = None,
        **fields: Any,
    ) -> Made:
        """A living key that may read chats, unless told otherwise."""
        organisation = organisation or self.organisation()
        token = tokens.mint(organisation.key_prefix, format)
        bot = fields.get("bot")
        key: Key = self._all(Key).create(
            **{"name": "CI", "kind": "bot" if bot else "standard", "created_by": "a test"} | fields,
            organisation=organisation,
            prefix=token.prefix,
            format=token.format.value,
            key_id=token.key_id,
            recognition=token.recognition,
            tier=self.tier(limit) if limit else organisation.default_tier,
        )
        key.scopes.set(self._all(Scope).filter(name__in=scopes))
        key.channels.set(channels)
        for network in networks:
            self.network(network, key=key)
        self.secret(key, token, pepper)
        self._all(Meter).create(key_id=key.id, cells=[0] * CELLS)
        return Made(key, token)

    def secret(
        self, key: Key, token: tokens.Token, pepper: int | None = None, not_after: datetime | None = None
    ) -> Secret:
        pepper = pepper or max(settings.KEYADMIN_PEPPERS)
        digest = tokens.digest(token.value, settings.KEYADMIN_PEPPERS[pepper])
        secret: Secret = self._all(Secret).create(key=key, digest=digest, pepper_id=pepper, not_after=not_after)
        return secret

    def network(self, network: str, **owner: Any) -> AllowListEntry:
        entry: AllowListEntry = self._all(AllowListEntry).create(network=ip_network(network), **owner)
        return entry

    def meter(self, made: Made) -> Meter:
        meter: Meter = self._all(Meter).get(key_id=made.key.id)
        return meter

    def execute(self, statement: str, *parameters: Any) -> None:
        with connections[self.using].cursor() as cursor:
            cursor.execute(statement, parameters)

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        with connections[self.using].cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def _all(self, model: Any) -> Any:
        return model._base_manager.using(self.using)

    def remove(self) -> None:
        """Everything of the organisations, people and tiers made here, and history since."""
        keys = list(self._all(Key).filter(organisation__in=self.organisations).values_list("id", flat=True))
        bots = "SELECT id FROM bot WHERE organisation_id = ANY(%s)"
        for statement, ids in [
            ("DELETE FROM key_scope WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM key_channel WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM allow_list_entry WHERE key_id = ANY(%s)", keys),
            (f"DELETE FROM allow_list_entry WHERE bot_id IN ({bots})", self.organisations),  # noqa: S608
            ("DELETE FROM secret WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM meter WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM usage_hour WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM key WHERE id = ANY(%s)", keys),
            ("DELETE FROM bot WHERE organisation_id = ANY(%s)", self.organisations),
            ("DELETE FROM channel WHERE organisation_id = ANY(%s)", self.organisations),
            ("DELETE FROM membership WHERE organisation_id = ANY(%s)", self.organisations),
            ("DELETE FROM organisation WHERE id = ANY(%s)", self.organisations),
            ("DELETE FROM version WHERE subject = ANY(%s)", self.organisations),
            ("DELETE FROM membership WHERE person_id = ANY(%s)", self.people),
            ("DELETE FROM person WHERE id = ANY(%s)", self.people),
            ("DELETE FROM tier WHERE id = ANY(%s)", self.tiers),
        ]:
            self.execute(statement, ids)
        self.execute("ALTER TABLE event DISABLE TRIGGER event_append_only")
        self.execute("DELETE FROM event WHERE number > %s", self._head[0])
        self.execute("UPDATE chain_head SET number = %s, hash = %s", *self._head)
        self.execute("ALTER TABLE event ENABLE ALWAYS TRIGGER event_append_only")
