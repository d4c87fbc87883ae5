"""The scenes of the key list, keys, history and navigation. A scene opens one page or dialog, in a given state.

A scene takes a page on which a system administrator has signed in, of a database with the demonstration's rows. When
it returns, the page has loaded.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Locator, Page, expect

KEYS: Final = "/keys/?organisation=northwind"


def modal(page: Page) -> Locator:
    """The modal dialog that is open."""
    return page.locator("dialog:modal")


def open_list(page: Page, query: str = "") -> None:
    page.goto(f"{KEYS}{query}")
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()


def open_menu(page: Page, key: str) -> Locator:
    page.get_by_role("button", name=f"Actions for {key}", exact=True).click()
    menu = page.locator(".menu:popover-open")
    expect(menu).to_be_visible()
    return menu


def choose_action(page: Page, key: str, item: str) -> Locator:
    """Choose an item of a key's menu in the list; returns the dialog that it opens."""
    open_menu(page, key).get_by_role("menuitem", name=item).click()
    expect(modal(page)).to_be_visible()
    return modal(page)


def open_dialog(page: Page, link: str | re.Pattern[str], heading: str | re.Pattern[str] | None = None) -> None:
    """Follow the first link of the page with this name; it opens a dialog, with this heading if one is given."""
    page.get_by_role("main").get_by_role("link", name=link).first.click()
    expect(modal(page)).to_be_visible()
    if heading is not None:
        expect(modal(page).get_by_role("heading", name=heading)).to_be_visible()


def open_create(page: Page) -> Locator:
    open_list(page)
    page.get_by_role("link", name="Create key").click()
    expect(modal(page).get_by_role("heading", name="Create API key")).to_be_visible()
    return modal(page)


def fill_create(page: Page, name: str = "CRM sync") -> Locator:
    form = open_create(page)
    form.get_by_role("textbox", name="Name", exact=True).fill(name)
    form.get_by_label("Description").fill("Creates a chat for every new deal")
    return form


def create_and_reveal(page: Page, name: str = "CRM sync") -> Locator:
    form = fill_create(page, name)
    form.get_by_role("button", name="Create key").click()
    expect(modal(page).get_by_role("heading", name="Save your secret now")).to_be_visible()
    return modal(page)


def open_key(page: Page, key: str = "CRM integration") -> None:
    open_list(page)
    page.get_by_role("link", name=key, exact=True).click()
    expect(page.get_by_role("heading", name=key, level=1)).to_be_visible()


def _create_with_warning(page: Page) -> None:
    form = fill_create(page, "Warehouse mirror")
    form.get_by_role("radio", name="Data export").check()
    form.get_by_role("radio", name="Never").check()
    expect(form.get_by_text("from any IP address.")).to_be_visible()
    expect(form.get_by_text("Never expires.")).to_be_visible()


def _create_filled(page: Page) -> None:
    form = fill_create(page)
    form.get_by_role("checkbox", name="WhatsApp").check()
    form.get_by_role("checkbox", name="Write chats").check()
    form.get_by_label("Add an IP address or range").fill("203.0.113.0/24")
    form.get_by_role("button", name="Add range").click()
    expect(form.get_by_role("button", name="Remove 203.0.113.0/24")).to_be_visible()


def _create_invalid(page: Page) -> None:
    form = open_create(page)
    form.get_by_label("Add an IP address or range").fill("203.0.113.24/24")
    form.get_by_role("button", name="Create key").click()
    expect(modal(page).get_by_text("Fix 2 problems to create the key.")).to_be_visible()


def _reveal_reminder(page: Page) -> None:
    shown = create_and_reveal(page)
    page.keyboard.press("Escape")
    expect(shown.get_by_role("alert")).to_be_visible()


def _reveal_curl(page: Page) -> None:
    shown = create_and_reveal(page)
    shown.get_by_role("tab", name="cURL").click()
    expect(shown.get_by_role("tabpanel", name="cURL")).to_be_visible()


def _delete_typed(page: Page) -> None:
    choose_action(page, "Zapier trial", "Delete…").get_by_role("textbox").fill("Zapier trial")


def _no_key_matches(page: Page) -> None:
    open_list(page, "&q=nothing-is-called-so")
    expect(page.get_by_text("No key matches")).to_be_visible()


def _empty(page: Page) -> None:
    page.goto("/keys/?organisation=fabrikam")
    expect(page.get_by_role("heading", name="No API keys yet")).to_be_visible()


