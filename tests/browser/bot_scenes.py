"""The scenes of organisations, bots and allow-lists."""

import re
from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.scenes import Place, dialog

NEW = "Add an IP address or range"


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
    expect(page.get_by_label(NEW)).to_be_visible()


def ask(page: Page, link: str, heading: str | re.Pattern[str]) -> None:
    """Press what opens a dialog."""
    page.get_by_role("link", name=link).first.click()
    expect(dialog(page).get_by_role("heading", name=heading)).to_be_visible()


def add(page: Page, network: str) -> None:
    page.get_by_label(NEW).fill(network)
    page.get_by_label(NEW).press("Enter")


def remove(page: Page, network: str) -> None:
    page.get_by_role("button", name=f"Remove {network}").click()


def open_organisation(page: Page) -> None:
    page.goto("/organisations/northwind/")
    expect(page.get_by_role("heading", name="Northwind", level=1)).to_be_visible()


def _new_bot(page: Page) -> None:
    open_bots(page)
    ask(page, "New bot", "New bot")


def _new_bot_refused(page: Page) -> None:
    _new_bot(page)
    dialog(page).get_by_role("button", name="Create bot").click()
    expect(dialog(page).get_by_text("Fix 1 problem to create the bot.")).to_be_visible()


def _describe(page: Page) -> None:
    open_bot(page)
    page.locator("#edit-description").click()
    expect(page.get_by_label("Description")).to_be_focused()


def _new_key(page: Page) -> None:
    open_bot(page, "Advanced")
    ask(page, "New API key", "New API key for Concierge")


def _disable(page: Page) -> None:
    open_bot(page, "Advanced")
    ask(page, "Disable…", "Disable Concierge?")


def _added(page: Page) -> None:
    open_editor(page)
    add(page, "192.0.2.64/26")
    expect(page.get_by_role("status").get_by_text("192.0.2.64/26 added")).to_be_visible()


def _refused(page: Page) -> None:
    open_editor(page)
    add(page, "203.0.113.24/24")
    expect(page.get_by_text("Did you mean 203.0.113.0/24?")).to_be_visible()


def _changing(page: Page) -> None:
    open_editor(page)
    page.get_by_role("button", name="Edit 203.0.113.0/24").click()
    expect(page.get_by_label("Edit range 203.0.113.0/24")).to_be_focused()


def _undo(page: Page) -> None:
    open_editor(page)
    add(page, "192.0.2.0/26")
    remove(page, "192.0.2.0/26")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()


def _last(page: Page) -> None:
    page.goto("/bots/?organisation=northwind&q=Concierge")
    open_editor(page)
    while page.get_by_role("button", name=re.compile("^Remove [0-9]")).count() > 1:
        before = page.get_by_role("button", name=re.compile("^Remove [0-9]")).count()
        page.get_by_role("button", name=re.compile("^Remove [0-9]")).last.click()
        expect(page.get_by_role("button", name=re.compile("^Remove [0-9]"))).to_have_count(before - 1)
    page.get_by_role("button", name=re.compile("^Remove [0-9]")).click()
    expect(page.get_by_text("Any address will be allowed")).to_be_visible()


def _blocking(page: Page) -> None:
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
    ask(page, "New organisation", "New organisation")


def _rename(page: Page) -> None:
    open_organisation(page)
    ask(page, "Edit…", "Rename Northwind")


def _disable_organisation(page: Page) -> None:
    open_organisation(page)
    ask(page, "Disable…", "Disable Northwind?")


def _generate(page: Page) -> None:
    """In an organisation that has no public key, and keeps having none."""
    page.goto("/organisations/fabrikam/")
    ask(page, "Generate…", "Generate a public API key for Fabrikam?")


def generated(page: Page) -> None:
    open_organisation(page)
    if page.get_by_role("link", name="Generate…", exact=True).is_visible():
        ask(page, "Generate…", "Generate a public API key for Northwind?")
        dialog(page).get_by_role("button", name="Generate key").click()
        expect(dialog(page).get_by_role("heading", name="Save your secret now")).to_be_visible()
        dialog(page).get_by_label("I’ve stored this secret somewhere safe").check()
        dialog(page).get_by_text("Done", exact=True).click()
    expect(page.get_by_text("Valid until deleted")).to_be_visible()


def _public_keys(page: Page) -> None:
    page.goto("/security/public-keys/?organisation=northwind")
    expect(page.get_by_role("heading", name="Public API keys", level=1)).to_be_visible()


def _ranges(page: Page) -> None:
    page.goto("/security/allow-lists/?organisation=northwind")
    expect(page.get_by_role("heading", name="IP allow-lists", level=1)).to_be_visible()


def _reaching(page: Page) -> None:
    _ranges(page)
    page.get_by_label("Which keys work from this address?").fill("203.0.113.24")
    expect(page.get_by_role("heading", name="Which keys work from 203.0.113.24?")).to_be_visible()


def _no_address(page: Page) -> None:
    page.goto("/security/allow-lists/?organisation=northwind&address=203.0.113")
    expect(page.get_by_text("Enter one IP address")).to_be_visible()


SCENES: Final[dict[str, Place]] = {
    "bots": Place(open_bots),
    "bot-create": Place(_new_bot),
    "bot-create-422": Place(_new_bot_refused, 422),
    "bot-basic": Place(open_bot),
    "bot-description": Place(_describe),
    "bot": Place(open_editor),
    "bot-new-key": Place(_new_key),
    "bot-disable": Place(_disable),
    "ranges-added": Place(_added),
    "ranges-422": Place(_refused, 422),
    "ranges-change": Place(_changing),
    "ranges-undo": Place(_undo),
    "ranges-last": Place(_last, 422),
    "ranges-blocking": Place(_blocking, 422),
    "organisations": Place(_organisations),
    "organisation-create": Place(_new_organisation),
    "organisation": Place(open_organisation),
    "organisation-edit": Place(_rename),
    "organisation-disable": Place(_disable_organisation),
    "organisation-generate": Place(_generate),
    "public-keys": Place(_public_keys),
    "allow-lists": Place(_ranges),
    "allow-lists-address": Place(_reaching),
    "allow-lists-422": Place(_no_address),
    "organisation-generated": Place(generated),
}
