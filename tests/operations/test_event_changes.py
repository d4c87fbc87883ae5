"""The changes of each event are exactly what its operation wrote to the rows of its target.

`written` reads the fields of every row with SQL of its own, before and after the operation. An event must carry each
field that differs, with both values, and no other.
"""

import json
from datetime import timedelta
from typing import Any, Final

import pytest
from django.db import connection
from django.utils import timezone

from keyadmin.core.cidr import parse
from keyadmin.core.routes import Route
from keyadmin.core.time import rfc3339
from keyadmin.models import Event, Key, Organisation, Person, Role, SystemRole
from keyadmin.operations import keys, organisations, people
from keyadmin.operations.catalogue import scopes
from keyadmin.operations.organisations import allow_lists, bots
from keyadmin.operations.people import invitations
from tests.factories import OPERATOR, KeyFactory, member_of
from tests.operations import cases
from tests.operations.helpers import latest_event

#: Kind of target → the query of its rows. The first column is the id.
QUERIES: Final = {
    "key": """
        SELECT key.id, key.kind, key.name, key.description, key.inherits,
            nullif(key.name_follows_description, false) AS name_follows_description, tier.name AS tier, bot.name AS bot,
            key.key_id, key.prefix || '_' || key.recognition AS masked,
            key.expires_at, key.revoked_at, key.revoked_reason,
            ARRAY(SELECT scope_id FROM key_scope WHERE key_id = key.id ORDER BY 1) AS scopes,
            ARRAY(SELECT channel.name FROM key_channel JOIN channel ON channel.id = channel_id
                WHERE key_id = key.id ORDER BY 1) AS channels,
            ARRAY(SELECT network::text FROM allow_list_entry WHERE key_id = key.id ORDER BY 1) AS networks,
            ARRAY(SELECT network || ': ' || note FROM allow_list_entry WHERE key_id = key.id AND note <> '' ORDER BY 1)
                AS notes,
            (SELECT not_after FROM secret WHERE key_id = key.id AND not_after > now()) AS old_secret_until
        FROM key JOIN tier ON tier.id = key.tier_id LEFT JOIN bot ON bot.id = key.bot_id
    """,
    "bot": """
        SELECT id, name, description, is_conversational, is_active,
            ARRAY(SELECT network::text FROM allow_list_entry WHERE bot_id = bot.id ORDER BY 1) AS networks,
            ARRAY(SELECT network || ': ' || note FROM allow_list_entry WHERE bot_id = bot.id AND note <> '' ORDER BY 1)
                AS notes
        FROM bot
    """,
    "organisation": """
        SELECT organisation.id, organisation.name, slug, key_prefix, key_format, default_expiry_days, max_expiry_days,
            may_never_expire, usage_retention_days, is_active, tier.name AS tier
        FROM organisation JOIN tier ON tier.id = default_tier_id
    """,
    "person": """
        SELECT id, name, email, system_role, time_zone, is_active, email_verified_at IS NOT NULL AS email_verified,
            (SELECT jsonb_object_agg(organisation_id, role) FROM membership WHERE person_id = person.id) AS roles
        FROM person
    """,
    "bulk_revocation": "SELECT id, key_count, stopped_at FROM bulk_revocation",
    "invitation": "SELECT id, name, email, system_role, role, expires_at FROM invitation",
    "channel": "SELECT id, name, slug FROM channel",
    "tier": "SELECT id, name, hourly_limit FROM tier",
    "scope": """
        SELECT name AS id, name, resource, label, caption, explanation, ability, is_sensitive, position, ARRAY(
            SELECT method || ' ' || pattern
                || CASE channel_from WHEN '' THEN '' ELSE ' (channel: ' || channel_from || ')' END
            FROM scope_route WHERE scope_id = scope.name ORDER BY 1
        ) AS routes
        FROM scope
    """,
}
#: Fields of an event that are no column of its target: what a deletion keeps for readers, and links.
NOT_COMPARED: Final = {"created_at", "created_by", "last_used_at", "older_secret_until", "password_link", "roles"}
#: Columns that the event has elsewhere: the reason of a revocation is that of the event.
IN_REASON: Final = {"key.revoked": {"revoked_reason"}}
#: Defaults of new rows that no actor chooses.
DEFAULTS: Final = {"is_active", "is_conversational", "time_zone"}
#: Columns that have no field because they follow from the time of the event.
BY_TIME: Final = {"invitation": {"expires_at"}}
#: Not changes of rows.
NO_ROWS: Final = {"notice.sent", "usage.pruned", "review.exported", "keys.exported", "history.exported"}

