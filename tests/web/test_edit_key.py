"""Editing a key: in the dialog, with a conflicting edit, and its description in place."""

import json
import re
from datetime import UTC, timedelta
from html import unescape
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from keyadmin.models import Event, EventType, Key, KeyKind, Organisation, Person, ScopeDay
from keyadmin.operations import keys as operations
from tests.factories import OPERATOR, BotFactory, ChannelFactory, KeyFactory, TierFactory
from tests.fixtures.clients import SignedIn, SignedInHtmx
from tests.operations.helpers import latest_event
from tests.web.pages import form_values


@pytest.fixture
def key(northwind: Organisation) -> Key:
    made: Key = KeyFactory.create(
        organisation=northwind, name="CRM", description="Old", scopes=["chats:read", "chats:write"]
    )
    return made


def url(key: Key) -> str:
    return f"/keys/{key.id}/edit/"


def test_rename_reloads_the_key_page_and_other_edits_refresh_it(jonas: Person, key: Key, htmx: SignedInHtmx) -> None:
    client = htmx(jonas)
    client.set_current_url(f"/keys/{key.id}/")
    for changed, header in (("description", "HX-Trigger"), ("name", "HX-Refresh")):
        fields = form_values(client.get(url(key)).content.decode()) | {changed: "Other"}
        response = client.post(url(key), fields)
        assert {"HX-Trigger", "HX-Refresh"} & response.headers.keys() == {header}, changed


def test_form_shows_the_key_and_saves_changes(jonas: Person, key: Key, htmx: SignedIn) -> None:
    client = htmx(jonas)
    page = client.get(url(key)).content.decode()
    sent = form_values(page)
    assert (sent["name"], sorted(sent["scopes"])) == (["CRM"], ["chats:read", "chats:write"])
    assert "owner" not in sent
    response = client.post(url(key), sent | {"name": "CRM sync", "scopes": ["chats:read"]})
    assert response.status_code == 204
    key.refresh_from_db()
    assert (key.name, key.description, key.revision) == ("CRM sync", "Old", 2)
    event = latest_event()
    assert event.type == EventType.KEY_EDITED
    assert set(event.changes) == {"name", "scopes"}


def test_form_works_as_a_page_without_htmx(jonas: Person, key: Key, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    page = client.get(url(key)).content.decode()
    assert "<!doctype html>" in page
    assert 'hx-target="closest dialog"' not in page
    assert client.post(url(key), form_values(page) | {"description": "New"}).status_code == 302


def test_unchanged_form_says_no_changes(jonas: Person, key: Key, htmx: SignedIn) -> None:
    client = htmx(jonas)
    response = client.post(url(key), form_values(client.get(url(key)).content.decode()))
    assert response.status_code == 200
    assert "No changes to save." in response.content.decode()
    assert not Event.objects.of_target(str(key.id)).exists()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "This field is required."),
        ("scopes", [], "Choose at least one permission"),
        ("networks", "203.0.113.24/24", "203.0.113.24/24 is an address inside a range."),
        ("expires", "custom", "Choose a date."),
        ("revision", "", "This field is required."),
    ],
)
def test_invalid_form_shows_errors_and_keeps_input(
    jonas: Person, key: Key, htmx: SignedIn, field: str, value: Any, words: str
) -> None:
    client = htmx(jonas)
    sent = form_values(client.get(url(key)).content.decode()) | {"description": "Typed", field: value}
    response = client.post(url(key), sent)
    assert response.status_code == 422
    html = response.content.decode()
    assert words in unescape(html)
    assert 'value="Typed"' in html
    key.refresh_from_db()
    assert key.description == "Old"


def test_stale_form_shows_the_other_change_and_can_be_saved(
    maya: Person, jonas: Person, key: Key, htmx: SignedIn, signed_in: SignedIn
) -> None:
    client = htmx(jonas)
    sent = form_values(client.get(url(key)).content.decode())
    theirs = signed_in(maya)
    changed = form_values(theirs.get(url(key)).content.decode()) | {"description": "Maya's", "scopes": ["chats:read"]}
    assert theirs.post(url(key), changed).status_code == 302
    response = client.post(url(key), sent | {"name": "Jonas's"})
    assert response.status_code == 409
    assert "HX-Reswap" not in response
    html = unescape(response.content.decode())
    assert re.search(r"Someone else changed this key 1 second ago\. Review their change\.", html)
    assert "<del>Old</del>" in html
    assert "<ins>Maya's</ins>" in html
    key.refresh_from_db()
    assert (key.name, key.description) == ("CRM", "Maya's")
    again = form_values(response.content.decode())
    assert (again["name"], again["description"], again["scopes"]) == (["Jonas's"], ["Maya's"], ["chats:read"])
    assert client.post(url(key), again).status_code == 204
    key.refresh_from_db()
    assert (key.name, key.description, key.revision) == ("Jonas's", "Maya's", 3)
    assert set(key.scopes.values_list("name", flat=True)) == {"chats:read"}