def delete_key(page: Page, key: str) -> None:
    form = choose_action(page, key, "Delete…")
    form.get_by_role("textbox").fill(key)
    form.get_by_role("button", name="Delete key").click()
    expect(page.locator("#toasts").get_by_text("Key deleted")).to_be_visible()


def _deleted_key(page: Page) -> None:
    shown = create_and_reveal(page, "Old importer")
    shown.get_by_role("checkbox").check()
    shown.get_by_role("button", name="Done").click()
    address = page.get_by_role("link", name="Old importer", exact=True).get_attribute("href")
    delete_key(page, "Old importer")
    page.goto(address or "")
    expect(page.get_by_text("This key was deleted on")).to_be_visible()


def open_history(page: Page) -> None:
    page.goto("/history/?organisation=northwind")
    expect(page.get_by_role("heading", name="History", level=1)).to_be_visible()


def _history_panel(page: Page) -> None:
    open_history(page)
    page.get_by_role("link", name="Key created").first.click()
    expect(page.locator("#panel")).to_be_visible()


def _history_filter(page: Page) -> None:
    open_history(page)
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_label("Action")).to_be_visible()


def _history_filtered(page: Page) -> None:
    page.goto("/history/?organisation=northwind&type=key.issued&q=CRM")
    expect(page.get_by_role("link", name=re.compile("^Remove filter"))).to_be_visible()


def _navigation(page: Page) -> None:
    open_list(page)
    if page.get_by_role("button", name="Open menu").is_visible():
        page.get_by_role("button", name="Open menu").click()
    expect(page.get_by_role("link", name="History", exact=True)).to_be_visible()


def _account_menu(page: Page) -> None:
    _navigation(page)
    page.locator("#me-button").click()
    expect(page.get_by_role("menuitemradio", name="Dark")).to_be_visible()


def _switcher(page: Page) -> None:
    _navigation(page)
    page.locator("#switcher-button").click()
    expect(page.locator("#switcher-menu").get_by_role("link", name="Contoso")).to_be_visible()


def _shortcuts_help(page: Page) -> None:
    open_list(page)
    page.keyboard.press("?")
    expect(modal(page)).to_be_visible()


def _not_found(page: Page) -> None:
    page.goto("/keys/no-such-page/")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


def _sign_out(page: Page) -> None:
    page.goto("/account/logout/")
    expect(page.get_by_role("button", name="Sign out").last).to_be_visible()


@dataclass(frozen=True, slots=True)
class Scene:
    """One page or dialog. `open` leads there and returns when it has loaded."""

    open: Callable[[Page], object]
    #: The status of the last response. The browser's console reports one that is not 200.
    status: int = 200


def in_steps(*steps: Callable[[Page], object]) -> Scene:
    """A scene that takes several steps."""

    def open_in_steps(page: Page) -> None:
        for step in steps:
            step(page)

    return Scene(open_in_steps)


SCENES: Final[dict[str, Scene]] = {
    "list": Scene(open_list),
    "nothing-found": Scene(_no_key_matches),
    "empty": Scene(_empty),
    "menu": in_steps(open_list, lambda page: open_menu(page, "CRM integration")),
    "navigation": Scene(_navigation),
    "switcher": Scene(_switcher),
    "account-menu": Scene(_account_menu),
    "help": Scene(_shortcuts_help),
    "create": Scene(open_create),
    "create-filled": Scene(_create_filled),
    "create-422": Scene(_create_invalid, 422),
    "create-warning": Scene(_create_with_warning),
    "reveal": Scene(create_and_reveal),
    "reveal-reminder": Scene(_reveal_reminder),
    "reveal-curl": Scene(_reveal_curl),
    "revoke": in_steps(open_list, lambda page: choose_action(page, "CRM integration", "Revoke…")),
    "reactivate": in_steps(open_list, lambda page: choose_action(page, "Partner sandbox", "Reactivate…")),
    "reactivate-expired": in_steps(
        open_list, lambda page: choose_action(page, "Support portal (legacy)", "Reactivate")
    ),
    "delete": in_steps(open_list, lambda page: choose_action(page, "CRM integration", "Delete…")),
    "delete-typed": in_steps(open_list, _delete_typed),
    "key": Scene(open_key),
    "key-deleted": Scene(_deleted_key, 404),
    "history": Scene(open_history),
    "history-panel": Scene(_history_panel),
    "history-filter": Scene(_history_filter),
    "history-filtered": Scene(_history_filtered),
    "404": Scene(_not_found, 404),
    "sign-out": Scene(_sign_out),
}
