"""The constraints of the schema: PostgreSQL rejects rows that the models do not allow."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection

from keyadmin.models import (
    AllowListEntry,
    Bot,
    Channel,
    Key,
    KeyKind,
    Meter,
    Organisation,
    Person,
    Scope,
    ScopeRoute,
    Secret,
    Tier,
    UsageHour,
)
from tests.factories import BotFactory, ChannelFactory, KeyFactory, MembershipFactory, PersonFactory

LATER = datetime(2999, 1, 1, tzinfo=UTC)
REFUSED: dict[str, tuple[str, Callable[[Organisation], Any]]] = {
    "a second public key": (
        "key_one_public",
        lambda o: [KeyFactory.create(organisation=o, public=True) for _ in range(2)],
    ),
    "a bot of another organisation": (
        "key_bot_of_organisation",
        lambda o: Key.objects.filter(id=KeyFactory.create(organisation=o).id).update(
            bot=BotFactory.create(), kind=KeyKind.BOT
        ),
    ),
    "a bot's key without a bot": (
        "key_bot_kind_has_bot",
        lambda o: KeyFactory.create(organisation=o, kind=KeyKind.BOT),
    ),
    "a standard key of a bot": (
        "key_bot_kind_has_bot",
        lambda o: KeyFactory.create(bot=BotFactory.create(organisation=o), kind=KeyKind.STANDARD),
    ),
    "an unknown kind": ("key_kind_known", lambda o: KeyFactory.create(organisation=o, kind="other")),
    "a default key without its id": ("key_id_by_format", lambda o: _of(KeyFactory.create(organisation=o), key_id=None)),
    "a compact key with an id": (
        "key_id_by_format",
        lambda o: _of(KeyFactory.create(organisation=o), format="compact"),
    ),
    "unknown format": ("key_id_by_format", lambda o: _of(KeyFactory.create(organisation=o), format="other")),
    "inheriting without creator": (
        "key_inheriting_has_creator",
        lambda o: KeyFactory.create(organisation=o, inherits=True),
    ),
    "a bad prefix": ("organisation_key_prefix_shape", lambda o: _of(o, key_prefix="1ab")),
    "a prefix with a line break": ("organisation_key_prefix_shape", lambda o: _of(o, key_prefix="ab\n")),
    "an unknown format": ("organisation_key_format_known", lambda o: _of(o, key_format="other")),
    "the same digest twice": (
        "secret_digest",
        lambda o: [
            Secret.objects.create(key=KeyFactory.create(organisation=o), digest=b"1" * 32, pepper_id=1, not_after=LATER)
            for _ in range(2)
        ],
    ),
    "a digest of another length": (
        "secret_digest_length",
        lambda o: Secret.objects.create(
            key=KeyFactory.create(organisation=o), digest=b"1" * 31, pepper_id=1, not_after=LATER
        ),
    ),
    "two current secrets": (
        "secret_one_current",
        lambda o: Secret.objects.create(key=KeyFactory.create(organisation=o), digest=b"1" * 32, pepper_id=1),
    ),
    "two old secrets": (
        "secret_one_in_grace",
        lambda o: Secret.objects.create(
            key=KeyFactory.create(organisation=o, in_grace=True), digest=b"1" * 32, pepper_id=1, not_after=LATER
        ),
    ),
    "allow-list entry without owner": (
        "allow_list_one_owner",
        lambda o: AllowListEntry.objects.create(network="10.0.0.0/8"),
    ),
    "an entry of two": (
        "allow_list_one_owner",
        lambda o: AllowListEntry.objects.create(
            network="10.0.0.0/8", key=KeyFactory.create(organisation=o), bot=BotFactory.create(organisation=o)
        ),
    ),
    "every address": (
        "allow_list_no_slash_0",
        lambda o: AllowListEntry.objects.create(network="0.0.0.0/0", bot=BotFactory.create()),
    ),
    "every address of the newer kind": (
        "allow_list_no_slash_0",
        lambda o: AllowListEntry.objects.create(network="::/0", bot=BotFactory.create()),
    ),
    "a network twice": (
        "allow_list_key_network_unique",
        lambda o: AllowListEntry.objects.create(
            network="10.0.0.0/8", key=KeyFactory.create(organisation=o, networks=["10.0.0.0/8"])
        ),
    ),
    "unknown role": ("membership_role_known", lambda o: MembershipFactory.create(organisation=o, role="king")),
    "unknown system role": ("person_system_role_known", lambda o: PersonFactory.create(system_role="king")),
    "an address twice": (
        "person_email_unique",
        lambda o: [PersonFactory.create(email="a@x.example") for _ in range(2)],
    ),
    "an address in another case": ("person_email_normal", lambda o: PersonFactory.create(email="A@x.example")),
    "an address outside ASCII": ("person_email_normal", lambda o: PersonFactory.create(email="ä@x.example")),
    "a bot's name twice": (
        "bot_name_unique",
        lambda o: [BotFactory.create(organisation=o, name="B") for _ in range(2)],
    ),
    "a channel's slug twice": (
        "channel_slug_unique",
        lambda o: [ChannelFactory.create(organisation=o, slug="c") for _ in range(2)],
    ),
    "a scope without a colon": ("scope_name_shape", lambda o: Scope.objects.create(name="chats")),
    "a route without a root": (
        "scope_route_rooted",
        lambda o: ScopeRoute.objects.create(scope_id="chats:read", method="GET", pattern="x"),
    ),
    "unknown method": (
        "scope_route_method_known",
        lambda o: ScopeRoute.objects.create(scope_id="chats:read", method="BREW", pattern="/x"),
    ),
    "a tier without calls": ("tier_limit_positive", lambda o: Tier.objects.create(name="None", hourly_limit=0)),
    "a meter with 60 cells": ("meter_cells_61", lambda o: Meter.objects.create(key_id=uuid4(), cells=[0] * 60)),
    "an unknown outcome": (
        "usage_hour_outcome_known",
        lambda o: UsageHour.objects.create(key_id=uuid4(), hour="2026-01-01T00:00Z", outcome="other"),
    ),
    "less than no calls": (
        "usage_hour_count_not_negative",
        lambda o: UsageHour.objects.create(key_id=uuid4(), hour="2026-01-01T00:00Z", outcome="ok", count=-1),
    ),
}


def _of(row: Any, **fields: Any) -> Any:
    return type(row).objects.filter(id=row.id).update(**fields)


@pytest.mark.parametrize("what", REFUSED)
def test_invalid_row_violates_constraint(northwind: Organisation, what: str) -> None:
    constraint, act = REFUSED[what]
    with pytest.raises(IntegrityError, match=constraint):  # noqa: PT012 - some constraints are deferred
        act(northwind)
        connection.check_constraints()


def test_network_with_host_bits_is_rejected(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind)
    with pytest.raises(DatabaseError, match="invalid cidr value"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO allow_list_entry (id, key_id, network, created_at) VALUES (%s, %s, '10.0.0.1/8', now())",
            [uuid4(), key.id],
        )


@pytest.mark.parametrize("owner", [Organisation, Person, Tier, Bot, Channel])
def test_row_that_a_key_refers_to_cannot_be_deleted(northwind: Organisation, owner: Any) -> None:
    creator = PersonFactory.create()
    KeyFactory.create(
        bot=BotFactory.create(organisation=northwind),
        creator=creator,
        channels=[ChannelFactory.create(organisation=northwind)],
    )
    table = owner._meta.db_table
    with pytest.raises(IntegrityError, match="violates foreign key"), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}; SET CONSTRAINTS ALL IMMEDIATE")  # noqa: S608 - a constant
