"""Loads the demonstration, once.

Everything that has an operation is made by it, so that the history is true. What no operation makes is
written here: days past (when a key was made, when it expired) and its usage.
"""

import random
from datetime import datetime, timedelta
from enum import Enum
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Lower
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
from keyadmin.operations.demo.calls import Use, addresses, use
from keyadmin.operations.demo.data import (
    BOTS,
    CHANNELS,
    CONTOSO,
    JONAS,
    KEYS,
    NORTHWIND,
    PEOPLE,
    DemoKey,
)
from keyadmin.operations.demo.usage_history import DAYS, Past, past
from keyadmin.operations.organisations import allow_lists, bots
from keyadmin.operations.usage import roll_up

ACTOR: Final = Actor(kind=ActorKind.SYSTEM, id=None, label="Demo data", interface=Interface.COMMAND)
#: PostgreSQL's advisory lock of whoever is loading.
_LOCK: Final = 0x6B61645F64656D6F
#: The same usage every time, whenever it is made.
_SEED: Final = 2026


class DemoState(Enum):
    """What was there before. Only where there was nothing the demonstration is made."""

    NOTHING = "nothing"
    DEMO = "demo"
    #: Somebody's own data of the same names.
    OTHERS = "others"


def load(*, password: str) -> DemoState:
    """Make the demonstration, all of it, if neither it nor anything of its names is there.

    `password` becomes everybody's. Loading twice at once waits for the first and finds its work done.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', '60s', true)")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if (found := _found()) is not DemoState.NOTHING:
            return found
        _organisations()
        actors = _people(password)
        _channels_and_bots(actors[JONAS])
        made = [(spec, _issue(spec, actors[spec.by])) for spec in KEYS]
        for bot in BOTS:
            if bot.is_disabled:
                bots.disable(actor=actors[JONAS], bot=Bot.objects.get(organisation__slug=NORTHWIND, name=bot.name).id)
        _write_past(made)
        roll_up.roll_up(again_from=(timezone.now() - timedelta(days=DAYS + 1)).date())
    return DemoState.NOTHING


def _found() -> DemoState:
    emails = [person.email for person in PEOPLE]
    if Event.objects.filter(actor_kind=ACTOR.kind, actor_label=ACTOR.label).exists():
        return DemoState.DEMO
    taken = Organisation.objects.filter(slug__in=(NORTHWIND, CONTOSO)).exists()
    taken = taken or Person.objects.annotate(lower=Lower("email")).filter(lower__in=emails).exists()
    return DemoState.OTHERS if taken else DemoState.NOTHING


def _organisations() -> None:
    """One with keys in the default format, one with compact ones."""
    organisations.create(actor=ACTOR, name="Northwind", slug=NORTHWIND)
    organisations.create(actor=ACTOR, name="Contoso", slug=CONTOSO, key_prefix="whm", key_format="compact")


def _people(password: str) -> dict[str, Actor]:
    """Each person as an actor, by e-mail address."""
    made = {}
    for spec in PEOPLE:
        person = people.create(
            actor=ACTOR,
            email=spec.email,
            name=spec.name,
            password=password,
            system_role=spec.system_role or "",
            organisation=Organisation.objects.get(slug=spec.organisation).id,
            role=spec.role,
        )
        made[spec.email] = Actor(kind=ActorKind.PERSON, id=person.id, label=person.name, interface=Interface.COMMAND)
    return made


def _channels_and_bots(actor: Actor) -> None:
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
            allow_lists.add(actor=actor, network=network, bot=bot.id)


def _issue(spec: DemoKey, actor: Actor) -> UUID:
    """Issue the key and do to it what became of it; its secrets are thrown away."""
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
        # Nobody issues an expired key: it expires in `_write_past`.
        expires_at=None if spec.expires is None else timezone.now() + timedelta(days=max(spec.expires, 1)),
        tier=Tier.objects.filter(name=spec.tier).values_list("id", flat=True).first(),
    ).key.id
    if spec.grace:
        keys.regenerate(actor=actor, key=key, grace=spec.grace)
    if spec.revoked:
        keys.revoke(actor=actor, key=key, reason=spec.revoked)
    return key


def _write_past(made: list[tuple[DemoKey, UUID]]) -> None:
    now = timezone.now()
    generator = random.Random(_SEED)  # noqa: S311 - a picture's dice, not a secret's
    ledger: list[UsageHour] = []
    for spec, key in made:
        behind = {"created_at": now - timedelta(days=spec.created)}
        if spec.expires is not None and spec.expires < 0:
            behind["expires_at"] = now + timedelta(days=spec.expires)
        Key.objects.filter(id=key).update(**behind)
        was = past(spec, now, generator)
        ledger += [
            UsageHour(key_id=key, hour=hour, outcome=outcome, count=count)
            for (hour, outcome), count in was.hours.items()
        ]
        _write_meter(spec, key, was, now)
        # A key in its grace period has not been told the new secret yet.
        secret = Secret.objects.filter(key=key).order_by("created_at").values_list("id", flat=True)[0]
        _write_use(use(spec, key, secret, was, now, generator))
    UsageHour.objects.bulk_create(ledger, batch_size=5_000)


def _write_use(rows: Use) -> None:
    ScopeDay.objects.bulk_create(rows.scopes)
    AddressDay.objects.bulk_create(rows.addresses)
    LastDenial.objects.bulk_create(rows.refusals)
    SecretUse.objects.bulk_create(rows.secrets)


def _write_meter(spec: DemoKey, key: UUID, was: Past, now: datetime) -> None:
    if spec.idle is None:
        return
    used_at = now - spec.idle
    Meter.objects.filter(key_id=key).update(
        minute=int(now.timestamp()) // 60,
        cells=was.cells,
        used=sum(was.cells),
        total=was.total,
        last_used_at=used_at,
        last_used_ip=addresses(spec)[0],
        last_used_day=used_at.date(),
    )
