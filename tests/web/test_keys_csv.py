"""The list of keys as a CSV file."""

import csv
import io

import pytest

from keyadmin.models import Event, Organisation, Person
from keyadmin.web.keys import csv_file
from tests.factories import BotFactory, KeyFactory
from tests.fixtures.clients import SignedIn
from tests.operations.helpers import issue, latest_event


def rows(text: str) -> dict[str, dict[str, str]]:
    assert text.startswith("\ufeffID,")
    return {row["Name"]: row for row in csv.DictReader(io.StringIO(text[1:], newline=""))}


def test_file_has_the_keys_that_match_the_filters(
    jonas: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    bot = BotFactory.create(organisation=northwind, name="Concierge", networks=["203.0.113.0/24"])
    bot.allow_list.update(note="Office")
    KeyFactory.create(bot=bot, name="=1+1", networks=["203.0.113.9/32"], scopes=["chats:write", "chats:read"])
    KeyFactory.create(organisation=northwind, name="Old", revoked=True)
    KeyFactory.create(organisation=contoso, name="Theirs")
    client = signed_in(jonas)
    html = client.get("/keys/?status=active&sort=name").content.decode()
    assert 'href="/keys/export/?status=active"' in html
    response = client.get("/keys/export/?status=active")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="keys-2')
    found = rows(response.getvalue().decode())
    assert list(found) == ["'=1+1"]
    row = found["'=1+1"]
    assert (row["Bot"], row["Status"], row["Permissions"]) == ("Concierge", "Active", "chats:read chats:write")
    assert (row["Allowed IPs"], row["Allowed IPs of the bot"]) == ("203.0.113.9/32", "203.0.113.0/24 (Office)")
    assert set(rows(client.get("/keys/export/?organisation=northwind").getvalue().decode())) == {"'=1+1", "Old"}
    assert latest_event().organisation_id == northwind.id


def test_file_has_all_keys_of_many_pages(
    jonas: Person, northwind: Organisation, signed_in: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "_BATCH_SIZE", 3)
    names = {KeyFactory.create(organisation=northwind).name for _ in range(8)}
    text = signed_in(jonas).get("/keys/export/").getvalue().decode()
    assert text.count("\r\n") == 9
    assert set(rows(text)) == names


def test_export_is_recorded_without_secrets(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    assert client.head("/keys/export/").status_code == 200
    assert not Event.objects.filter(type="keys.exported").exists()
    client.get("/keys/export/?q=CRM&open=any").getvalue()
    event = latest_event()
    assert (event.type, event.actor_id) == ("keys.exported", jonas.id)
    assert event.changes == {"filters": [None, ["q: CRM", "open: any"]]}
    token = issue(None, northwind).token.value
    assert token[-20:] not in client.get(f"/keys/export/?q={token}")["Location"]


def test_unknown_filter_of_the_file_is_an_error(jonas: Person, signed_in: SignedIn) -> None:
    assert signed_in(jonas).get("/keys/export/?status=nope").status_code == 422
    assert not Event.objects.filter(type="keys.exported").exists()
