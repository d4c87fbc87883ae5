"""Columns that redact stored keys: lists by name, and texts that are no keys."""

from keyadmin.models import Bot, Key, Organisation, Person, paging
from tests.factories import BotFactory, KeyFactory, as_actor
from tests.fixtures.stored_keys import StoredKeys


def test_list_by_name_reaches_every_row_beside_a_stored_key(northwind: Organisation, jonas: Person) -> None:
    made = StoredKeys()
    for number in range(9):
        BotFactory.create(organisation=northwind, name=f"Bot {number}")
    Bot.objects.filter(name="Bot 3").update(name=f"Bot 3 {made.tokens[0].value}")
    Bot.objects.filter(name="Bot 4").update(name=f"Bot 4 {made.tokens[1].value}")
    seen, cursor = [], ""
    for _ in range(5):
        page = paging.page(Bot.objects.visible_to(as_actor(jonas)), paging.BY_NAME, cursor, 2)
        seen += [bot.name[:5] for bot in page.rows]
        made.require_hidden(page.after + page.before, "cursor")
        cursor = page.after
    assert seen == [f"Bot {number}" for number in range(9)]
    assert not cursor


def test_ordinary_texts_are_shown_as_they_are(northwind: Organisation) -> None:
    name = "Backup_of_the_production_database_in_Frankfurt_2026_and_of_all_its_replicas"
    key = KeyFactory.create(organisation=northwind, name=name, description=f"sha256 {'ab12' * 16}")
    row = Key.objects.get(id=key.id)
    assert (row.name, row.description) == (name, f"sha256 {'ab12' * 16}")
