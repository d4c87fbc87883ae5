"""Pages execute at most twelve statements, and the same number for ten keys and for thousands."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from keyadmin.core.cidr import parse
from keyadmin.models import (
    AllowListEntry,
    Bot,
    CallOutcome,
    Channel,
    Event,
    Key,
    Membership,
    Meter,
    Organisation,
    Person,
    Role,
    Scope,
    Tier,
    UsageHour,
    Version,
    expressions,
)
from keyadmin.models.meter import CELLS
from keyadmin.operations import keys as operations
from keyadmin.operations import review
from keyadmin.operations.usage import roll_up
from tests.factories import KeyFactory, as_actor
from tests.fixtures.clients import SignedIn

PAGES = [
    "/",
    "/?organisation=northwind",
    "/keys/",
    "/keys/?sort=expires",
    "/keys/?q=k&status=active&organisation=northwind&open=any",
    "/keys/?q=key&open=limited&used=never&bot=none",
    "/bots/",
    "/bots/?q=b&organisation=northwind",
    "/usage/",
    "/usage/?organisation=northwind&days=90",
    "/usage/?bot={bot}",
    "/usage/?bot=none",
    "/security/public-keys/",
    "/security/public-keys/?q=k&organisation=northwind",
    "/security/allow-lists/",
    "/security/allow-lists/?organisation=northwind",
    "/security/allow-lists/?address=10.1.2.3",
    "/history/",
    "/history/?q=k&organisation=northwind",
    "/history/?type=key.revoked&since=2020-01-01",
    "/review/",
    "/review/?organisation=northwind&finding=no-expiry",
    "/organisations/",
    "/organisations/?q=o",
    "/organisations/northwind/",
    "/bots/{bot}/advanced/",
    "/explain/",
    "/explain/?organisation=northwind",
    "/people/",
    "/people/?q=p&organisation=northwind&role=member",
    "/permissions/",
    "/channels/",
    "/channels/?q=c",
    "/tiers/",
    "/settings/",
    "/keys/{key}/",
    "/keys/{key}/regenerate/",
    "/keys/{key}/revoke/",
    "/keys/{key}/delete/",
    "/keys/{key}/networks/",
    "/keys/create/?organisation=northwind",
    "/bots/{bot}/",
    "/bots/{bot}/networks/",
    "/bots/{bot}/disable/",
    "/people/{person}/",
    "/organisations/northwind/disable/",
    "/settings/?organisation=northwind",
    "/profile/",
    "/keys/{key}/edit/",
]

#: Rows of everything but keys.
MANY = 150
#: More than every limit that a page may have: of a list, of a count (COUNT_LIMIT), of a batch of the review report.
MANY_KEYS = 3_000


def test_pages_cost_the_same_however_many_keys_there_are(
    maya: Person, jonas: Person, northwind: Organisation, signed_in: SignedIn, django_assert_max_num_queries: Any
) -> None:
    """Of nothing there may be fewer: what there is no row of needs none of its details."""
    clients = {"maya": signed_in(maya), "jonas": signed_in(jonas)}
    _rows(maya, northwind, 10)
    review.build()
    roll_up.roll_up()
    bot = Bot.objects.filter(keys__isnull=False).first()
    assert bot
    names = {"bot": bot.id, "key": bot.keys.values_list("id", flat=True)[0], "person": jonas.id}

    def costs(pages: Iterable[str]) -> dict[tuple[str, str], int]:
        found = {}
        for page in pages:
            for who, client in clients.items():
                with django_assert_max_num_queries(12) as captured:
                    status = client.get(page.format(**names)).status_code
                assert status in ((200,) if who == "maya" else (200, 403, 404)), page
                found[who, page] = len(captured)
        return found

    before = costs(PAGES)
    _rows(maya, northwind, MANY)
    _keys_alone(northwind, bot, MANY_KEYS)
    after = costs(PAGES)
    assert {page: (before[page], after[page]) for page in before if before[page] != after[page]} == {}


def test_annotated_counts_stop_at_the_limit(
    maya: Person, northwind: Organisation, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the annotations; those of `counting` are tested with the list of keys."""
    _rows(maya, northwind, 12)
    monkeypatch.setattr(expressions, "COUNT_LIMIT", 9)
    tier = Tier.objects.with_key_count().get(id=northwind.default_tier_id)
    assert (tier.key_count, tier.organisation_count) == (10, 10)
    assert Scope.objects.with_key_count().get(name="chats:read").key_count == 10
    assert max(channel.key_count for channel in Channel.objects.with_key_count()) == 10
    monkeypatch.undo()
    monkeypatch.setattr("keyadmin.web.common.capped_count.COUNT_LIMIT", 9)
    client = signed_in(maya)
    for page in ("/tiers/", "/permissions/", "/channels/"):
        assert "1,000+" in client.get(page).content.decode(), page


