"""The scenes of organisations, bots and allow-lists."""

import re
from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.scenes import Scene, modal, open_dialog

RANGE_FIELD = "Add an IP address or range"


def open_bots(page: Page) -> None:
    page.goto("/bots/?organisation=northwind")
    expect(page.get_by_role("heading", name="Bots", level=1)).to_be_visible()


def open_bot(page: Page, tab: str = "Basic") -> None:
    open_bots(page)
    page.get_by_role("link", name="Concierge", exact=True).click()
    page.get_by_role("navigation", name="Bot settings").get_by_role("link", name=tab).click()
    expect(page.get_by_role("link", name=tab, exact=True)).to_have_attribute("aria-current", "page")


def open_editor(page: Page) -> None:
    open_bot(page, "Advanced")
    expect(page.get_by_label(RANGE_FIELD)).to_be_visible()


def add_range(page: Page, network: str) -> None:
    page.get_by_label(RANGE_FIELD).fill(network)
    page.get_by_label(RANGE_FIELD).press("Enter")


def remove_range(page: Page, network: str) -> None:
    page.get_by_role("button", name=f"Remove {network}").click()


def open_organisation(page: Page) -> None:
    page.goto("/organisations/northwind/")
    expect(page.get_by_role("heading", name="Northwind", level=1)).to_be_visible()


def _new_bot(page: Page) -> None:
    open_bots(page)
    open_dialog(page, "New bot", "New bot")


def _new_bot_invalid(page: Page) -> None:
    _new_bot(page)
    modal(page).get_by_role("button", name="Create bot").click()
    expect(modal(page).get_by_text("Fix 1 problem to create the bot.")).to_be_visible()


def _edit_description(page: Page) -> None:
    open_bot(page)
    page.locator(".inline-edit").click()
    expect(page.get_by_label("Description")).to_be_focused()


def _new_key(page: Page) -> None:
    open_bot(page, "Advanced")
    open_dialog(page, "New API key", "New API key for Concierge")


def _disable(page: Page) -> None:
    open_bot(page, "Advanced")
    open_dialog(page, "Disable…", "Disable Concierge?")


def _range_added(page: Page) -> None:
    open_editor(page)
    page.get_by_label("Note (optional)").fill("Build machines")
    add_range(page, "192.0.2.64/26")
    expect(page.get_by_role("status").get_by_text("192.0.2.64/26 added")).to_be_visible()


def _range_invalid(page: Page) -> None:
    open_editor(page)
    add_range(page, "203.0.113.24/24")
    expect(page.get_by_text("203.0.113.24/24 is an address inside a range.")).to_be_visible()


def _range_edited(page: Page) -> None:
    open_editor(page)
    page.get_by_role("button", name="Edit 203.0.113.0/24").click()
    expect(page.get_by_label("Edit range 203.0.113.0/24")).to_be_focused()


def _range_removed(page: Page) -> None:
    open_editor(page)
    add_range(page, "192.0.2.0/26")
    remove_range(page, "192.0.2.0/26")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()


def _last_range_removed(page: Page) -> None:
    page.goto("/bots/?organisation=northwind&q=Concierge")
    open_editor(page)
    while page.get_by_role("button", name=re.compile("^Remove [0-9]")).count() > 1:
        before = page.get_by_role("button", name=re.compile("^Remove [0-9]")).count()
        page.get_by_role("button", name=re.compile("^Remove [0-9]")).last.click()
        expect(page.get_by_role("button", name=re.compile("^Remove [0-9]"))).to_have_count(before - 1)
    page.get_by_role("button", name=re.compile("^Remove [0-9]")).click()
    expect(page.get_by_text("Removing it allows any IP address")).to_be_visible()


def _range_blocks_caller(page: Page) -> None:
    open_editor(page)
    page.get_by_role("button", name="Edit 203.0.113.0/24").click()
    page.get_by_label("Edit range 203.0.113.0/24").fill("198.51.100.0/24")
    page.get_by_label("Edit range 203.0.113.0/24").press("Enter")
    expect(page.get_by_text("This would block")).to_be_visible()


def _organisations(page: Page) -> None:
    page.goto("/organisations/")
    expect(page.get_by_role("heading", name="Organisations", level=1)).to_be_visible()


def _new_organisation(page: Page) -> None:
    _organisations(page)
    open_dialog(page, "New organisation", "New organisation")


def _edit_organisation(page: Page) -> None:
    open_organisation(page)
    open_dialog(page, "Edit…", "Rename Northwind")


def _disable_organisation(page: Page) -> None:
    open_organisation(page)
    open_dialog(page, "Disable…", "Disable Northwind?")


def _generate_public_key(page: Page) -> None:
    """In an organisation without a public key. The dialog is not confirmed."""
    page.goto("/organisations/fabrikam/")
    open_dialog(page, "Generate…", "Generate a public API key for Fabrikam?")


def create_public_key(page: Page) -> None:
    open_organisation(page)
    if page.get_by_role("link", name="Generate…", exact=True).is_visible():
        open_dialog(page, "Generate…", "Generate a public API key for Northwind?")
        modal(page).get_by_role("button", name="Generate key").click()
        expect(modal(page).get_by_role("heading", name="Save your secret now")).to_be_visible()
        modal(page).get_by_label("I’ve stored this secret somewhere safe").check()
        modal(page).get_by_text("Done", exact=True).click()
    expect(page.get_by_text("Valid until deleted")).to_be_visible()


def _public_keys(page: Page) -> None:
    page.goto("/security/public-keys/?organisation=northwind")
    expect(page.get_by_role("heading", name="Public API keys", level=1)).to_be_visible()


def _allow_lists(page: Page) -> None:
    page.goto("/security/allow-lists/?organisation=northwind")
    expect(page.get_by_role("heading", name="IP allow-lists", level=1)).to_be_visible()


def _keys_of_address(page: Page) -> None:
    _allow_lists(page)
    page.get_by_label("Which keys work from this address?").fill("203.0.113.24")
    expect(page.get_by_role("heading", name="Which keys work from 203.0.113.24?")).to_be_visible()


def _invalid_address(page: Page) -> None:
    page.goto("/security/allow-lists/?organisation=northwind&address=203.0.113")
    expect(page.get_by_text("Enter one IP address")).to_be_visible()


SCENES: Final[dict[str, Scene]] = {
    "bots": Scene(open_bots),
    "bot-create": Scene(_new_bot),
    "bot-create-422": Scene(_new_bot_invalid, 422),
    "bot-basic": Scene(open_bot),
    "bot-description": Scene(_edit_description),
    "bot": Scene(open_editor),
    "bot-new-key": Scene(_new_key),
    "bot-disable": Scene(_disable),
    "ranges-added": Scene(_range_added),
    "ranges-422": Scene(_range_invalid, 422),
    "ranges-change": Scene(_range_edited),
    "ranges-undo": Scene(_range_removed),
    "ranges-last": Scene(_last_range_removed, 422),
    "ranges-blocking": Scene(_range_blocks_caller, 422),
    "organisations": Scene(_organisations),
    "organisation-create": Scene(_new_organisation),
    "organisation": Scene(open_organisation),
    "organisation-edit": Scene(_edit_organisation),
    "organisation-disable": Scene(_disable_organisation),
    "organisation-generate": Scene(_generate_public_key),
    "public-keys": Scene(_public_keys),
    "allow-lists": Scene(_allow_lists),
    "allow-lists-address": Scene(_keys_of_address),
    "allow-lists-422": Scene(_invalid_address),
    "organisation-generated": Scene(create_public_key),
}
