"""The scenes of the key list, keys, history and navigation. A scene opens one page or dialog, in a given state.

A scene takes a page on which a system administrator has signed in, of a database with the demonstration's rows. When
it returns, the page has loaded.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Locator, Page, expect

type Scene = Callable[[Page], None]

KEYS: Final = "/keys/?organisation=northwind"


def dialog(page: Page) -> Locator:
    """The one dialog that is open."""
    return page.locator("dialog:modal")


def open_list(page: Page, query: str = "") -> None:
    page.goto(f"{KEYS}{query}")
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()


def open_menu(page: Page, key: str) -> Locator:
    page.get_by_role("button", name=f"Actions for {key}", exact=True).click()
    menu = page.locator(".menu:popover-open")
    expect(menu).to_be_visible()
    return menu


def act(page: Page, key: str, item: str) -> Locator:
    """Choose from a key's menu on the list; returns the dialog it opens."""
    open_menu(page, key).get_by_role("menuitem", name=item).click()
    expect(dialog(page)).to_be_visible()
    return dialog(page)


def open_create(page: Page) -> Locator:
    open_list(page)
    page.get_by_role("link", name="Create key").click()
    expect(dialog(page).get_by_role("heading", name="Create API key")).to_be_visible()
    return dialog(page)


def fill_create(page: Page, name: str = "CRM sync") -> Locator:
    form = open_create(page)
    form.get_by_role("textbox", name="Name", exact=True).fill(name)
    form.get_by_label("Description").fill("Creates a chat for every new deal")
    return form


def reveal(page: Page, name: str = "CRM sync") -> Locator:
    form = fill_create(page, name)
    form.get_by_role("button", name="Create key").click()
    expect(dialog(page).get_by_role("heading", name="Save your secret now")).to_be_visible()
    return dialog(page)


def open_key(page: Page, key: str = "CRM integration") -> None:
    open_list(page)
    page.get_by_role("link", name=key, exact=True).click()
    expect(page.get_by_role("heading", name=key, level=1)).to_be_visible()


def _create_broad(page: Page) -> None:
    form = fill_create(page, "Warehouse mirror")
    form.get_by_role("radio", name="Data export").check()
    form.get_by_role("radio", name="Never").check()
    expect(form.get_by_text("from any IP address.")).to_be_visible()


def _create_filled(page: Page) -> None:
    form = fill_create(page)
    form.get_by_role("checkbox", name="WhatsApp").check()
    form.get_by_role("checkbox", name="Write chats").check()
    form.get_by_label("Add an IP address or range").fill("203.0.113.0/24")
    form.get_by_role("button", name="Add range").click()
    expect(form.get_by_role("button", name="Remove 203.0.113.0/24")).to_be_visible()


def _create_refused(page: Page) -> None:
    form = open_create(page)
    form.get_by_label("Add an IP address or range").fill("203.0.113.24/24")
    form.get_by_role("button", name="Create key").click()
    expect(dialog(page).get_by_text("Fix 2 problems to create the key.")).to_be_visible()


def _reveal_nudge(page: Page) -> None:
    shown = reveal(page)
    page.keyboard.press("Escape")
    expect(shown.get_by_role("alert")).to_be_visible()


def _reveal_curl(page: Page) -> None:
    shown = reveal(page)
    shown.get_by_role("tab", name="cURL").click()
    expect(shown.get_by_role("tabpanel", name="cURL")).to_be_visible()


def _delete_typed(page: Page) -> None:
    act(page, "Zapier trial", "Delete…").get_by_role("textbox").fill("Zapier trial")


def _nothing_found(page: Page) -> None:
    open_list(page, "&q=nothing-is-called-so")
    expect(page.get_by_text("No key matches")).to_be_visible()


def _empty(page: Page) -> None:
    page.goto("/keys/?organisation=fabrikam")
    expect(page.get_by_role("heading", name="No API keys yet")).to_be_visible()


def delete(page: Page, key: str) -> None:
    form = act(page, key, "Delete…")
    form.get_by_role("textbox").fill(key)
    form.get_by_role("button", name="Delete key").click()
    expect(page.locator("#toasts").get_by_text("Key deleted")).to_be_visible()


def _gone(page: Page) -> None:
    shown = reveal(page, "Old importer")
    shown.get_by_role("checkbox").check()
    shown.get_by_role("button", name="Done").click()
    address = page.get_by_role("link", name="Old importer", exact=True).get_attribute("href")
    delete(page, "Old importer")
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


def _drawer(page: Page) -> None:
    open_list(page)
    if page.get_by_role("button", name="Open menu").is_visible():
        page.get_by_role("button", name="Open menu").click()
    expect(page.get_by_role("link", name="History", exact=True)).to_be_visible()


def _account_menu(page: Page) -> None:
    _drawer(page)
    page.locator("#me-button").click()
    expect(page.get_by_role("menuitemradio", name="Dark")).to_be_visible()


def _switcher(page: Page) -> None:
    _drawer(page)
    page.locator("#switcher-button").click()
    expect(page.get_by_role("menuitem", name="Contoso")).to_be_visible()


def _help(page: Page) -> None:
    open_list(page)
    page.keyboard.press("?")
    expect(dialog(page)).to_be_visible()


def _not_found(page: Page) -> None:
    page.goto("/keys/no-such-page/")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()


def _sign_out(page: Page) -> None:
    page.goto("/account/logout/")
    expect(page.get_by_role("button", name="Sign out").last).to_be_visible()


@dataclass(frozen=True, slots=True)
class Place:
    scene: Scene
    #: Whether the server's answer is an error, which the browser's console then says.
    status: int = 200


SCENES: Final[dict[str, Place]] = {
    "list": Place(open_list),
    "nothing-found": Place(_nothing_found),
    "empty": Place(_empty),
    "menu": Place(lambda page: (open_list(page), open_menu(page, "CRM integration"))[0]),
    "drawer": Place(_drawer),
    "switcher": Place(_switcher),
    "account-menu": Place(_account_menu),
    "help": Place(_help),
    "create": Place(lambda page: (open_create(page), None)[1]),
    "create-filled": Place(_create_filled),
    "create-422": Place(_create_refused, 422),
    "create-broad": Place(_create_broad),
    "reveal": Place(lambda page: (reveal(page), None)[1]),
    "reveal-nudge": Place(_reveal_nudge),
    "reveal-curl": Place(_reveal_curl),
    "revoke": Place(lambda page: (open_list(page), act(page, "CRM integration", "Revoke…"))[0]),
    "reactivate": Place(lambda page: (open_list(page), act(page, "Partner sandbox", "Reactivate…"))[0]),
    "reactivate-expired": Place(lambda page: (open_list(page), act(page, "Support portal (legacy)", "Reactivate"))[0]),
    "delete": Place(lambda page: (open_list(page), act(page, "CRM integration", "Delete…"))[0]),
    "delete-typed": Place(lambda page: (open_list(page), _delete_typed(page))[0]),
    "key": Place(open_key),
    "gone": Place(_gone, 404),
    "history": Place(open_history),
    "history-panel": Place(_history_panel),
    "history-filter": Place(_history_filter),
    "history-filtered": Place(_history_filtered),
    "404": Place(_not_found, 404),
    "sign-out": Place(_sign_out),
}
