"""Committed rows for calls, deleted after the test."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from keyadmin.callpath.state import state
from keyadmin.core import tokens
from keyadmin.core.cidr import parse
from keyadmin.models import AllowListEntry, Bot, Channel, Key, Meter, Organisation, Person, Secret, Tier
from keyadmin.models.event import ChainHead
from tests.factories import (
    BotFactory,
    ChannelFactory,
    KeyFactory,
    MembershipFactory,
    OrganisationFactory,
    PersonFactory,
    TierFactory,
)
from tests.owner import append_only_disabled, owner_url

type Pairs = list[tuple[str, str]]


class Made:
    """A key and its secret."""

    def __init__(self, key: Key, token: tokens.Token) -> None:
        self.key, self.token = key, token

    @property
    def headers(self) -> Pairs:
        return [("X-API-Key", self.token.value)]


class Given:
    """Creates rows with the factories. Deletes them, and what operations added to them."""

    def __init__(self) -> None:
        self.organisations: list[UUID] = []
        self.people: list[UUID] = []
        self.tiers: list[UUID] = []
        self._head = ChainHead.objects.values_list("number", "hash").get()

    def organisation(self, **fields: Any) -> Organisation:
        organisation: Organisation = OrganisationFactory.create(**fields)
        self.organisations.append(organisation.id)
        return organisation

    def bot(self, organisation: Organisation) -> Bot:
        bot: Bot = BotFactory.create(organisation=organisation)
        return bot

    def channel(self, organisation: Organisation, slug: str) -> Channel:
        channel: Channel = ChannelFactory.create(organisation=organisation, slug=slug)
        return channel

    def person(self, organisation: Organisation | None = None, role: str = "member", **fields: Any) -> Person:
        person: Person = PersonFactory.create(**fields)
        self.people.append(person.id)
        if organisation is not None:
            MembershipFactory.create(person=person, organisation=organisation, role=role)
        return person

    def tier(self, limit: int) -> Tier:
        tier: Tier = TierFactory.create(hourly_limit=limit)
        self.tiers.append(tier.id)
        return tier

    def key(
        self,
        organisation: Organisation | None = None,
        *,
        pepper: int | None = None,
        limit: int | None = None,
        **fields: Any,
    ) -> Made:
        """An active key that may read chats, unless `fields` differ. Its secret is under the newest pepper."""
        if limit is not None:
            fields["tier"] = self.tier(limit)
        made = KeyFactory.create(organisation=organisation or self.organisation(), **fields)
        token = tokens.parse(made.token)
        assert token is not None
        if pepper is not None:
            digest = tokens.digest(token.value, settings.KEYADMIN_PEPPERS[pepper])
            Secret.objects.filter(key=made).update(digest=digest, pepper_id=pepper)
        return Made(made, token)

    def network(self, network: str, **owner: Any) -> None:
        AllowListEntry.objects.create(network=parse(network), **owner)

    def meter(self, made: Made) -> Meter:
        return Meter.objects.get(key_id=made.key.id)

    def execute(self, statement: str, *parameters: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)

    def remove(self) -> None:
        """Deletes the organisations, people and tiers created here with all their rows, and history since."""
        state.usage.flush()
        keys = list(Key.objects.filter(organisation__in=self.organisations).values_list("id", flat=True))
        bots = "SELECT id FROM bot WHERE organisation_id = ANY(%s)"
        sessions = "SELECT id FROM token_session WHERE person_id = ANY(%s)"
        for statement, ids in [
            ("DELETE FROM key_scope WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM key_channel WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM allow_list_entry WHERE key_id = ANY(%s)", keys),
            (f"DELETE FROM allow_list_entry WHERE bot_id IN ({bots})", self.organisations),  # noqa: S608
            ("DELETE FROM secret_use WHERE secret_id IN (SELECT id FROM secret WHERE key_id = ANY(%s))", keys),
            ("DELETE FROM secret WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM meter WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM usage_hour WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM last_denial WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM scope_day WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM address_day WHERE key_id = ANY(%s)", keys),
            ("DELETE FROM idempotency_record WHERE actor_id = ANY(%s)", [*keys, *self.people]),
            ("DELETE FROM key WHERE id = ANY(%s)", keys),
            ("DELETE FROM bot WHERE organisation_id = ANY(%s)", self.organisations),
            ("DELETE FROM channel WHERE organisation_id = ANY(%s)", self.organisations),
            ("DELETE FROM membership WHERE organisation_id = ANY(%s)", self.organisations),
            ("DELETE FROM organisation WHERE id = ANY(%s)", self.organisations),
            ("DELETE FROM version WHERE subject = ANY(%s)", self.organisations),
            ("DELETE FROM membership WHERE person_id = ANY(%s)", self.people),
            (f"DELETE FROM refresh_token WHERE session_id IN ({sessions})", self.people),  # noqa: S608
            ("DELETE FROM token_session WHERE person_id = ANY(%s)", self.people),
            ("DELETE FROM person WHERE id = ANY(%s)", self.people),
            ("DELETE FROM tier WHERE id = ANY(%s)", self.tiers),
        ]:
            self.execute(statement, ids)
        with append_only_disabled(owner_url()) as own:
            own.execute("DELETE FROM event WHERE number > %s", [self._head[0]])
            own.execute("UPDATE chain_head SET number = %s, hash = %s", self._head)