def _rows(maya: Person, northwind: Organisation, count: int) -> None:
    """So many more of everything that a page lists, and events of them."""
    names = [uuid4().hex[:12] for _ in range(count)]
    tier = northwind.default_tier
    organisations = [Organisation(name=f"A {n}", slug=n, default_tier=tier) for n in names]
    Organisation.objects.bulk_create(organisations)
    Version.objects.bulk_create(Version(subject=organisation.id) for organisation in organisations)
    bots = Bot.objects.bulk_create(Bot(organisation=northwind, name=f"B {n}") for n in names)
    channels = Channel.objects.bulk_create(Channel(organisation=northwind, name=f"C {n}", slug=n) for n in names)
    people = Person.objects.bulk_create(Person(name=f"P {n}", email=f"{n}@example.com") for n in names)
    Membership.objects.bulk_create(Membership(person=p, organisation=northwind, role=Role.MEMBER) for p in people)
    Tier.objects.bulk_create(Tier(name=f"T {n}", hourly_limit=5) for n in names)
    Scope.objects.bulk_create(
        Scope(name=f"notes-{''.join(chr(97 + int(c, 16)) for c in n)}:read", resource="Notes", label=n, explanation="")
        for n in names
    )
    _keys(northwind, bots, channels, names)
    for bot in bots:
        AllowListEntry.objects.create(bot=bot, network=parse("10.0.0.0/16"))
    for _name in names[:10]:
        key = KeyFactory.create(organisation=northwind)
        operations.revoke(actor=as_actor(maya), key=key.id, reason="k")
    assert not names or Event.objects.count() >= 10


def _keys(northwind: Organisation, bots: list[Bot], channels: list[Channel], names: list[str]) -> None:
    now = timezone.now()
    keys = [
        Key(
            organisation=northwind,
            bot=bot,
            kind="bot" if bot else "standard",
            name=f"K {name}",
            prefix="kad",
            format="default",
            key_id=f"kad_{name}{'b' if bot else ''}",
            recognition="00000000",
            tier=northwind.default_tier,
            created_by="A creator",
            created_at=now - timedelta(days=60),
            expires_at=now + timedelta(days=3) if place % 3 else None,
        )
        for place, name in enumerate(names)
        for bot in (None, bots[0] if place % 2 else bots[place])
    ]
    Key.objects.bulk_create(keys)
    Meter.objects.bulk_create(
        Meter(key_id=key.id, cells=[0] * CELLS, last_used_at=None if place % 5 == 0 else now)
        for place, key in enumerate(keys)
    )
    UsageHour.objects.bulk_create(
        UsageHour(key_id=key.id, hour=now, outcome=outcome, count=3)
        for key in keys
        for outcome in (CallOutcome.OK, CallOutcome.ADDRESS)
    )
    Key.scopes.through.objects.bulk_create(Key.scopes.through(key=key, scope_id="chats:read") for key in keys)
    if channels:
        Key.channels.through.objects.bulk_create(Key.channels.through(key=key, channel=channels[0]) for key in keys)


def _keys_alone(organisation: Organisation, bot: Bot, count: int) -> None:
    """So many keys more, a tenth of them the bot's, with their meters and usage, straight into the tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH made AS (
                INSERT INTO key (id, organisation_id, bot_id, kind, name, description, prefix, format, key_id,
                                 recognition, tier_id, inherits, created_by, revoked_reason, created_at, revision)
                SELECT gen_random_uuid(), %s, CASE WHEN n %% 10 = 0 THEN %s::uuid END,
                       CASE WHEN n %% 10 = 0 THEN 'bot' ELSE 'standard' END, 'Key ' || n, '', 'kad', 'default',
                       'kad_many' || n, lpad(n::text, 8, '0'), %s, false, 'A creator', '',
                       now() - n * interval '1 minute', 1
                FROM generate_series(1, %s) AS n
                RETURNING id
            ), metered AS (
                INSERT INTO meter (key_id, version, minute, used, cells, total, last_used_at, last_used_day)
                SELECT id, 1, 0, 0, array_fill(0, ARRAY[61]), 0, now(), current_date FROM made
            )
            INSERT INTO usage_hour (key_id, hour, outcome, count)
            SELECT id, date_trunc('hour', now()), 'ok', 3 FROM made
            """,
            [organisation.id, bot.id, organisation.default_tier_id, count],
        )
        # As PostgreSQL does by itself of what is committed.
        cursor.execute("SELECT analyze_as_owner()")