type Rows = dict[tuple[str, str], dict[str, Any]]


def written() -> Rows:
    """The fields of all rows that operations change, by kind and id."""
    rows: Rows = {}
    with connection.cursor() as cursor:
        for kind, query in QUERIES.items():
            cursor.execute(query)
            names = [column.name for column in cursor.description]
            for values in cursor.fetchall():
                fields = dict(zip(names, values, strict=True))
                rows[kind, str(fields.pop("id"))] = fields
    return rows


#: Cases that write a person as another person, and invitations.
PEOPLE_CASES: Final = {
    name: case
    for name, case in cases.SESSION_CASES.items()
    if name in ("invitations.accept", "invitations.decline", "passwords.choose")
}


def fields_of(rows: Rows, event: Event) -> dict[str, Any]:
    """The fields of the event's target; the role of a person is that in the event's organisation."""
    fields = dict(rows.get((event.target_kind, event.target_id), {}))
    if event.target_kind == "person" and fields:
        fields["role"] = json.loads(fields.pop("roles") or "{}").get(str(event.organisation_id))
    return {name: rfc3339(value) if hasattr(value, "tzinfo") else value for name, value in fields.items()}


def is_same(recorded: Any, stored: Any) -> bool:
    empty: tuple[Any, ...] = (None, "", [])
    return recorded == stored or (recorded in empty and stored in empty)


def assert_true(event: Event, before: Rows, after: Rows) -> None:
    """The event's changes are those of its target between the two states."""
    if event.type in NO_ROWS:
        assert before == after
        return
    old, new = fields_of(before, event), fields_of(after, event)
    if event.type == "key.regenerated":
        assert_secrets_true(event, old, new)
    for field, (was, became) in event.changes.items():
        if field not in NOT_COMPARED:
            assert is_same(was, old.get(field)), (field, "before", was, old.get(field))
            assert is_same(became, new.get(field)), (field, "after", became, new.get(field))
    changed = {field for field in old | new if not is_same(old.get(field), new.get(field))}
    if not old or not new:
        changed -= DEFAULTS | BY_TIME.get(event.target_kind, set())
    assert changed <= set(event.changes) | IN_REASON.get(event.type, set())
    for target in before.keys() | after.keys():
        is_used_up = event.target_kind == "person" and target[0] == "invitation"
        if target != (event.target_kind, event.target_id) and not is_used_up:
            assert before.get(target) == after.get(target), "the operation changed a row that the event does not name"


def assert_secrets_true(event: Event, old: dict[str, Any], new: dict[str, Any]) -> None:
    """The end of the secret that was replaced, and that of an older one, which stops early.

    Removes the fields from all three.
    """
    at = rfc3339(event.at)
    was, until = event.changes.pop("old_secret_until")
    assert was is None
    replaced = new.pop("old_secret_until")
    assert until == replaced if replaced else until <= at
    older = event.changes.pop("older_secret_until", [None, None])
    assert older[0] == old.pop("old_secret_until")
    assert older[0] is None or older[1] <= at < older[0]


