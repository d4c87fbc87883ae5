"""The screens walked by whom they are for. Creating, the secret, revoking, deleting and the public key are told in
`test_forms`, `test_secret` and `test_story`, the rows of allow-lists in `test_allow_list`.
"""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from keyadmin.models import Bot, Organisation, Scope, Tier
from tests.browser.admin_scenes import from_menu, invite, open_person, opened
from tests.browser.bot_scenes import ask, open_bots, open_editor
from tests.browser.conftest import PageOf
from tests.browser.key_scenes import select
from tests.browser.scenes import act, dialog, open_key, open_list
from tests.browser.usage_scenes import of_a_key, open_overview
from tests.browser.world import World
from tests.callpath.rows import Given

NAME = "CRM integration"


def toast(page: Page, words: str) -> None:
    expect(page.locator("#toasts").get_by_text(words, exact=True)).to_be_visible()


def status_of(page: Page, address: str, secret: str) -> int:
    return httpx.get(f"{address}/api/whoami", headers={"X-API-Key": secret}).status_code


def test_the_overview_leads_on(page: Page, world: World) -> None:
    world.demonstration()
    open_overview(page)
    page.get_by_role("region", name="Expiring soon").get_by_role("link", name="CI/CD pipeline").click()
    expect(page.get_by_role("heading", name="CI/CD pipeline", level=1)).to_be_visible()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Overview").click()
    denials = page.get_by_role("region", name="Recent denials")
    expect(denials.get_by_role("listitem").filter(has_text=NAME)).to_be_visible()
    page.get_by_role("region", name="Recent activity").get_by_role("link", name="revoked the key").click()
    expect(page.locator("#panel").get_by_role("heading", name="Key revoked")).to_be_visible()


def test_usage_by_day_and_key(page_of: PageOf, world: World) -> None:
    world.demonstration()
    page = page_of("asha")
    of_a_key(page)
    page.get_by_role("link", name="7 days").click()
    expect(page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")
    page.get_by_text("View as table").click()
    table = page.get_by_role("region", name="Requests per day as a table")
    expect(table.get_by_role("row")).to_have_count(8)
    page.get_by_role("link", name=f"Remove filter Key {NAME}").click()
    expect(page.get_by_role("heading", name="Busiest keys")).to_be_visible()


def test_1_several_keys_are_revoked_at_once(page: Page, world: World) -> None:
    world.demonstration()
    open_list(page)
    page.locator("#tiles").get_by_role("link", name="Any IP address").click()
    expect(page.get_by_role("link", name=NAME, exact=True)).to_have_count(0)
    select(page, "Open export", "Zapier trial")
    page.get_by_role("button", name="Revoke 2 keys…").click()
    dialog(page).get_by_role("button", name="Revoke 2 keys").click()
    toast(page, "2 keys revoked")
    page.locator("#status-tabs").get_by_role("link", name="Revoked").click()
    page.goto("/keys/?organisation=northwind&status=revoked")
    expect(page.locator(".key-name")).to_have_count(3)


@pytest.mark.parametrize("width", [1280, 1440])
def test_1_every_column_has_room_however_long_the_names(page_of: PageOf, world: World, width: int) -> None:
    bot = Bot.objects.create(organisation=world.northwind, name="Concierge of the Scandinavian subsidiaries")
    scopes = Scope.objects.filter(name__in=["contacts:manage", "templates:send", "messages:send"])
    world.key("Nightly reconciliation of the Scandinavian subsidiaries", bot=bot).key.scopes.set(scopes)
    page = page_of("maya", viewport={"width": width, "height": 800})
    open_list(page)
    for column in ("Status", "Permissions", "Allowed IPs", "14-day usage", "Last used", "Expires"):
        expect(page.get_by_role("columnheader", name=column)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Actions for"))).to_be_in_viewport(ratio=1)
    assert page.evaluate("""() => {
      const table = document.querySelector(".keys");
      return table.getBoundingClientRect().right <= table.closest(".card").getBoundingClientRect().right;
    }""")


def test_1_the_sidebar_counts_along(page: Page, world: World) -> None:
    for name in ("Zapier trial", NAME):
        world.key(name)
    open_list(page)
    expect(page.locator("#count-keys")).to_have_text("2")
    form = act(page, NAME, "Delete…")
    form.get_by_role("textbox").fill(NAME)
    form.get_by_role("button", name="Delete key").click()
    expect(page.locator("#count-keys")).to_have_text("1")


def test_4_an_owner_edits_a_key(page_of: PageOf, world: World) -> None:
    world.demonstration()
    page = page_of("jonas")
    open_list(page)
    form = act(page, "Zapier trial", "Edit…")
    form.get_by_role("textbox", name="Name", exact=True).fill("Zapier, for good")
    form.get_by_role("checkbox", name="Write chats").check()
    form.get_by_role("button", name="Save changes").click()
    toast(page, "Key changed")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="Zapier, for good"))
    row.get_by_role("link").click()
    expect(page.get_by_role("region", name="Permissions").get_by_text("Write chats")).to_be_visible()


