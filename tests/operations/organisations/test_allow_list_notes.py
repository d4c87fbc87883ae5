"""Notes of allow-list entries: saved, recorded in history, and never read by calls."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from keyadmin.core import cidr
from keyadmin.core.errors import InvalidInputError, NoChangesError
from keyadmin.models import Bot, Key, Organisation, Person
from keyadmin.models.event_search import EventFilter, EventQuery
from keyadmin.operations import keys
from keyadmin.operations.allow_list_rules import TypedEntry
from keyadmin.operations.organisations import allow_lists
from tests.factories import OPERATOR, BotFactory, KeyFactory, as_actor
from tests.operations.helpers import issue, latest_event, meter_version, version

OFFICE, PLANT = cidr.parse("203.0.113.0/24"), cidr.parse("2001:db8::/48")


def notes(owner: Bot | Key) -> dict[str, str]:
    return {str(entry): entry.note for entry in owner.allow_list.all()}


@pytest.fixture
def bot(northwind: Organisation) -> Bot:
    row: Bot = BotFactory.create(organisation=northwind)
    return row


def test_note_of_a_new_entry_is_saved_and_recorded(bot: Bot, jonas: Person) -> None:
    allow_lists.add(actor=as_actor(jonas), bot=bot.id, network="203.0.113.0/24", note="  Berlin   office ")
    allow_lists.add(actor=as_actor(jonas), bot=bot.id, network="192.0.2.1")
    assert notes(bot) == {"203.0.113.0/24": "Berlin office", "192.0.2.1/32": ""}
    assert "notes" not in latest_event().changes
    allow_lists.add(actor=as_actor(jonas), bot=bot.id, network="2001:db8::/48", note="Plant")
    assert latest_event().changes["notes"] == [
        ["203.0.113.0/24: Berlin office"],
        ["2001:db8::/48: Plant", "203.0.113.0/24: Berlin office"],
    ]


@pytest.mark.parametrize("kind", ["bot", "key"])
def test_note_is_changed_without_touching_the_snapshots_of_calls(bot: Bot, kind: str) -> None:
    owner = bot if kind == "bot" else KeyFactory.create(organisation=bot.organisation)
    key = KeyFactory.create(bot=bot) if kind == "bot" else owner
    target: dict[str, Any] = {kind: owner.id}
    entry = allow_lists.add(actor=OPERATOR, network="203.0.113.0/24", **target)
    before = (meter_version(key), version(bot.organisation))
    allow_lists.change(actor=OPERATOR, entry=entry.id, note="Berlin")
    assert notes(owner) == {"203.0.113.0/24": "Berlin"}
    assert (meter_version(key), version(bot.organisation)) == before
    assert latest_event().type == "allow_list.changed"
    assert latest_event().changes == {"notes": [[], ["203.0.113.0/24: Berlin"]]}
    allow_lists.change(actor=OPERATOR, entry=entry.id, network="203.0.113.0/25")
    assert notes(owner) == {"203.0.113.0/25": "Berlin"}
    allow_lists.change(actor=OPERATOR, entry=entry.id, network="203.0.113.0/26", note="")
    assert latest_event().changes == {
        "networks": [["203.0.113.0/25"], ["203.0.113.0/26"]],
        "notes": [["203.0.113.0/25: Berlin"], []],
    }
    with pytest.raises(NoChangesError):
        allow_lists.change(actor=OPERATOR, entry=entry.id, network="203.0.113.0/26", note=" ")


def test_invalid_note_is_refused_at_every_operation(bot: Bot, northwind: Organisation) -> None:
    entry = allow_lists.add(actor=OPERATOR, bot=bot.id, network="203.0.113.0/24", note="Berlin")
    token = issue(None, northwind).token.value
    key = issue(None, northwind, networks=[OFFICE]).key
    event = latest_event().number
    for note in (token, f"see {token}", "n" * 201, "a\nb", "\u202eabc"):
        for operation, field in (
            (partial(allow_lists.add, bot=bot.id, network="192.0.2.1", note=note), "note"),
            (partial(allow_lists.change, entry=entry.id, note=note), "note"),
            (partial(keys.edit, key=key.id, revision=None, notes={OFFICE: note}), "notes"),
            (
                partial(
                    keys.issue,
                    organisation=northwind.id,
                    name="CI",
                    scopes=["chats:read"],
                    networks=[OFFICE],
                    notes={OFFICE: note},
                    expires_at=timezone.now() + timedelta(days=1),
                ),
                "notes",
            ),
        ):
            with pytest.raises(InvalidInputError) as refused:
                operation(actor=OPERATOR)
            assert list(refused.value.errors) == [field]
            assert token not in str(refused.value.errors)
    assert (notes(bot), latest_event().number) == ({"203.0.113.0/24": "Berlin"}, event)


def test_wrong_network_and_wrong_note_are_reported_together(bot: Bot) -> None:
    with pytest.raises(InvalidInputError) as refused:
        allow_lists.add(actor=OPERATOR, bot=bot.id, network="10.0.0.0/8", note="n" * 201)
    assert sorted(refused.value.errors) == ["network", "note"]


def test_notes_of_a_key_are_issued_kept_and_edited(northwind: Organisation) -> None:
    key = issue(None, northwind, networks=[OFFICE, PLANT], notes={OFFICE: "Berlin"}).key
    assert notes(key) == {"203.0.113.0/24": "Berlin", "2001:db8::/48": ""}
    assert latest_event().changes["notes"] == [None, ["203.0.113.0/24: Berlin"]]
    keys.edit(actor=OPERATOR, key=key.id, revision=None, networks=[PLANT, OFFICE], name="Renamed")
    assert notes(key) == {"203.0.113.0/24": "Berlin", "2001:db8::/48": ""}
    keys.edit(actor=OPERATOR, key=key.id, revision=None, notes={PLANT: "Plant"})
    assert notes(key) == {"203.0.113.0/24": "", "2001:db8::/48": "Plant"}
    assert latest_event().changes == {"notes": [["203.0.113.0/24: Berlin"], ["2001:db8::/48: Plant"]]}
    keys.edit(actor=OPERATOR, key=key.id, revision=None, networks=[OFFICE])
    assert notes(key) == {"203.0.113.0/24": ""}
    assert latest_event().changes["notes"] == [["2001:db8::/48: Plant"], []]
    keys.edit(actor=OPERATOR, key=key.id, revision=None, notes={OFFICE: "Berlin"})
    keys.delete(actor=OPERATOR, key=key.id)
    assert latest_event().changes["notes"] == [["203.0.113.0/24: Berlin"], None]


@pytest.mark.parametrize("text", ["203.0.113.0/24", "203.0.113", "Berlin", "2001:db8:7::/48"])
def test_changed_note_is_found_in_history_by_its_range_and_its_words(bot: Bot, text: str) -> None:
    for network in ("203.0.113.0/24", "2001:db8:7::/48"):
        entry = allow_lists.add(actor=OPERATOR, bot=bot.id, network=network)
        allow_lists.change(actor=OPERATOR, entry=entry.id, note="Berlin")
    found = [event.type for event in EventQuery.of(OPERATOR, EventFilter(text=text)).newest(10)]
    assert "allow_list.changed" in found


@pytest.mark.parametrize(
    ("text", "note", "entries"),
    [
        ("192.0.2.1, 192.0.2.2", "", [("192.0.2.1", ""), ("192.0.2.2", "")]),
        ("192.0.2.1, 192.0.2.2", " Both ", [("192.0.2.1", "Both"), ("192.0.2.2", "Both")]),
        ("192.0.2.1 # Own\r\n192.0.2.2", "Other", [("192.0.2.1", "Own"), ("192.0.2.2", "Other")]),
        ("192.0.2.1;192.0.2.2#No. #2\n\n# only a note\n", "", [("192.0.2.1", "No. #2"), ("192.0.2.2", "No. #2")]),
        ("", "Lost", []),
    ],
)
def test_pasted_list_is_split_into_entries_with_notes(text: str, note: str, entries: list[tuple[str, str]]) -> None:
    split = TypedEntry.split(text, note)
    assert split == entries
    assert [TypedEntry.from_text(str(entry)) for entry in split] == split
