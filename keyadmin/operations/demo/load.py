"""Loads the demonstration data.

Operations create the rows, so that history is complete. This module writes only what no operation can write: times in
the past, such as the creation and the expiry of a key, and past usage.
"""

import random
from datetime import datetime, timedelta
from enum import Enum
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from keyadmin.core import cidr
from keyadmin.core.actors import Actor, ActorKind, Interface
from keyadmin.models import (
    AddressDay,
    Bot,
    Channel,
    Event,
    Key,
    LastDenial,
    Meter,
    Organisation,
    Person,
    ScopeDay,
    Secret,
    SecretUse,
    Tier,
    UsageHour,
)
from keyadmin.operations import keys, organisations, people
from keyadmin.operations.catalogue import channels
from keyadmin.operations.demo.data import (
    BOTS,
    CHANNELS,
    CONTOSO,
    JONAS,
    KEYS,
    NORTHWIND,
    NOTES,
    PEOPLE,
    DemoKey,
)
from keyadmin.operations.demo.usage_history import DAYS, UsageHistory, generate_history
from keyadmin.operations.demo.usage_rows import UsageRows, addresses, usage_rows
from keyadmin.operations.organisations import allow_lists, bots
from keyadmin.operations.usage import roll_up

ACTOR: Final = Actor(kind=ActorKind.SYSTEM, id=None, label="Demo data", interface=Interface.COMMAND)
#: ID of the advisory lock: one process loads at a time.
_LOCK_ID: Final = 0x6B61645F64656D6F
#: A constant seed, so that every installation has the same usage.
_SEED: Final = 2026


class DemoState(Enum):
    """What the database contained before. The data is loaded only if the state is NOTHING."""

    NOTHING = "nothing"
    DEMO = "demo"
    #: Other data with the same short names or emails.
    OTHERS = "others"