@pytest.mark.parametrize("base", ["", "[]", "nonsense", "{"])
def test_forged_base_version_is_harmless(jonas: Person, key: Key, htmx: SignedIn, base: str) -> None:
    client = htmx(jonas)
    sent = form_values(client.get(url(key)).content.decode()) | {"base": base, "name": "Mine"}
    operations.edit(actor=OPERATOR, key=key.id, revision=None, description="Theirs")
    response = client.post(url(key), sent)
    assert response.status_code == 409
    assert form_values(response.content.decode())["description"] == ["Old"]


def test_kept_expiry_does_not_change(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind, expires_at=timezone.now() + timedelta(days=200))
    northwind.max_expiry_days = 30
    northwind.save()
    client = htmx(jonas)
    sent = form_values(client.get(url(key)).content.decode())
    assert sent["expires"] == ["keep"]
    assert client.post(url(key), sent | {"name": "Renamed"}).status_code == 204
    assert Key.objects.get(id=key.id).expires_at == key.expires_at
    sent = form_values(client.get(url(key)).content.decode())
    assert client.post(url(key), sent | {"expires": "90"}).status_code == 422
    assert client.post(url(key), sent | {"expires": "7"}).status_code == 204
    ends = Key.objects.get(id=key.id).expires_at
    assert ends
    assert ends < timezone.now() + timedelta(days=8)


def test_owner_keeps_a_tier_that_only_administrators_choose(
    maya: Person, jonas: Person, northwind: Organisation, htmx: SignedIn
) -> None:
    tier = TierFactory.create(name="Fast")
    key = KeyFactory.create(organisation=northwind, tier=tier)
    client = htmx(jonas)
    page = client.get(url(key)).content.decode()
    assert "Fast" in page
    assert client.post(url(key), form_values(page) | {"name": "Renamed"}).status_code == 204
    other = TierFactory.create(name="Faster")
    sent = form_values(client.get(url(key)).content.decode()) | {"tier": str(other.id)}
    assert client.post(url(key), sent).status_code == 422
    sent = form_values(htmx(maya).get(url(key)).content.decode()) | {"tier": str(other.id)}
    assert htmx(maya).post(url(key), sent).status_code == 204
    assert Key.objects.get(id=key.id).tier == other


def test_channel_of_another_organisation_is_rejected(
    jonas: Person, northwind: Organisation, contoso: Organisation, key: Key, htmx: SignedIn
) -> None:
    ours, theirs = ChannelFactory.create(organisation=northwind), ChannelFactory.create(organisation=contoso)
    client = htmx(jonas)
    sent = form_values(client.get(url(key)).content.decode())
    assert client.post(url(key), sent | {"channels": [str(theirs.id)]}).status_code == 422
    assert client.post(url(key), sent | {"channels": [str(ours.id)]}).status_code == 204


def test_impersonation_is_offered_for_master_keys_only(maya: Person, northwind: Organisation, htmx: SignedIn) -> None:
    for kind, offered in ((KeyKind.MASTER, True), (KeyKind.STANDARD, False)):
        key = KeyFactory.create(organisation=northwind, kind=kind)
        assert ('value="users:impersonate"' in htmx(maya).get(url(key)).content.decode()) is offered


def test_public_key_offers_no_expiry(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind, public=True)
    page = htmx(jonas).get(url(key)).content.decode()
    assert re.findall(r'name="expires" value="([^"]*)"', page) == ["never"]


def test_form_shows_the_ranges_of_the_bot(jonas: Person, northwind: Organisation, htmx: SignedIn) -> None:
    bot = BotFactory.create(organisation=northwind, networks=["192.0.2.0/24"])
    page = htmx(jonas).get(url(KeyFactory.create(bot=bot))).content.decode()
    assert "Its bot’s addresses: 192.0.2.0/24" in page


