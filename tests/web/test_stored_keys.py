"""Keys in texts that were stored before operations refused them: no page, dialog or file shows them."""

import json
from typing import Any

from django.db import connection

from keyadmin.core.redaction import REDACTED
from keyadmin.models import Bot, Channel, Event, Invitation, Key, Organisation, Person, Tier, keys_in_texts
from keyadmin.operations import review as review_operations
from keyadmin.operations.audit import chain
from keyadmin.operations.organisations import bots
from tests.factories import OPERATOR, as_actor
from tests.fixtures.clients import SignedIn
from tests.fixtures.stored_keys import COLUMNS, StoredKeys
from tests.operations.helpers import latest_event


def pages(stored: StoredKeys) -> list[str]:
    """Every page and dialog that shows a text."""
    key, other = Key.objects.filter(revoked_at=None).order_by("kind")[:2]
    revoked = Key.objects.filter(revoked_at__isnull=False).get()
    deleted = Event.objects.filter(type="key.deleted").get().target_id
    bot, person = Bot.objects.get(), Person.objects.exclude(email__startswith="maya").earliest("created_at")
    channel, tier = Channel.objects.get(), Tier.objects.exclude(name="Standard").exclude(name="Admin").first()
    invitation = Invitation.objects.get()
    assert tier
    found = ["/", "/profile/", "/invitations/", "/settings/?organisation=northwind", "/usage/", "/explain/"]
    found += [
        "/keys/",
        "/keys/?print=1",
        "/bots/",
        "/people/",
        "/organisations/",
        "/channels/",
        "/tiers/",
        "/permissions/",
    ]
    found += ["/history/", "/review/", "/review/?print=1", "/security/public-keys/", "/security/allow-lists/"]
    found += ["/keys/create/", "/bots/create/", "/people/invite/", f"/usage/?key={key.id}", f"/explain/?key={key.id}"]
    for row in (key, other, revoked):
        acts = ("", "edit/", "description/", "delete/", "denied/", "networks/", "regenerate/", "revoke/", "reactivate/")
        found += [f"/keys/{row.id}/{act}" for act in acts]
    found += [f"/keys/revoke/?key={key.id}&key={other.id}", f"/keys/{deleted}/"]
    found += [f"/bots/{bot.id}/{act}" for act in ("", "advanced/", "edit/", "description/", "disable/", "keys/create/")]
    found += [f"/organisations/northwind/{act}" for act in ("", "edit/", "disable/", "public-key/")]
    found += [f"/people/{person.id}/{act}" for act in ("", "edit/", "deactivate/", "link/", "roles/add/")]
    found += [f"/people/invitations/{invitation.id}/{act}/" for act in ("link", "withdraw")]
    found += [f"/channels/{channel.id}/{act}/" for act in ("rename", "remove")]
    found += [f"/tiers/{tier.id}/{act}/" for act in ("edit", "remove")]
    found += [f"/permissions/chats:read/{act}/" for act in ("edit", "remove")]
    found += [f"/history/{number}/" for number in Event.objects.values_list("number", flat=True)]
    found += ["/history/?q=Old", f"/history/?target={key.id}", "/keys/?q=Old", "/keys/?sort=name", "/people/?q=Old"]
    return found


def test_no_page_shows_a_stored_key(
    stored: StoredKeys, maya: Person, northwind: Organisation, signed_in: SignedIn, htmx: SignedIn
) -> None:
    """Also not in titles, attributes, the panel of history, and dialogs."""
    shown = 0
    for path in pages(stored):
        for client in (signed_in(maya), htmx(maya)):
            response = client.get(path)
            assert response.status_code in (200, 302, 403, 404, 409, 410, 422), path
            html = response.content.decode()
            stored.require_hidden(
                html + response.headers.get("HX-Trigger", "") + response.headers.get("Location", ""), path
            )
            shown += html.count(REDACTED)
    assert shown > 200


def test_no_file_shows_a_stored_key(stored: StoredKeys, maya: Person, signed_in: SignedIn) -> None:
    client = signed_in(maya)
    files = {
        path: b"".join(client.get(path)).decode()
        for path in ("/keys/export/", "/review/export/")
        if client.get(path).status_code == 200
    }
    for export_format in ("csv", "jsonl"):
        answer = client.post("/history/export/", {"format": export_format})
        files[export_format] = b"".join(answer).decode()
    assert {"/review/export/", "csv", "jsonl"} <= files.keys()
    for name, text in files.items():
        assert REDACTED in text, name
        stored.require_hidden(text, name)
    lines = [json.loads(line) for line in files["jsonl"].splitlines()]
    [edited] = [line for line in lines if line["type"] == "key.edited" and "networks" in line["changes"]]
    assert edited["changes"]["networks"] == [[REDACTED], None]


def test_chain_with_a_stored_key_is_intact(stored: StoredKeys) -> None:
    """The hashes are those of the stored texts, which are not rewritten."""
    chain.verify()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM event WHERE actor_label LIKE '%kad%'")
        assert cursor.fetchone()[0] >= 1
    assert REDACTED in latest_event().actor_label


def test_review_report_lists_every_text_with_a_key(
    stored: StoredKeys, maya: Person, jonas: Person, northwind: Organisation, signed_in: SignedIn
) -> None:
    found = keys_in_texts.find(as_actor(maya), None, limit=1000)
    assert {text.kind for text in found} == {*COLUMNS, "event", "note"} - {"allow_list_entry"}
    html = signed_in(maya).get("/review/").content.decode()
    assert "Texts that contain an API key" in html
    for kind in ("Key", "Bot", "Channel", "Organisation", "Person", "Invitation", "Tier", "Permission", "Event"):
        assert f"<span>{kind} <a" in html, kind
    [event] = [text for text in found if text.kind == "event"]
    assert f'href="/history/{event.id}/"' in html
    live = Key.objects.filter(revoked_at=None).count()
    [tile] = [t for t in signed_in(maya).get("/review/").context["tiles"] if str(t["label"]) == "API key in a text"]
    assert tile["value"] == str(live)
    owned = keys_in_texts.find(as_actor(jonas), northwind.id, limit=1000)
    assert {text.kind for text in owned} == {
        *("key", "bot", "channel", "organisation", "person", "invitation", "event", "note")
    }
    review_operations.build()


def test_other_organisations_texts_are_not_listed(
    contoso: Organisation, stored: StoredKeys, lena: Person, signed_in: SignedIn
) -> None:
    Organisation.objects.filter(id=contoso.id).update(name="Contoso")
    Person.objects.filter(id=lena.id).update(name="Lena")
    assert keys_in_texts.find(as_actor(lena), None, limit=10) == []
    assert "Texts that contain an API key" not in signed_in(lena).get("/review/").content.decode()


def test_edited_text_is_no_longer_listed(stored: StoredKeys, maya: Person) -> None:
    bot = Bot.objects.get()
    bots.edit(actor=OPERATOR, bot=bot.id, name="Concierge", description="Answers guests")
    assert "bot" not in {text.kind for text in keys_in_texts.find(as_actor(maya), None, limit=1000)}
    assert latest_event().changes["name"][1] == "Concierge"
    assert REDACTED in latest_event().changes["name"][0]


def test_edit_of_another_field_keeps_the_stored_text(stored: StoredKeys) -> None:
    before = stored_name(Bot.objects.get().id)
    bots.edit(actor=OPERATOR, bot=Bot.objects.get().id, is_conversational=False)
    assert stored_name(Bot.objects.get().id) == before
    assert REDACTED in Bot.objects.get().name


def stored_name(bot: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM bot WHERE id = %s", [bot])
        return str(cursor.fetchone()[0])