def test_5_a_keys_description_is_edited_in_place(page: Page, world: World) -> None:
    world.demonstration()
    open_key(page)
    page.wait_for_load_state()
    page.locator("#edit-description").press("Enter")
    page.get_by_label("Description", exact=True).fill("Opens a chat for every deal")
    page.keyboard.press("Enter")
    expect(page.locator("#edit-description")).to_have_text(re.compile("Opens a chat for every deal"))
    expect(page.locator("#edit-description")).to_be_focused()
    page.reload()
    expect(page.get_by_text("Opens a chat for every deal").first).to_be_visible()


def test_5_on_a_page_of_its_own_it_is_saved_once(page: Page, world: World) -> None:
    made = world.key(NAME)
    page.goto(f"/keys/{made.key.id}/description/")
    page.get_by_label("Description", exact=True).fill("Opens a chat for every deal")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    expect(page.locator("#edit-description")).to_have_text(re.compile("Opens a chat for every deal"))


def test_6_two_secrets_until_the_old_one_is_ended(page: Page, world: World, address: str) -> None:
    world.demonstration()
    old = world.keys["Zapier trial"].token.value
    open_list(page)
    form = act(page, "Zapier trial", "Regenerate…")
    form.get_by_role("radio", name="24 hours").check()
    form.get_by_role("button", name="Regenerate secret").click()
    new = dialog(page).locator("#reveal-key").inner_text()
    dialog(page).get_by_role("checkbox").check()
    dialog(page).get_by_role("button", name="Done").click()
    assert [status_of(page, address, secret) for secret in (old, new)] == [200, 200]
    open_key(page, "Zapier trial")
    page.get_by_role("link", name="End now…").click()
    dialog(page).get_by_role("button", name="End now").click()
    toast(page, "Old secret ended")
    expect(page.get_by_role("link", name="End now…")).to_have_count(0)
    assert [status_of(page, address, secret) for secret in (old, new)] == [401, 200]


def test_9_public_keys_lead_to_the_bots_list(page: Page, world: World) -> None:
    world.demonstration()
    page.goto("/security/public-keys/?organisation=northwind")
    row = page.get_by_role("row").filter(has_text=NAME)
    row.get_by_role("link", name="Allow-list of Concierge: 203.0.113.0/24").click()
    expect(page.get_by_role("heading", name="Allowed IP addresses")).to_be_in_viewport()


@pytest.mark.parametrize("width", [1280, 320])
def test_10_who_an_address_can_reach(page_of: PageOf, world: World, width: int) -> None:
    world.demonstration()
    page = page_of("maya", viewport={"width": width, "height": 800})
    page.goto("/security/allow-lists/?organisation=northwind")
    page.get_by_label("Which keys work from this address?").fill("203.0.113.24")
    expect(page.locator(".key-name")).to_have_text([NAME])
    expect(page.locator("#found")).to_have_text("1 key")
    page.get_by_label("Which keys work from this address?").fill("192.0.2.1")
    expect(page.get_by_text("No allow-list lets 192.0.2.1 use a key.")).to_be_visible()


