"""Tasks of the people that the pages are for.

Other modules test the form of a key (`test_forms`), its secret (`test_secret`), its lifecycle
(`test_key_lifecycle`) and the editor of an allow-list (`test_allow_list`).
"""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from keyadmin.models import Bot, Organisation, Scope, Tier
from tests.browser.admin_scenes import choose_from_menu, invite, open_person
from tests.browser.bot_scenes import open_bot, open_bots, open_editor
from tests.browser.contexts import SignedInPage
from tests.browser.demo import Demo
from tests.browser.key_scenes import select_keys
from tests.browser.scenes import choose_action, modal, open_dialog, open_key, open_list
from tests.browser.usage_scenes import open_overview, open_usage_of_key
from tests.fixtures.committed_rows import CommittedRows

NAME = "CRM integration"


def expect_toast(page: Page, text: str) -> None:
    expect(page.locator("#toasts").get_by_text(text, exact=True)).to_be_visible()


def status_of(page: Page, base_url: str, secret: str) -> int:
    return httpx.get(f"{base_url}/api/whoami", headers={"X-API-Key": secret}).status_code


def test_overview_links_to_keys_denials_and_events(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_overview(page)
    page.get_by_role("region", name="Expiring soon").get_by_role("link", name="CI/CD pipeline").click()
    expect(page.get_by_role("heading", name="CI/CD pipeline", level=1)).to_be_visible()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Overview").click()
    denials = page.get_by_role("region", name="Recent denials")
    expect(denials.get_by_role("listitem").filter(has_text=NAME)).to_be_visible()
    page.get_by_role("region", name="Recent activity").get_by_role("link", name="revoked the key").click()
    expect(page.locator("#panel").get_by_role("heading", name="Key revoked")).to_be_visible()


def test_usage_of_a_key_shows_chosen_days_as_table(signed_in_page: SignedInPage, demo: Demo) -> None:
    demo.add_rows()
    page = signed_in_page("asha")
    open_usage_of_key(page)
    page.get_by_role("link", name="7 days").click()
    expect(page.get_by_role("link", name="7 days")).to_have_attribute("aria-current", "true")
    page.get_by_text("View as table").click()
    table = page.get_by_role("region", name="Requests per day as a table")
    expect(table.get_by_role("row")).to_have_count(8)
    page.get_by_role("link", name=f"Remove filter Key {NAME}").click()
    expect(page.get_by_role("heading", name="Busiest keys")).to_be_visible()


def test_selected_keys_are_revoked_together(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_list(page)
    page.locator("#tiles").get_by_role("link", name="Any IP address").click()
    expect(page.get_by_role("link", name=NAME, exact=True)).to_have_count(0)
    select_keys(page, "Open export", "Zapier trial")
    page.get_by_role("button", name="Revoke 2 keys…").click()
    modal(page).get_by_role("button", name="Revoke 2 keys").click()
    expect_toast(page, "2 keys revoked")
    page.locator("#status-tabs").get_by_role("link", name="Revoked").click()
    page.goto("/keys/?organisation=northwind&status=revoked")
    expect(page.locator(".key-name")).to_have_count(3)


@pytest.mark.parametrize("width", [1280, 1440])
def test_key_list_with_long_names_shows_every_column(signed_in_page: SignedInPage, demo: Demo, width: int) -> None:
    bot = Bot.objects.create(organisation=demo.northwind, name="Concierge of the Scandinavian subsidiaries")
    scopes = Scope.objects.filter(name__in=["contacts:manage", "templates:send", "messages:send"])
    demo.add_key("Nightly reconciliation of the Scandinavian subsidiaries", bot=bot).key.scopes.set(scopes)
    page = signed_in_page("maya", viewport={"width": width, "height": 800})
    open_list(page)
    for column in ("Status", "Permissions", "Allowed IPs", "14-day usage", "Last used", "Expires"):
        expect(page.get_by_role("columnheader", name=column)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Actions for"))).to_be_in_viewport(ratio=1)
    assert page.evaluate("""() => {
      const table = document.querySelector(".keys");
      return table.getBoundingClientRect().right <= table.closest(".card").getBoundingClientRect().right;
    }""")


def test_deleting_a_key_updates_the_count_in_the_sidebar(page: Page, demo: Demo) -> None:
    for name in ("Zapier trial", NAME):
        demo.add_key(name)
    open_list(page)
    expect(page.locator("#count-keys")).to_have_text("2")
    form = choose_action(page, NAME, "Delete…")
    form.get_by_role("textbox").fill(NAME)
    form.get_by_role("button", name="Delete key").click()
    expect(page.locator("#count-keys")).to_have_text("1")


def test_owner_edits_a_key(signed_in_page: SignedInPage, demo: Demo) -> None:
    demo.add_rows()
    page = signed_in_page("jonas")
    open_list(page)
    form = choose_action(page, "Zapier trial", "Edit…")
    form.get_by_role("textbox", name="Name", exact=True).fill("Zapier, for good")
    form.get_by_role("checkbox", name="Write chats").check()
    form.get_by_role("button", name="Save changes").click()
    expect_toast(page, "Key changed")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="Zapier, for good"))
    row.get_by_role("link").click()
    expect(page.get_by_role("region", name="Permissions").get_by_text("Write chats", exact=True)).to_be_visible()


def test_key_description_is_edited_in_place(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_key(page)
    page.wait_for_load_state()
    page.locator(".inline-edit").press("Enter")
    page.get_by_label("Description", exact=True).fill("Opens a chat for every deal")
    page.keyboard.press("Enter")
    expect(page.locator(".inline-edit")).to_have_text(re.compile("Opens a chat for every deal"))
    expect(page.locator(".inline-edit")).to_be_focused()
    page.reload()
    expect(page.get_by_text("Opens a chat for every deal").first).to_be_visible()


def test_description_of_a_bots_key_is_edited_on_its_page_and_the_name_follows(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_bot(page, "Advanced")
    open_dialog(page, "New API key", "New API key for Concierge")
    modal(page).get_by_label("Description").fill("Nightly sync")
    modal(page).get_by_role("button", name="Save").click()
    modal(page).get_by_label("I’ve stored this secret somewhere safe").check()
    modal(page).get_by_text("Done", exact=True).click()
    keys = page.get_by_role("region", name="API keys")
    text = keys.get_by_role("link", name="Edit description of Nightly sync: Nightly sync")
    text.click()
    expect(keys.get_by_label("Description")).to_be_focused()
    keys.get_by_role("link", name="Edit description of CRM integration").click()
    expect(text).to_be_visible()
    expect(keys.get_by_label("Description")).to_be_focused()
    page.keyboard.press("Escape")
    expect(keys.get_by_label("Description")).to_have_count(0)
    text.press("Enter")
    keys.get_by_label("Description").fill("Hourly sync")
    page.keyboard.press("Enter")
    expect(keys.get_by_role("link", name="Hourly sync", exact=True)).to_be_visible()
    expect(keys.get_by_role("link", name="Edit description of Hourly sync: Hourly sync")).to_be_focused()


def test_permissions_of_a_new_key_are_explained_beside_their_boxes(signed_in_page: SignedInPage, demo: Demo) -> None:
    page = signed_in_page("jonas")
    page.goto("/keys/create/?organisation=northwind")
    form = page.get_by_role("group", name="Contacts")
    expect(form.get_by_text("invite clients or staff")).to_be_visible()
    form.get_by_text("5 endpoints").click()
    expect(form.get_by_text("PUT /api/contacts/{contact}", exact=True)).to_be_visible()
    expect(form.get_by_role("checkbox", name="Read/write contacts")).not_to_be_checked()


def test_key_description_is_saved_from_its_own_page(page: Page, demo: Demo) -> None:
    created = demo.add_key(NAME)
    page.goto(f"/keys/{created.key.id}/description/")
    page.get_by_label("Description", exact=True).fill("Opens a chat for every deal")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    expect(page.locator(".inline-edit")).to_have_text(re.compile("Opens a chat for every deal"))


def test_old_secret_works_until_grace_is_ended(page: Page, demo: Demo, base_url: str) -> None:
    demo.add_rows()
    old = demo.keys["Zapier trial"].token.value
    open_list(page)
    form = choose_action(page, "Zapier trial", "Regenerate…")
    form.get_by_role("radio", name="24 hours").check()
    form.get_by_role("button", name="Regenerate secret").click()
    new = modal(page).locator("#reveal-key").inner_text()
    modal(page).get_by_role("checkbox").check()
    modal(page).get_by_role("button", name="Done").click()
    assert [status_of(page, base_url, secret) for secret in (old, new)] == [200, 200]
    open_key(page, "Zapier trial")
    page.get_by_role("link", name="End now…").click()
    modal(page).get_by_role("button", name="End now").click()
    expect_toast(page, "Old secret ended")
    expect(page.get_by_role("link", name="End now…")).to_have_count(0)
    assert [status_of(page, base_url, secret) for secret in (old, new)] == [401, 200]


def test_public_key_links_to_allow_list_of_its_bot(page: Page, demo: Demo) -> None:
    demo.add_rows()
    page.goto("/security/public-keys/?organisation=northwind")
    row = page.get_by_role("row").filter(has_text=NAME)
    row.get_by_role("link", name="Allow-list of Concierge: 203.0.113.0/24").click()
    expect(page.get_by_role("heading", name="Allowed IP addresses")).to_be_in_viewport()


@pytest.mark.parametrize("width", [1280, 320])
def test_address_lookup_lists_keys_that_allow_it(signed_in_page: SignedInPage, demo: Demo, width: int) -> None:
    demo.add_rows()
    page = signed_in_page("maya", viewport={"width": width, "height": 800})
    page.goto("/security/allow-lists/?organisation=northwind")
    page.get_by_label("Which keys work from this address?").fill("203.0.113.24")
    expect(page.locator(".key-name")).to_have_text([NAME])
    expect(page.locator("#found")).to_have_text("1 key")
    page.get_by_label("Which keys work from this address?").fill("192.0.2.1")
    expect(page.get_by_text("No allow-list includes 192.0.2.1.")).to_be_visible()


def test_administrator_invites_a_person_and_changes_a_role(page: Page, demo: Demo) -> None:
    invite(page)
    expect(modal(page).get_by_label("Link")).to_have_value(re.compile("/welcome/"))
    modal(page).get_by_role("button", name="Done").click()
    page.goto("/people/?status=invited")
    expect(page.get_by_role("main").get_by_text(re.compile("noor-")).first).to_be_visible()
    open_person(page)
    open_dialog(page, "Change the role in Northwind")
    modal(page).get_by_role("radio", name="Auditor").check()
    modal(page).get_by_role("button", name=re.compile("^(Save|Change)")).click()
    expect(page.get_by_role("main").get_by_text("Organisation auditor").first).to_be_visible()


@pytest.fixture
def restored_catalogue(rows: CommittedRows) -> Iterator[None]:
    """Restores the tier and the permission that all tests share, and deletes organisations that the test adds."""
    tier, scope = Tier.objects.get(name="Standard"), Scope.objects.get(name="chats:read")
    existing = list(Organisation.objects.values_list("id", flat=True))
    yield
    tier.save()
    scope.save()
    rows.organisations += Organisation.objects.exclude(id__in=existing).values_list("id", flat=True)


def test_settings_of_a_new_organisation_apply_to_its_keys(page: Page, demo: Demo, restored_catalogue: None) -> None:
    page.goto("/organisations/")
    open_dialog(page, "New organisation", "New organisation")
    modal(page).get_by_role("textbox", name="Name").first.fill("Tailspin")
    modal(page).get_by_role("button", name="Create organisation").click()
    expect(page.get_by_role("heading", name="Tailspin", level=1)).to_be_visible()
    page.get_by_role("link", name="Change…").click()
    page.get_by_label("Default expiry, in days").fill("45")
    page.get_by_role("button", name="Save settings").click()
    expect_toast(page, "Settings saved")
    page.goto("/keys/create/?organisation=tailspin")
    expect(modal(page).get_by_role("radio", name="Custom date")).to_be_checked()


def test_tier_and_permission_are_edited(page: Page, demo: Demo, restored_catalogue: None) -> None:
    page.goto("/tiers/")
    choose_from_menu(page, "Actions for Standard", "Edit…")
    modal(page).get_by_label("Requests in any hour").fill("1500")
    modal(page).get_by_role("button", name="Save").click()
    expect(page.get_by_role("row").filter(has_text="Standard")).to_contain_text("1,500")
    page.goto("/permissions/")
    choose_from_menu(page, "Actions for Read chats", "Edit…")
    modal(page).get_by_label("Label").fill("Read all chats")
    modal(page).get_by_role("button", name="Save").click()
    expect(page.get_by_role("main").get_by_text("Read all chats", exact=True)).to_be_visible()


def test_disabled_bot_stops_its_new_key(signed_in_page: SignedInPage, demo: Demo, base_url: str) -> None:
    page = signed_in_page("jonas")
    open_bots(page)
    open_dialog(page, "New bot", "New bot")
    modal(page).get_by_role("textbox", name="Name", exact=True).fill("Concierge")
    modal(page).get_by_label("onversational").check()
    modal(page).get_by_role("button", name="Create bot").click()
    expect(page.get_by_role("heading", name="Concierge", level=1)).to_be_visible()
    open_editor(page)
    open_dialog(page, "New API key", "New API key for Concierge")
    modal(page).get_by_label("Description").fill("Greets new customers")
    modal(page).get_by_role("button", name="Save").click()
    secret = modal(page).locator("#reveal-key").inner_text()
    modal(page).get_by_role("checkbox").check()
    modal(page).get_by_role("button", name="Done").click()
    expect(page.get_by_role("link", name="Greets new customers", exact=True)).to_be_visible()
    expect(page.locator("#count-keys")).to_have_text("1")
    assert status_of(page, base_url, secret) == 200
    open_dialog(page, "Disable…", "Disable Concierge?")
    expect(modal(page).get_by_text("1 key stops working")).to_be_visible()
    modal(page).get_by_role("button", name="Disable bot").click()
    expect(page.get_by_role("link", name="Enable…")).to_be_visible()
    assert status_of(page, base_url, secret) == 401