def test_form_shows_how_often_each_permission_was_used(jonas: Person, key: Key, htmx: SignedIn) -> None:
    today = timezone.now().astimezone(UTC).date()
    ScopeDay.objects.create(key_id=key.id, day=today - timedelta(days=8), scope="chats:read", count=9)
    ScopeDay.objects.create(key_id=key.id, day=today, scope="chats:export", count=3)  # lost since then
    page = htmx(jonas).get(url(key)).content.decode()
    assert "this week" not in page
    for days in (0, 6):
        ScopeDay.objects.create(key_id=key.id, day=today - timedelta(days=days), scope="chats:write", count=106)
    page = htmx(jonas).get(url(key)).content.decode()
    [box] = re.findall(r"<input[^>]* data-held[^>]*>", page)
    assert 'value="chats:write"' in box
    assert page.count("this week.") == 1
    assert "Used 212 times this week." in page


def test_full_access_key_shows_use_of_all_permissions(maya: Person, northwind: Organisation, htmx: SignedIn) -> None:
    key = KeyFactory.create(organisation=northwind, inherits=True, creator=maya)
    today = timezone.now().astimezone(UTC).date()
    ScopeDay.objects.create(key_id=key.id, day=today, scope="chats:export", count=1)
    assert "Used 1 time this week." in htmx(maya).get(url(key)).content.decode()


class TestDescription:
    def address(self, key: Key) -> str:
        return f"/keys/{key.id}/description/"

    def test_description_is_edited_in_place(self, jonas: Person, key: Key, htmx: SignedIn) -> None:
        client = htmx(jonas)
        form = client.get(self.address(key)).content.decode()
        assert form.lstrip().startswith('<form class="inline-form"')
        response = client.post(self.address(key), {"description": "New <b>", "original": "Old"})
        assert "New &lt;b&gt;" in response.content.decode()
        assert json.loads(response["HX-Trigger"]) == {"toast": {"message": "Description saved"}}
        key.refresh_from_db()
        assert key.description == "New <b>"

    def test_cancelled_or_unchanged_description_saves_nothing(self, jonas: Person, key: Key, htmx: SignedIn) -> None:
        client = htmx(jonas)
        for response in (
            client.get(f"{self.address(key)}?cancel"),
            client.post(self.address(key), {"description": "Old", "original": "Old"}),
        ):
            assert response.status_code == 200
            assert f'id="edit-description-{key.id}"' in response.content.decode()
            assert "HX-Trigger" not in response
        assert not Event.objects.of_target(str(key.id)).exists()

    def test_form_works_as_a_page_without_htmx(self, jonas: Person, key: Key, signed_in: SignedIn) -> None:
        client = signed_in(jonas)
        assert "<!doctype html>" in client.get(self.address(key)).content.decode()
        response = client.post(self.address(key), {"description": "New", "original": "Old"})
        assert response["Location"] == f"/keys/{key.id}/"

    def test_description_that_is_too_long_shows_an_error(self, jonas: Person, key: Key, htmx: SignedIn) -> None:
        response = htmx(jonas).post(self.address(key), {"description": "x" * 501, "original": "Old"})
        assert response.status_code == 422
        assert 'aria-invalid="true"' in response.content.decode()

    def test_description_that_changed_meanwhile_is_not_overwritten(
        self, jonas: Person, key: Key, htmx: SignedIn
    ) -> None:
        operations.edit(actor=OPERATOR, key=key.id, revision=None, description="Theirs")
        client = htmx(jonas)
        response = client.post(self.address(key), {"description": "Mine", "original": "Old"})
        assert response.status_code == 409
        html = response.content.decode()
        assert "Someone else changed it to “Theirs”." in html
        assert 'value="Mine"' in html
        assert 'name="original" value="Theirs"' in html
        assert client.post(self.address(key), {"description": "Mine", "original": "Theirs"}).status_code == 200

    def test_change_of_another_field_does_not_block_the_description(
        self, jonas: Person, key: Key, htmx: SignedIn
    ) -> None:
        operations.edit(actor=OPERATOR, key=key.id, revision=None, name="Renamed")
        response = htmx(jonas).post(self.address(key), {"description": "Mine", "original": "Old"})
        assert response.status_code == 200


def test_stale_edit_after_the_expiry_was_removed_is_a_conflict(jonas: Person, key: Key, htmx: SignedIn) -> None:
    """The choice "Keep" of the stale form is not offered any more."""
    Key.objects.filter(id=key.id).update(expires_at=timezone.now() + timedelta(days=30))
    client = htmx(jonas)
    sent = form_values(client.get(url(key)).content.decode())
    Key.objects.filter(id=key.id).update(expires_at=None, revision=F("revision") + 1)
    response = client.post(url(key), sent | {"description": "Mine"})
    assert response.status_code == 409
    merged = form_values(response.content.decode())
    assert (merged["description"], merged["expires"]) == (["Mine"], ["never"])