#: More ways to call operations that write several things.
MORE_CASES: Final[dict[str, cases.Operation]] = {
    "people.create with a role and no organisation": lambda w, a: people.create(
        actor=a, email="new@example.com", name="New", role=Role.AUDITOR
    ),
    "invitations.invite to a system role and an organisation": lambda w, a: invitations.invite(
        actor=a,
        email="new@example.com",
        name="New",
        system_role=SystemRole.AUDITOR,
        organisation=w.organisation.id,
        role=Role.OWNER,
    ),
    "people.edit of all fields": lambda w, a: people.edit(
        actor=a, person=w.person.id, name="Other", email="o@example.com", time_zone="Europe/Berlin"
    ),
    "keys.issue of all fields": lambda w, a: keys.issue(
        actor=a,
        organisation=w.organisation.id,
        bot=w.bot.id,
        name=" CI ",
        description="Line\r\nline ",
        scopes=["chats:read", "chats:write"],
        channels=[w.channel.id],
        networks=[parse("192.0.2.1/32")],
        notes={parse("192.0.2.1/32"): " Door "},
        expires_at=timezone.now() + timedelta(days=1),
        tier=w.tier.id,
    ),
    "keys.issue without a name": lambda w, a: keys.issue(
        actor=a, organisation=w.organisation.id, bot=w.bot.id, description="Nightly sync", scopes=["chats:read"]
    ),
    "keys.edit of all fields": lambda w, a: keys.edit(
        actor=a,
        key=w.key.id,
        revision=None,
        name="New",
        description="New",
        scopes=["chats:write"],
        channels=[w.channel.id],
        networks=[],
        allow_any=True,
        expires_at=timezone.now() + timedelta(days=1),
        tier=w.tier.id,
    ),
    "keys.edit that cuts the grace period": lambda w, a: keys.edit(
        actor=a, key=w.key.id, revision=None, expires_at=timezone.now() + timedelta(minutes=5)
    ),
    "keys.regenerate without grace": lambda w, a: keys.regenerate(actor=a, key=w.master.id),
    "keys.regenerate in a grace period": lambda w, a: keys.regenerate(actor=a, key=w.key.id),
    "keys.regenerate with a new expiry": lambda w, a: keys.regenerate(
        actor=a, key=w.key.id, grace=timedelta(days=1), expires_at=timezone.now() + timedelta(hours=1)
    ),
    "keys.regenerate compact": lambda w, a: keys.regenerate(
        actor=a, key=Key.objects.get(format="compact").id, grace=timedelta(hours=1)
    ),
    "keys.reactivate with a new expiry": lambda w, a: keys.reactivate(
        actor=a, key=w.revoked.id, expires_at=timezone.now() + timedelta(days=3), reason="Found"
    ),
    "keys.reactivate in a grace period": lambda w, a: keys.reactivate(
        actor=a, key=w.revoked.id, expires_at=timezone.now() + timedelta(minutes=5)
    ),
    "keys.edit of a note": lambda w, a: keys.edit(
        actor=a, key=w.key.id, revision=None, notes={w.key_entry.network: "Office"}
    ),
    "allow_lists.add with a note": lambda w, a: allow_lists.add(
        actor=a, bot=w.bot.id, network="203.0.113.0/24", note="Office"
    ),
    "allow_lists.change of a note": lambda w, a: allow_lists.change(actor=a, entry=w.bot_entry.id, note="Office"),
    "bots.edit of all fields": lambda w, a: bots.edit(
        actor=a, bot=w.bot.id, name="Other", description="Other", is_conversational=False
    ),
    "organisations.edit of all fields": lambda w, a: organisations.edit(
        actor=a,
        organisation=w.organisation.id,
        name="Other",
        key_prefix="oth",
        key_format="compact",
        tier=w.tier.id,
        default_expiry_days=20,
        max_expiry_days=30,
        may_never_expire=False,
        usage_retention_days=100,
    ),
    "scopes.edit of routes": lambda w, a: scopes.edit(
        actor=a, scope=w.scope.name, position=3, routes=[Route("GET", "/api/reports", w.scope.name)]
    ),
}
ALL: Final = cases.ALL_CASES | PEOPLE_CASES | MORE_CASES


@pytest.mark.parametrize("name", ALL)
def test_event_carries_what_was_written(world: cases.World, name: str) -> None:
    key = KeyFactory.create(organisation=world.organisation, revoked=True, in_grace=True)
    if name == "keys.reactivate in a grace period":
        world.revoked = key
    KeyFactory.create(organisation=world.organisation, compact=True)
    before = written()
    ALL[name](world, OPERATOR)
    assert_true(latest_event(), before, written())


def test_rows_that_differ_from_the_event_are_found(world: cases.World, maya: Person) -> None:
    before = written()
    keys.edit(actor=OPERATOR, key=world.key.id, revision=None, name="New")
    Key.objects.filter(id=world.key.id).update(description="Written without an event")
    with pytest.raises(AssertionError):
        assert_true(latest_event(), before, written())
    before = written()
    keys.edit(actor=OPERATOR, key=world.key.id, revision=None, name="Newer")
    member_of(world.organisation)
    with pytest.raises(AssertionError, match="does not name"):
        assert_true(latest_event(), before, written())


def test_regenerating_in_a_grace_period_records_the_end_of_the_older_secret(northwind: Organisation) -> None:
    key = KeyFactory.create(organisation=northwind, in_grace=True)
    scheduled = rfc3339(key.secrets.get(not_after__isnull=False).not_after)
    keys.regenerate(actor=OPERATOR, key=key.id, grace=timedelta(hours=2))
    was, became = latest_event().changes["older_secret_until"]
    assert was == scheduled
    assert became < scheduled
    keys.revoke(actor=OPERATOR, key=key.id)
    key = KeyFactory.create(organisation=northwind)
    keys.regenerate(actor=OPERATOR, key=key.id, grace=timedelta(hours=2))
    assert "older_secret_until" not in latest_event().changes