def test_11_somebody_is_invited_and_given_another_role(page: Page, world: World) -> None:
    invite(page)
    expect(dialog(page).get_by_label("Link")).to_have_value(re.compile("/welcome/"))
    dialog(page).get_by_role("button", name="Done").click()
    expect(page.get_by_role("link", name="Noor Haddad", exact=True)).to_be_visible()
    open_person(page)
    opened(page, "Change the role in Northwind")
    dialog(page).get_by_role("radio", name="Auditor").check()
    dialog(page).get_by_role("button", name=re.compile("^(Save|Change)")).click()
    expect(page.get_by_role("main").get_by_text("Organisation auditor").first).to_be_visible()


@pytest.fixture
def catalogue(given: Given) -> Iterator[None]:
    """What its test adds to and changes of what all tests share is as before afterwards."""
    tier, scope = Tier.objects.get(name="Standard"), Scope.objects.get(name="chats:read")
    known = list(Organisation.objects.values_list("id", flat=True))
    yield
    tier.save()
    scope.save()
    given.organisations += Organisation.objects.exclude(id__in=known).values_list("id", flat=True)


def test_11_a_new_organisation_and_its_rules(page: Page, world: World, catalogue: None) -> None:
    page.goto("/organisations/")
    ask(page, "New organisation", "New organisation")
    dialog(page).get_by_role("textbox", name="Name").first.fill("Tailspin")
    dialog(page).get_by_role("button", name="Create organisation").click()
    expect(page.get_by_role("heading", name="Tailspin", level=1)).to_be_visible()
    page.get_by_role("link", name="Change…").click()
    page.get_by_label("Default expiry, in days").fill("45")
    page.get_by_role("button", name="Save settings").click()
    toast(page, "Settings saved")
    page.goto("/keys/create/?organisation=tailspin")
    expect(dialog(page).get_by_role("radio", name="Custom date")).to_be_checked()


def test_11_tiers_and_permissions(page: Page, world: World, catalogue: None) -> None:
    page.goto("/tiers/")
    from_menu(page, "Actions for Standard", "Edit…")
    dialog(page).get_by_label("Requests in any hour").fill("1500")
    dialog(page).get_by_role("button", name="Save").click()
    expect(page.get_by_role("row").filter(has_text="Standard")).to_contain_text("1,500")
    page.goto("/permissions/")
    from_menu(page, "Actions for Read chats", "Edit…")
    dialog(page).get_by_label("Label").fill("Read all chats")
    dialog(page).get_by_role("button", name="Save").click()
    expect(page.get_by_role("main").get_by_text("Read all chats", exact=True)).to_be_visible()


def test_13_and_14_a_bot_its_key_and_its_end(page_of: PageOf, world: World, address: str) -> None:
    page = page_of("jonas")
    open_bots(page)
    ask(page, "New bot", "New bot")
    dialog(page).get_by_role("textbox", name="Name", exact=True).fill("Concierge")
    dialog(page).get_by_role("button", name="Create bot").click()
    expect(page.get_by_role("heading", name="Concierge", level=1)).to_be_visible()
    open_editor(page)
    ask(page, "New API key", "New API key for Concierge")
    dialog(page).get_by_label("Description").fill("Greets new customers")
    dialog(page).get_by_role("button", name="Save").click()
    secret = dialog(page).locator("#reveal-key").inner_text()
    dialog(page).get_by_role("checkbox").check()
    dialog(page).get_by_role("button", name="Done").click()
    expect(page.get_by_role("link", name="Greets new customers", exact=True)).to_be_visible()
    expect(page.locator("#count-keys")).to_have_text("1")
    assert status_of(page, address, secret) == 200
    ask(page, "Disable…", "Disable Concierge?")
    expect(dialog(page).get_by_text("1 key stops working")).to_be_visible()
    dialog(page).get_by_role("button", name="Disable bot").click()
    expect(page.get_by_role("link", name="Enable…")).to_be_visible()
    assert status_of(page, address, secret) == 401
