"""Bots: the list, the page of a bot, new keys for it, disabling and enabling."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from keyadmin.forms.bots import DEFAULT_SCOPES
from keyadmin.models import (
    AllowListEntry,
    Bot,
    CallOutcome,
    Event,
    EventType,
    Key,
    KeyStatus,
    Meter,
    Organisation,
    Person,
    Scope,
    UsageHour,
)
from keyadmin.operations.organisations import bots
from tests.factories import OPERATOR, BotFactory, KeyFactory, as_actor
from tests.fixtures.clients import SignedIn, SignedInHtmx
from tests.operations.helpers import latest_event
from tests.web.pages import form_values, key_names, secret_in


@pytest.fixture
def concierge(northwind: Organisation) -> Bot:
    row: Bot = BotFactory.create(organisation=northwind, name="Concierge", description="Answers guests")
    return row


def test_bot_list_shows_keys_ranges_and_status(
    jonas: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    BotFactory.create(organisation=northwind, name="Release bot", is_conversational=False, disabled=True)
    KeyFactory.create(bot=BotFactory.create(organisation=northwind, name="Concierge", networks=["192.0.2.0/24"]))
    BotFactory.create(organisation=contoso, name="Theirs")
    html = signed_in(jonas).get("/bots/").content.decode()
    assert key_names(html) == ["Concierge", "Release bot"]
    for words in ("1 range", "Any IP", "Keys only", "Conversational", "Disabled", "1–2 of 2", "New bot"):
        assert words in html
    assert key_names(signed_in(jonas).get("/bots/?q=RELEASE").content.decode()) == ["Release bot"]
    assert "No bot matches" in signed_in(jonas).get("/bots/?q=unknown").content.decode()


def test_bot_list_of_one_organisation_has_only_its_bots(
    maya: Person, northwind: Organisation, contoso: Organisation, htmx: SignedIn
) -> None:
    BotFactory.create(organisation=northwind, name="Ours")
    BotFactory.create(organisation=contoso, name="Theirs")
    rows = htmx(maya).get("/bots/?organisation=contoso").content.decode()
    assert key_names(rows) == ["Theirs"]
    assert "<html" not in rows
    assert htmx(maya).get("/bots/?organisation=unknown").status_code == 404


def test_bot_list_pages_reach_every_bot(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    for number in range(45):
        BotFactory.create(organisation=northwind, name=f"Bot {number:02}")
    client, seen, url = signed_in(jonas), [], "/bots/"
    while url:
        response = client.get(url)
        seen += key_names(response.content.decode())
        url = response.context["page"].next_url
    assert seen == [f"Bot {number:02}" for number in range(45)]


@pytest.mark.parametrize("url", ["/bots/", "/bots/{bot}/advanced/"])
def test_bot_list_costs_the_same_number_of_statements_for_many_bots(
    maya: Person, concierge: Bot, signed_in: SignedIn, url: str, django_assert_max_num_queries: Any
) -> None:
    client, counts = signed_in(maya), []
    for wanted in (3, 40):
        while Key.objects.count() < wanted:
            BotFactory.create(organisation=concierge.organisation, networks=["192.0.2.0/24"])
            key = KeyFactory.create(bot=concierge, networks=["10.0.0.0/8"])
            UsageHour.objects.create(key_id=key.id, hour=timezone.now(), outcome=CallOutcome.OK, count=3)
        with django_assert_max_num_queries(12) as captured:
            assert client.get(url.format(bot=concierge.id)).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_created_bot_opens_its_page(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    client = signed_in(jonas)
    assert "Use as a conversational bot" in client.get("/bots/create/").content.decode()
    response = client.post("/bots/create/", {"name": "Deploys", "organisation": "northwind"})
    made = Bot.objects.get()
    assert response["Location"] == f"/bots/{made.id}/"
    assert (made.name, made.is_conversational, made.organisation) == ("Deploys", False, northwind)
    assert latest_event().type == EventType.BOT_CREATED


def test_invalid_new_bot_shows_an_error_for_each_field(jonas: Person, concierge: Bot, htmx: SignedIn) -> None:
    for name, words in (("", "This field is required."), ("Concierge", "There is already a bot with this name.")):
        response = htmx(jonas).post("/bots/create/", {"name": name, "organisation": "northwind"})
        assert response.status_code == 422
        assert words in response.content.decode()
    assert Bot.objects.count() == 1


def test_bot_cannot_be_created_in_another_organisation(
    jonas: Person, northwind: Organisation, contoso: Organisation, signed_in: SignedIn
) -> None:
    assert signed_in(jonas).post("/bots/create/", {"name": "X", "organisation": "contoso"}).status_code == 422
    assert not Bot.objects.exists()


def test_basic_tab_is_a_whole_page_for_htmx(jonas: Person, concierge: Bot, htmx: SignedIn) -> None:
    assert "Basic settings" in htmx(jonas).get(f"/bots/{concierge.id}/").content.decode()


def test_conversational_bot_has_two_tabs(jonas: Person, concierge: Bot, signed_in: SignedIn) -> None:
    KeyFactory.create(bot=concierge, name="CRM integration")
    client = signed_in(jonas)
    basic = client.get(f"/bots/{concierge.id}/").content.decode()
    advanced = client.get(f"/bots/{concierge.id}/advanced/").content.decode()
    for html in (basic, advanced):
        assert 'aria-label="Bot settings"' in html
    assert "Answers guests" in basic
    assert "CRM integration" not in basic
    assert "CRM integration" in advanced
    assert "Allowed IP addresses" in advanced


def test_bot_that_only_owns_keys_has_no_tabs(jonas: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    bot = BotFactory.create(organisation=northwind, is_conversational=False, networks=["192.0.2.0/24"])
    KeyFactory.create(bot=bot, name="CI")
    html = signed_in(jonas).get(f"/bots/{bot.id}/").content.decode()
    assert 'aria-label="Bot settings"' not in html
    for words in ("CI", "192.0.2.0/24", "Owns keys only"):
        assert words in html


def test_htmx_gets_the_keys_of_a_bot_alone(jonas: Person, concierge: Bot, htmx: SignedIn) -> None:
    html = htmx(jonas).get(f"/bots/{concierge.id}/advanced/").content.decode()
    assert html.strip().startswith('<section class="card" id="bot-keys"')


def test_edited_bot_is_saved_and_its_page_reloaded(
    jonas: Person, concierge: Bot, signed_in: SignedIn, htmx: SignedInHtmx
) -> None:
    url = f"/bots/{concierge.id}/edit/"
    same = {"name": "Concierge", "description": "Answers guests", "is_conversational": "on", "revision": "1"}
    unchanged = signed_in(jonas).post(url, same)
    assert unchanged.status_code == 200
    assert "No changes to save." in unchanged.content.decode()
    client = htmx(jonas)
    client.set_current_url(f"/bots/{concierge.id}/")
    assert client.post(url, same | {"name": "Reception"})["HX-Refresh"] == "true"
    assert Bot.objects.get().name == "Reception"


def test_stale_edit_of_a_bot_is_a_conflict_with_both_changes(
    jonas: Person, maya: Person, concierge: Bot, htmx: SignedInHtmx
) -> None:
    url = f"/bots/{concierge.id}/edit/"
    form = htmx(jonas).get(url).content.decode()
    bots.edit(actor=as_actor(maya), bot=concierge.id, description="Answers guests at night")
    sent = form_values(form, "<form") | {"name": "Reception"}
    response = htmx(jonas).post(url, sent)
    html = response.content.decode()
    assert response.status_code == 409
    assert "Someone else changed this" in html
    assert "Save my changes" in html
    assert Bot.objects.get().name == "Concierge"
    merged = form_values(html, "<form")
    assert (merged["name"], merged["description"]) == (["Reception"], ["Answers guests at night"])
    assert htmx(jonas).post(url, merged).status_code in (200, 204)
    saved = Bot.objects.get()
    assert (saved.name, saved.description) == ("Reception", "Answers guests at night")


def test_description_of_a_bot_is_edited_in_place(
    jonas: Person, concierge: Bot, htmx: SignedIn, signed_in: SignedIn
) -> None:
    url = f"/bots/{concierge.id}/description/"
    client = htmx(jonas)
    assert 'value="Answers guests"' in client.get(url).content.decode()
    sent = {"description": "Greets guests", "original": "Answers guests"}
    assert "Greets guests" in client.post(url, sent).content.decode()
    assert Bot.objects.get().description == "Greets guests"
    before = Event.objects.count()
    assert client.post(url, sent | {"original": "Greets guests"}).status_code == 200
    assert client.post(url, {"description": "a\u202eb", "original": "Greets guests"}).status_code == 422
    assert Event.objects.count() == before
    page = signed_in(jonas)
    assert "<html" in page.get(url).content.decode()
    assert page.post(url, {"description": "Bye", "original": "Greets guests"})["Location"] == f"/bots/{concierge.id}/"


def test_description_that_changed_meanwhile_is_not_overwritten(jonas: Person, concierge: Bot, htmx: SignedIn) -> None:
    bots.edit(actor=OPERATOR, bot=concierge.id, description="Theirs")
    url = f"/bots/{concierge.id}/description/"
    response = htmx(jonas).post(url, {"description": "Mine", "original": "Answers guests"})
    assert response.status_code == 409
    html = response.content.decode()
    assert "Someone else changed it to “Theirs”." in html
    assert 'value="Mine"' in html
    assert Bot.objects.get().description == "Theirs"
    assert htmx(jonas).post(url, {"description": "Mine", "original": "Theirs"}).status_code == 200
    assert Bot.objects.get().description == "Mine"


def test_disable_dialog_names_the_keys_that_stop(jonas: Person, concierge: Bot, signed_in: SignedIn) -> None:
    busy = KeyFactory.create(bot=concierge, name="CRM integration")
    KeyFactory.create(bot=concierge, name="Idle")
    KeyFactory.create(bot=concierge, name="Gone", revoked=True)
    UsageHour.objects.create(key_id=busy.id, hour=timezone.now(), outcome=CallOutcome.OK, count=3412)
    Meter.objects.filter(key_id=busy.id).update(last_used_at=timezone.now())
    client, url = signed_in(jonas), f"/bots/{concierge.id}/disable/"
    html = client.get(url).content.decode()
    assert "2 keys stop working until you enable it again." in html
    assert 'role="alertdialog"' in html
    assert "3,412 requests today" in html
    assert "Never used" in html
    assert "Gone" not in html
    assert client.post(url, {"reason": "Moving"})["Location"] == f"/bots/{concierge.id}/"
    assert latest_event().reason == "Moving"
    assert busy.__class__.objects.get(id=busy.id).status == KeyStatus.PAUSED
    assert "New API key" not in client.get(f"/bots/{concierge.id}/").content.decode()


def test_disabling_twice_is_a_conflict_and_enabling_restores_the_bot(
    jonas: Person, concierge: Bot, signed_in: SignedIn
) -> None:
    client = signed_in(jonas)
    client.post(f"/bots/{concierge.id}/disable/")
    assert client.get(f"/bots/{concierge.id}/disable/").status_code == 409
    assert "Enable Concierge?" in client.get(f"/bots/{concierge.id}/enable/").content.decode()
    assert client.post(f"/bots/{concierge.id}/enable/").status_code == 302
    assert client.post(f"/bots/{concierge.id}/enable/").status_code == 409
    assert Bot.objects.get().is_active


def test_new_key_of_a_bot_needs_only_a_description(
    jonas: Person, concierge: Bot, htmx: SignedIn, signed_in: SignedIn
) -> None:
    url = f"/bots/{concierge.id}/keys/create/"
    html = htmx(jonas).get(url).content.decode()
    assert "It may:" in html
    assert "Never expires; stops when the bot is disabled" in html
    assert f"/keys/create/?owner=bot%3A{concierge.id}" in html
    form = {
        "description": "The CRM's nightly sync with HubSpot,\nfor deals that were closed on the day before",
        "idempotency_key": "n1",
    }
    response = htmx(jonas).post(url, form)
    key = Key.objects.get()
    assert (key.bot, key.description, key.tier) == (concierge, form["description"], concierge.organisation.default_tier)
    assert key.name == "The CRM's nightly sync with HubSpot, for deals that were cl…"
    assert set(key.scopes.values_list("name", flat=True)) == set(DEFAULT_SCOPES)
    assert key.expires_at is None
    secret = secret_in(response.content.decode())
    assert "no-store" in response["Cache-Control"]
    assert "keys:changed" in json.loads(response["HX-Trigger-After-Swap"])
    again = htmx(jonas).post(url, form)
    assert "The secret was already shown." in again.content.decode()
    assert Key.objects.count() == 1
    for page in (url, f"/bots/{concierge.id}/advanced/", "/security/public-keys/"):
        assert secret not in signed_in(jonas).get(page).content.decode()


def test_description_of_a_key_is_edited_on_the_page_of_its_bot(
    jonas: Person, asha: Person, concierge: Bot, signed_in: SignedIn, htmx: SignedInHtmx
) -> None:
    """The name, which was taken from the description, follows it."""
    form = {"description": "CRM sync", "idempotency_key": "n1"}
    assert htmx(jonas).post(f"/bots/{concierge.id}/keys/create/", form).status_code == 200
    key, other = Key.objects.get(), KeyFactory.create(bot=concierge, name="CI", description="Builds")
    page, url = f"/bots/{concierge.id}/advanced/", f"/keys/{key.id}/description/"
    html = signed_in(jonas).get(page).content.decode()
    for row in (key, other):
        assert f'id="edit-description-{row.id}" href="/keys/{row.id}/description/"' in html
        assert f"Edit description of {row.name}:" in html
    assert "/description/" not in signed_in(asha).get(page).content.decode()
    assert "Builds" in signed_in(asha).get(page).content.decode()

    client = htmx(jonas)
    client.set_current_url(page)
    response = client.post(url, {"description": "HubSpot sync", "original": "CRM sync"})
    assert json.loads(response["HX-Trigger"]) == {"toast": {"message": "Description saved, and the name with it"}}
    assert json.loads(response["HX-Trigger-After-Settle"]) == {"keys:changed": {}}
    assert key_names(client.get(page).content.decode()) == ["CI", "HubSpot sync"]
    response = client.post(f"/keys/{other.id}/description/", {"description": "Deploys", "original": "Builds"})
    assert "HX-Trigger-After-Settle" not in response
    assert key_names(client.get(page).content.decode()) == ["CI", "HubSpot sync"]

    client.set_current_url(f"/keys/{key.id}/")
    response = client.post(url, {"description": "Salesforce sync", "original": "HubSpot sync"})
    assert response["HX-Refresh"] == "true"
    assert "Follows the description until you change it." in client.get(f"/keys/{key.id}/edit/").content.decode()
    plain = signed_in(jonas).post(url, {"description": "Last", "original": "Salesforce sync"})
    assert plain["Location"] == f"/keys/{key.id}/"
    assert "<title>Last" in "".join(signed_in(jonas).get(f"/keys/{key.id}/").content.decode().split("\n"))


def test_form_of_a_bots_new_key_says_why_it_must_expire(
    jonas: Person, concierge: Bot, htmx: SignedIn, signed_in: SignedIn
) -> None:
    short, full = f"/bots/{concierge.id}/keys/create/", f"/keys/create/?owner=bot:{concierge.id}"
    for url in (short, full):
        assert "must have an expiry" not in signed_in(jonas).get(url).content.decode()
    Organisation.objects.filter(id=concierge.organisation_id).update(may_never_expire=False)
    for url in (short, full):
        assert "keys of Northwind must have an expiry" in signed_in(jonas).get(url).content.decode()


def test_new_key_of_a_bot_starts_with_the_narrowest_permissions(jonas: Person, concierge: Bot, htmx: SignedIn) -> None:
    url = f"/bots/{concierge.id}/keys/create/"
    assert DEFAULT_SCOPES == ("chats:read",)
    assert "This key can write or export" not in htmx(jonas).get(url).content.decode()
    Scope.objects.filter(name="chats:read").update(is_sensitive=True)
    assert "This key can write or export from any IP address:" in htmx(jonas).get(url).content.decode()
    AllowListEntry.objects.create(bot=concierge, network="203.0.113.0/24")
    assert "This key can write or export" not in htmx(jonas).get(url).content.decode()
    Scope.objects.filter(name="chats:read").delete()
    assert htmx(jonas).get(url)["Location"] == f"/keys/create/?owner=bot%3A{concierge.id}"


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        ({"default_expiry_days": None}, None),
        ({"default_expiry_days": None, "may_never_expire": False}, 90),
        ({"default_expiry_days": None, "may_never_expire": False, "max_expiry_days": 30}, 30),
        ({"default_expiry_days": 7}, None),
        ({"default_expiry_days": 7, "may_never_expire": False}, 7),
    ],
)
def test_new_key_of_a_bot_expires_by_the_rules_of_the_organisation(
    jonas: Person, concierge: Bot, htmx: SignedIn, rules: dict[str, Any], days: int | None
) -> None:
    Organisation.objects.filter(id=concierge.organisation_id).update(**rules)
    response = htmx(jonas).post(f"/bots/{concierge.id}/keys/create/", {"description": "CI", "idempotency_key": "n"})
    assert response.status_code == 200
    end = Key.objects.get().expires_at
    assert (end is None) == (days is None)
    if end is not None:
        assert round((end - timezone.now()) / timedelta(days=1)) == days


def test_key_needs_a_description_and_an_enabled_bot(jonas: Person, concierge: Bot, htmx: SignedIn) -> None:
    url = f"/bots/{concierge.id}/keys/create/"
    assert htmx(jonas).post(url, {"description": " ", "idempotency_key": "n"}).status_code == 422
    Bot.objects.update(is_active=False)
    for method in ("get", "post"):
        assert getattr(htmx(jonas), method)(url, {"description": "CI", "idempotency_key": "n"}).status_code == 409
    assert not Key.objects.exists()


@pytest.mark.parametrize("part", ["", "advanced/", "edit/", "disable/", "keys/create/", "networks/", "description/"])
def test_bot_of_another_organisation_is_not_found(lena: Person, concierge: Bot, signed_in: SignedIn, part: str) -> None:
    client = signed_in(lena)
    theirs, unknown = (client.get(f"/bots/{bot}/{part}") for bot in (concierge.id, uuid4()))
    assert theirs.status_code == unknown.status_code == 404
    assert theirs.content == unknown.content


def test_names_of_bots_are_escaped(maya: Person, northwind: Organisation, signed_in: SignedIn) -> None:
    evil = "<img src=x onerror=alert(1)>"
    bot = BotFactory.create(organisation=northwind, name=evil, description=evil)
    KeyFactory.create(bot=bot, name=evil)
    for page in ("/bots/", *(f"/bots/{bot.id}/{part}" for part in ("", "advanced/", "disable/", "keys/create/"))):
        html = signed_in(maya).get(page).content.decode()
        assert "<img src=x" not in html, page
        assert "&lt;img" in html, page
