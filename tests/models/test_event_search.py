"""The search of history: filters, order, visibility, and the use of the index."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keyadmin.models import ChainHead, Event, EventType, Key, Organisation, Person
from keyadmin.models.event_search import EventFilter, EventQuery
from tests.factories import OPERATOR, KeyFactory, OrganisationFactory, as_actor, member_of

#: Events of one part of the index, as in history_parts.sql.
BLOCK_SIZE = 65536
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = "20000000-0000-4000-8000-000000000001"


def event(number: int, **fields: Any) -> Event:
    """An unsaved event without valid hashes, which the search does not need."""
    values: dict[str, Any] = {
        "format": 1,
        "at": NOON,
        "type": EventType.KEY_EDITED.value,
        "actor_kind": "person",
        "actor_label": "Maya Okafor",
        "interface": "page",
        "target_kind": "key",
        "target_id": KEY,
        "target_label": "CRM integration",
        "previous_hash": b"",
        "hash": b"",
    }
    return Event(number=number, **values | fields)


def write(*events: Event) -> None:
    Event.objects.bulk_create(events)
    ChainHead.objects.update(number=max(one.number for one in events))


def numbers(conditions: EventFilter, actor: Any = OPERATOR, limit: int = 50) -> list[int]:
    return [one.number for one in EventQuery.of(actor, conditions).newest(limit)]


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("maya", True),
        ("MAYA oka", True),
        ("okafor crm", True),
        ("aya", False),
        ("okafor jonas", False),
        ("ok", False),
        ("it", True),
        ("o'neil", True),
        ("neil", True),
        ("größe", True),
        ("GRÖSSE", True),
        ("retired", True),
        ("(retired)", True),
        ("second line", True),
        ("line", True),
        ("...", True),
        ("northwind.example", True),
        ("maya@northwind.example", True),
        ("maya@contoso.example", False),
        ("203.0.113", True),
        ("203.0.113.0/24", True),
        ("203.0.113.0/25", False),
        ("0.113.0", False),
        ("198.51.100.7", True),
        ("198.51.100.70", False),
        ("2001:db8", True),
        ("2001:DB8::/3", True),
        ("::1", False),
        (KEY, True),
        (KEY.upper(), True),
        (KEY.replace("0001", "0002"), False),
        ("req_01JD9V7Q", True),
        ("reports:read", True),
        ("reports:write", False),
        ("x" * 60, True),
        ("x" * 119, True),
        ("x" * 59 + "y", False),
        ("it's \\ 'quoted' & | ! <-> :* \x01 %", False),
        ("networks", True),
        ("old new", True),
    ],
)
def test_text_matches_beginnings_of_words_addresses_and_ids(db: None, text: str, is_found: bool) -> None:
    write(
        event(
            3,
            reason="(Retired), it is O'Neil's",
            ip="198.51.100.7",
            request_id="req_01JD9V7Q4M2XKB",
            changes={
                "description": ["old", "new\nsecond line, Größe GRÖSSE maya@northwind.example"],
                "networks": [["2001:db8::/32"], ["203.0.113.0/24"]],
                "scopes": [[], ["reports:read"]],
                "name": [None, "x" * 5000],
            },
        )
    )
    assert numbers(EventFilter(text=text)) == ([3] if is_found else [])


REQUEST_ID = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (REQUEST_ID, [4]),
        (REQUEST_ID[:20], [4]),
        (str(UUID(REQUEST_ID)), []),
        ("3f2504e0-4f89-41d3-9a0c-0305e82c3301", [3]),
        ("IP range removed", [2]),
        ("range rem", [2]),
        ("bot disabled", [3]),
        ("DISABLED", [3]),
        ("key changed", [5, 4]),
        ("changed disabled", []),
        ("permissions", [4]),
        ("allowed ip addresses", [2]),
        ("bot disabled maya", [3]),
        ("bot disabled jonas", []),
        ("5", [5]),
        ("#4", [4]),
        ("203.0.113.77", [1]),
        ("198.51.100.2", [1]),
        ("203.51.113.2", []),
        ("2001:db8::7", [1]),
        ("failed 203.0.113.77", [1]),
    ],
)
def test_text_matches_labels_request_ids_numbers_and_client_addresses(db: None, text: str, expected: list[int]) -> None:
    write(
        event(
            1,
            type=EventType.SIGN_IN_FAILED.value,
            changes={"attempts": [None, 3], "addresses": [None, ["203.0.113.77", "198.51.100.2", "2001:db8::7"]]},
        ),
        event(2, type=EventType.ALLOW_LIST_ENTRY_REMOVED.value, changes={"networks": [["192.0.2.128/25"], []]}),
        event(3, type=EventType.BOT_DISABLED.value, request_id="3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
        event(4, request_id=REQUEST_ID, changes={"scopes": [[], ["reports:read"]]}),
        event(5),
    )
    assert numbers(EventFilter(text=text)) == expected


def test_number_of_an_event_is_found_in_every_writing_and_only_if_visible(
    jonas: Person, northwind: Organisation, contoso: Organisation
) -> None:
    write(event(12_396, organisation_id=northwind.id), event(12_397, organisation_id=contoso.id))
    for text in ("12396", "12,396", "#12,396", " 12396 "):
        assert numbers(EventFilter(text=text)) == [12_396]
        assert numbers(EventFilter(text=text, organisation=contoso.id)) == []
        assert numbers(EventFilter(text=text), as_actor(jonas)) == [12_396]
    assert numbers(EventFilter(text="12397"), as_actor(jonas)) == []
    assert numbers(EventFilter(text="12396 maya")) == []
    found = EventQuery.of(OPERATOR, EventFilter(text="12396"))
    assert [found.count_since(number) for number in (0, 12_395, 12_396)] == [1, 1, 0]


def test_key_id_finds_all_events_of_the_key(jonas: Person, northwind: Organisation, contoso: Organisation) -> None:
    masked, other = "kad_a1B2c3D4", "kad_z9y8x7w6"
    of_northwind = {"organisation_id": northwind.id}
    write(
        event(
            1,
            type="key.issued",
            changes={"masked": [None, masked], "key_id": [None, f"{masked}a1b2c3d4"]},
            **of_northwind,
        ),
        event(2, type="key.revoked", **of_northwind),
        event(3, type="key.issued", target_id=str(UUID(int=9)), changes={"masked": [None, other]}, **of_northwind),
        event(4, type="key.revoked", target_id=str(UUID(int=9)), **of_northwind),
        event(5, type="key.deleted", changes={"masked": [masked, None]}, **of_northwind),
    )
    for text in (masked, f"{masked}••••", f"{masked}a1b2c3d4", masked.lower()):
        assert numbers(EventFilter(text=text)) == [5, 2, 1], text
        assert numbers(EventFilter(text=text), as_actor(jonas)) == [5, 2, 1]
        assert numbers(EventFilter(text=text), as_actor(member_of(contoso, "owner"))) == []
    assert numbers(EventFilter(text=f"{masked} revoked")) == [2]
    assert numbers(EventFilter(text="kad_00000000")) == []


def test_event_with_any_content_is_stored(db: None) -> None:
    """A word that is too long for the index must not make the event, and so the change, fail."""
    huge = " ".join(f"word{number}" for number in range(60_000))
    write(
        event(1, target_id="a:b'c\\d e", target_label="é" * 254, actor_label="", reason="'\\:*\n\t" * 40),
        event(2, changes={"a": [None, "ü" * 100_000], "networks": [None, ["1.2.3.4/32"] * 5000]}),
        event(3, changes={"a": [huge, None]}, reason="tail"),
        event(4, target_label="A\u00a0no-break \u201cquoted\u201d \u3000wide"),
    )
    assert numbers(EventFilter(text="tail")) == [3]
    assert numbers(EventFilter(text="word1000")) == [3]
    assert numbers(EventFilter(target="break quoted wide")) == [4]


def test_filters_match_alone_and_combined(db: None) -> None:
    someone, northwind = UUID(int=5), UUID(int=6)
    write(
        event(
            1, actor_id=someone, actor_label="Jonas Lind", type=EventType.KEY_REVOKED.value, at=NOON - timedelta(days=9)
        ),
        event(2, organisation_id=northwind, target_label="Shop export", target_id="other"),
        event(3, organisation_id=northwind, actor_id=someone, actor_label="Jonas Lind"),
        event(4, organisation_id=northwind, actor_label="Maya Lind", type=EventType.KEY_REVOKED.value),
    )
    cases = {
        "everything": (EventFilter(), [4, 3, 2, 1]),
        "actor's id": (EventFilter(actor=str(someone)), [3, 1]),
        "actor's name": (EventFilter(actor="lind"), [4, 3, 1]),
        "both words": (EventFilter(actor="Lind jonas"), [3, 1]),
        "the last word's beginning": (EventFilter(actor="jonas lin"), [3, 1]),
        "no other's": (EventFilter(actor="jon lind"), []),
        "not the target's": (EventFilter(actor="shop"), []),
        "target's name": (EventFilter(target="shop"), [2]),
        "target's id": (EventFilter(target=KEY), [4, 3, 1]),
        "action": (EventFilter(type="key.revoked"), [4, 1]),
        "organisation": (EventFilter(organisation=northwind), [4, 3, 2]),
        "two of them": (EventFilter(organisation=northwind, type="key.revoked"), [4]),
        "three of them": (EventFilter(organisation=northwind, actor=str(someone), target="crm"), [3]),
        "since": (EventFilter(since=NOON - timedelta(days=1)), [4, 3, 2]),
        "until": (EventFilter(until=NOON), [1]),
        "since, with another": (EventFilter(since=NOON - timedelta(days=1), actor=str(someone)), [3]),
        "until, with two": (EventFilter(until=NOON, actor=str(someone), type="key.revoked"), [1]),
        "nothing so early": (EventFilter(until=NOON - timedelta(days=99), actor="lind"), []),
        "nothing so late": (EventFilter(since=NOON + timedelta(days=99), actor="lind"), []),
    }
    assert {name: numbers(conditions) for name, (conditions, _) in cases.items()} == {
        name: expected for name, (_, expected) in cases.items()
    }


def test_clock_set_back_hides_no_events(db: None) -> None:
    minutes = [0, 10, 50, 20, 30, 60, 4 * 365 * 24 * 60, 70]
    write(*(event(n, at=NOON + timedelta(minutes=m), reason="x") for n, m in enumerate(minutes, 1)))
    for conditions in (EventFilter(), EventFilter(text="maya")):
        since, until = NOON + timedelta(minutes=25), NOON + timedelta(minutes=40)
        filtered = partial(EventFilter, text=conditions.text, since=since)
        assert numbers(filtered(until=until)) == [5]
        assert numbers(filtered(until=NOON + timedelta(minutes=90))) == [8, 6, 5, 3]
        assert numbers(filtered(until=NOON + timedelta(days=9999))) == [8, 7, 6, 5, 3]


def test_actor_finds_only_visible_events(
    maya: Person, priya: Person, jonas: Person, sam: Person, northwind: Organisation, contoso: Organisation
) -> None:
    both = member_of(northwind, "auditor")
    member_of_contoso = member_of(contoso, "owner")
    key = KeyFactory.create(organisation=northwind)
    write(
        event(BLOCK_SIZE, organisation_id=northwind.id, actor_id=maya.id),
        event(3 * BLOCK_SIZE, organisation_id=contoso.id, actor_id=maya.id),
        event(5 * BLOCK_SIZE, actor_id=jonas.id),
        event(6 * BLOCK_SIZE, actor_id=sam.id),
        event(7 * BLOCK_SIZE, organisation_id=contoso.id, actor_id=both.id),
    )
    expected: dict[str, tuple[Person | Key, list[int]]] = {
        "maya": (maya, [7, 6, 5, 3, 1]),
        "priya": (priya, [7, 6, 5, 3, 1]),
        "jonas": (jonas, [5, 1]),
        "sam": (sam, [6]),
        "both": (both, [7, 1]),
        "lena": (member_of_contoso, [7, 3]),
        "key": (key, [1]),
    }
    for name, (who, blocks) in expected.items():
        for conditions in (EventFilter(), EventFilter(text="crm"), EventFilter(target=KEY, type="key.edited")):
            assert numbers(conditions, as_actor(who)) == [block * BLOCK_SIZE for block in blocks], name
    assert numbers(EventFilter(organisation=contoso.id), as_actor(jonas)) == []
    Person.objects.filter(id=jonas.id).update(is_active=False)
    assert numbers(EventFilter(), as_actor(jonas)) == [5 * BLOCK_SIZE]


@given(
    st.lists(st.integers(1, 6 * BLOCK_SIZE), min_size=1, unique=True, max_size=60),
    st.integers(1, 12),
    st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_pages_show_every_event_in_order_both_ways(db: None, places: list[int], size: int, rare: bool) -> None:
    """Pages cross blocks, empty blocks, and events that do not match."""
    reason = {True: "seldom", False: "often"}
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before")
        write(*(event(n, reason=reason[n % 7 == 0]) for n in places))
        found = EventQuery.of(OPERATOR, EventFilter(text=reason[rare]))
        expected = sorted((n for n in places if (n % 7 == 0) == rare), reverse=True)
        page, pages = found.page("", size), []
        while True:
            pages.append([one.number for one in page.rows])
            if not page.after:
                break
            page = found.page(page.after, size)
        assert [n for numbers in pages for n in numbers] == expected
        for numbers in pages[-2::-1]:
            page = found.page(page.before, size)
            assert [one.number for one in page.rows] == numbers
        assert page.before == ""
        middle = expected[len(expected) // 2] if expected else 1
        assert found.count_since(middle) == sum(n > middle for n in expected)
        cursor.execute("ROLLBACK TO before")


def test_search_reads_only_matching_events(db: None, maya: Person, northwind: Organisation) -> None:
    """EXPLAIN shows no sequential scan, and no row that does not match or lie beside a match."""
    other = OrganisationFactory.create()
    write(
        *(
            event(
                n,
                organisation_id=(northwind if n % 100 == 0 else other).id,
                target_id=f"t{n}",
                target_label=f"T {n}",
                at=NOON + timedelta(minutes=n),
                actor_id=maya.id if n % 2 else None,
                type=EventType.KEY_REVOKED.value if n % 50 == 0 else EventType.KEY_EDITED.value,
            )
            for n in range(1, 4001)
        )
    )
    auditor = as_actor(member_of(northwind, "auditor"))
    noon = NOON + timedelta(minutes=2000)
    filters = {
        "everything": (EventFilter(), OPERATOR),
        "action": (EventFilter(type="key.revoked"), OPERATOR),
        "actor": (EventFilter(actor=str(maya.id)), OPERATOR),
        "target": (EventFilter(target="t77"), OPERATOR),
        "rare word": (EventFilter(text="3777"), OPERATOR),
        "no such word": (EventFilter(text="nothing"), OPERATOR),
        "an organisation's": (EventFilter(), auditor),
        "an organisation's action": (EventFilter(type="key.revoked"), auditor),
        "an organisation's, rare word": (EventFilter(text="3700"), auditor),
        "an action's organisation": (EventFilter(type="key.revoked", organisation=northwind.id), OPERATOR),
        "until": (EventFilter(until=noon), OPERATOR),
        "until, action": (EventFilter(until=noon, type="key.revoked"), OPERATOR),
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT analyze_as_owner()")

        def reads() -> tuple[int, int]:
            cursor.execute("SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'event'")
            sequential, by_index = cursor.fetchone()
            return sequential, by_index

        for name, (conditions, actor) in filters.items():
            found = EventQuery.of(actor, conditions)
            scans, fetched = reads()
            shown = len(list(found.newest(20)))
            scanned, read = (after - before for after, before in zip(reads(), (scans, fetched), strict=True))
            assert scanned == 0, name
            # All matches of a bucket are read before the newest are taken, and so are those of an hour around a time.
            assert read <= 2 * shown + 150, (name, shown, read)