def load(*, password: str) -> DemoState:
    """Load the data if the database has none of it, and return what it contained before.

    All people get the `password`. If another process is loading the data, this one waits until it has finished.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', '60s', true)")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_ID])
        if (state := _state()) is not DemoState.NOTHING:
            return state
        _create_organisations()
        actors = _create_people(password)
        _create_channels_and_bots(actors[JONAS])
        issued = [(spec, _issue_key(spec, actors[spec.by])) for spec in KEYS]
        for spec in BOTS:
            if spec.is_disabled:
                bot = Bot.objects.get(organisation__slug=NORTHWIND, name=spec.name)
                bots.disable(actor=actors[JONAS], bot=bot.id)
        _write_past(issued)
        roll_up.roll_up(again_from=(timezone.now() - timedelta(days=DAYS + 1)).date())
    return DemoState.NOTHING


def _state() -> DemoState:
    """What the database contains."""
    emails = [person.email for person in PEOPLE]
    if Event.objects.filter(actor_kind=ACTOR.kind, actor_label=ACTOR.label).exists():
        return DemoState.DEMO
    taken = Organisation.objects.filter(slug__in=(NORTHWIND, CONTOSO)).exists()
    taken = taken or Person.objects.filter(email__in=emails).exists()
    return DemoState.OTHERS if taken else DemoState.NOTHING


def _create_organisations() -> None:
    """Northwind has keys in the default format, Contoso in the compact format."""
    organisations.create(actor=ACTOR, name="Northwind", slug=NORTHWIND)
    organisations.create(actor=ACTOR, name="Contoso", slug=CONTOSO, key_prefix="whm", key_format="compact")


def _create_people(password: str) -> dict[str, Actor]:
    """Create the people. Returns each as an actor, by email."""
    actors = {}
    for spec in PEOPLE:
        person = people.create(
            actor=ACTOR,
            email=spec.email,
            name=spec.name,
            password=password,
            is_email_verified=True,
            system_role=spec.system_role or "",
            organisation=Organisation.objects.get(slug=spec.organisation).id,
            role=spec.role,
        )
        actors[spec.email] = Actor(kind=ActorKind.PERSON, id=person.id, label=person.name, interface=Interface.COMMAND)
    return actors


def _create_channels_and_bots(actor: Actor) -> None:
    northwind = Organisation.objects.get(slug=NORTHWIND).id
    for name in CHANNELS:
        channels.create(actor=actor, organisation=northwind, name=name)
    for spec in BOTS:
        bot = bots.create(
            actor=actor,
            organisation=northwind,
            name=spec.name,
            description=spec.description,
            is_conversational=spec.is_conversational,
        )
        for network in spec.networks:
            allow_lists.add(actor=actor, network=network, note=NOTES.get(network, ""), bot=bot.id)


def _issue_key(spec: DemoKey, actor: Actor) -> UUID:
    """Issue the key, and regenerate or revoke it if the spec says so. Its secrets are not kept."""
    owner = Organisation.objects.get(slug=spec.organisation).id
    key = keys.issue(
        actor=actor,
        organisation=owner,
        bot=Bot.objects.get(organisation=owner, name=spec.bot).id if spec.bot else None,
        kind=spec.kind,
        name=spec.name,
        description=spec.description,
        scopes=spec.scopes,
        inherits=spec.inherits,
        channels=list(Channel.objects.filter(organisation=owner, name__in=spec.channels).values_list("id", flat=True)),
        networks=[cidr.parse(network) for network in spec.networks],
        notes={cidr.parse(network): NOTES[network] for network in spec.networks if network in NOTES},
        # An expired key cannot be issued: `_write_past` moves the expiry into the past.
        expires_at=None if spec.expires is None else timezone.now() + timedelta(days=max(spec.expires, 1)),
        tier=Tier.objects.filter(name=spec.tier).values_list("id", flat=True).first(),
    ).key.id
    if spec.grace:
        keys.regenerate(actor=actor, key=key, grace=spec.grace)
    if spec.revoked:
        keys.revoke(actor=actor, key=key, reason=spec.revoked)
    return key


def _write_past(issued: list[tuple[DemoKey, UUID]]) -> None:
    """Move the keys into the past and write their usage."""
    now = timezone.now()
    generator = random.Random(_SEED)  # noqa: S311 - generated usage, not a secret
    ledger: list[UsageHour] = []
    for spec, key in issued:
        times = {"created_at": now - timedelta(days=spec.created)}
        if spec.expires is not None and spec.expires < 0:
            times["expires_at"] = now + timedelta(days=spec.expires)
        Key.objects.filter(id=key).update(**times)
        history = generate_history(spec, now, generator)
        ledger += [
            UsageHour(key_id=key, hour=hour, outcome=outcome, count=count)
            for (hour, outcome), count in history.hours.items()
        ]
        _write_meter(spec, key, history, now)
        # The clients of a key in its grace period still use the old secret.
        secret = Secret.objects.filter(key=key).order_by("created_at").values_list("id", flat=True)[0]
        _write_usage(usage_rows(spec, key, secret, history, now, generator))
    UsageHour.objects.bulk_create(ledger, batch_size=5_000)


def _write_usage(rows: UsageRows) -> None:
    ScopeDay.objects.bulk_create(rows.scopes)
    AddressDay.objects.bulk_create(rows.addresses)
    LastDenial.objects.bulk_create(rows.denials)
    SecretUse.objects.bulk_create(rows.secrets)


def _write_meter(spec: DemoKey, key: UUID, history: UsageHistory, now: datetime) -> None:
    if spec.idle is None:
        return
    used_at = now - spec.idle
    Meter.objects.filter(key_id=key).update(
        minute=int(now.timestamp()) // 60,
        cells=history.cells,
        used=sum(history.cells),
        total=history.total,
        last_used_at=used_at,
        last_used_ip=addresses(spec)[0],
        last_used_day=used_at.date(),
    )
