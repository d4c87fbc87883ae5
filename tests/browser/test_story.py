"""The whole story: a key is made, lets a program in, is stopped and let in again, and the history tells it all."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext, PageOf
from tests.browser.record import Record
from tests.browser.scenes import KEYS, act, delete, dialog, open_list, open_menu
from tests.browser.world import PASSWORD, World

NAME = "CRM integration"
NUDGE = "Confirm that you’ve stored the secret. It can’t be shown again."


class Program:
    """A program that calls the API with the key."""

    def __init__(self, address: str, secret: str) -> None:
        self.address, self.secret = address, secret

    def call(self) -> httpx.Response:
        return httpx.get(f"{self.address}/api/whoami", headers={"X-API-Key": self.secret})


def sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def expect_status(page: Page, status: str, name: str = NAME) -> None:
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
    expect(row.locator(".badge")).to_have_text(status)


def toast(page: Page, words: str) -> None:
    expect(page.locator("#toasts").get_by_text(words, exact=True)).to_be_visible()


def test_signing_in_by_the_keyboard(new_context: NewContext, world: World, address: str) -> None:
    page = new_context().new_page()
    page.goto(KEYS)
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(world.people["maya"].email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{address}{KEYS}")


def test_with_the_mouse(new_context: NewContext, world: World, address: str) -> None:
    page = new_context().new_page()
    page.goto(KEYS)
    sign_in(page, world.people["maya"].email, PASSWORD)
    expect(page).to_have_url(f"{address}{KEYS}")

    page.get_by_role("link", name="Create key").click()
    dialog(page).get_by_role("textbox", name="Name", exact=True).fill(NAME)
    dialog(page).get_by_role("button", name="Create key").click()
    program = Program(address, dialog(page).locator("#reveal-key").inner_text())
    assert program.call().status_code == 200
    assert program.call().json()["name"] == NAME
    close_once_stored(page)
    expect_status(page, "Active")

    revoke(page, "Moved to the new CRM")
    assert program.call().status_code == 401
    reactivate(page, "Moved to the new CRM")
    assert program.call().status_code == 200
    delete(page, NAME)
    expect(page.get_by_role("link", name=NAME, exact=True)).to_have_count(0)
    assert program.call().status_code == 401

    page.get_by_role("link", name="History", exact=True).click()
    read_history(page)


def close_once_stored(page: Page) -> None:
    """Done, Esc and the backdrop say why they do not close, until the box is ticked."""
    shown = dialog(page)
    done, stored = shown.get_by_role("button", name="Done"), shown.get_by_role("checkbox")
    nudge = shown.get_by_text(NUDGE)
    for leave in (
        lambda: done.click(force=True),
        lambda: page.keyboard.press("Escape"),
        lambda: page.mouse.click(4, 4),
    ):
        expect(nudge).to_be_hidden()
        leave()
        expect(nudge).to_be_visible()
        expect(stored).to_be_focused()
        stored.check()
        expect(nudge).to_be_hidden()
        stored.uncheck()
    stored.check()
    done.click()
    expect(dialog(page)).to_have_count(0)


def revoke(page: Page, reason: str) -> None:
    asked = act(page, NAME, "Revoke…")
    asked.get_by_label("Reason").fill(reason)
    asked.get_by_role("button", name="Revoke key").click()
    toast(page, "Key revoked")
    expect_status(page, "Revoked")


def reactivate(page: Page, reason: str) -> None:
    """The dialog says why the key was revoked."""
    asked = act(page, NAME, "Reactivate…")
    expect(asked.get_by_text(reason)).to_be_visible()
    asked.get_by_role("button", name="Reactivate key").click()
    toast(page, "Key reactivated")
    expect_status(page, "Active")


def read_history(page: Page) -> None:
    """All acts, newest first; the panel tells each field before and after, and leads on."""
    told = page.locator("#event-rows tbody tr").filter(has_text=NAME).locator(".verb")
    expect(told).to_have_text(["Key deleted", "Key reactivated", "Key revoked", "Key created"])
    told.nth(2).click()
    panel = page.locator("#panel")
    expect(panel.get_by_role("heading", name="Key revoked")).to_be_focused()
    expect(panel.get_by_text("Moved to the new CRM", exact=True)).to_be_visible()
    expect(panel.locator("ins")).to_contain_text("UTC")
    expect(page).to_have_url(panel_url(page))
    panel.get_by_role("link", name="Next").click()
    expect(panel.get_by_role("heading", name="Key created")).to_be_focused()
    expect(panel.locator("ins").filter(has_text="chats:read")).to_be_visible()
    expect(panel.locator("del")).to_have_count(0)
    panel.get_by_role("link", name="Previous").click()
    expect(panel.get_by_role("heading", name="Key revoked")).to_be_focused()
    panel.get_by_role("link", name="Previous").click()
    expect(panel.get_by_role("heading", name="Key reactivated")).to_be_focused()
    expect(panel.locator("del")).to_contain_text("UTC")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def panel_url(page: Page) -> str:
    number = page.locator("#panel").get_attribute("data-number")
    return f"{page.url.split('/history/')[0]}/history/{number}/?organisation=northwind"


def test_with_the_keyboard_alone(page: Page, world: World, address: str) -> None:
    world.key("Zapier trial")
    open_list(page)
    program = Program(address, create_by_keyboard(page))
    assert program.call().json()["scopes"] == ["chats:read", "chats:write"]
    press = page.keyboard.press
    tab_to(page, "I’ve stored this secret somewhere safe")
    press("Space")
    press("Tab")
    press("Enter")
    expect(dialog(page)).to_have_count(0)
    expect(page.get_by_role("link", name="Create key")).to_be_focused()

    opener = page.get_by_role("button", name=f"Actions for {NAME}")
    opener.focus()
    press("Enter")
    expect(page.get_by_role("menuitem", name="View")).to_be_focused()
    for item in ("Edit…", "Copy key ID", "Regenerate…", "Revoke…"):
        press("ArrowDown")
        expect(page.get_by_role("menuitem", name=item)).to_be_focused()
    press("Enter")
    expect(dialog(page).get_by_role("button", name="Keep key")).to_be_focused()
    press("Shift+Tab")
    page.keyboard.type("Lost")
    press("Tab")
    press("Tab")
    press("Enter")
    toast(page, "Key revoked")
    expect(opener).to_be_focused()
    assert program.call().status_code == 401


def create_by_keyboard(page: Page) -> str:
    """A key that reads and writes chats; returns it."""
    press = page.keyboard.press
    press("c")
    expect(dialog(page).get_by_role("textbox", name="Name", exact=True)).to_be_focused()
    page.keyboard.type(NAME)
    press("Tab")
    press("Tab")
    expect(dialog(page).get_by_role("radio", name="Read-only chats")).to_be_focused()
    press("ArrowRight")
    expect(dialog(page).get_by_role("checkbox", name="Send messages")).to_be_checked()
    press("ArrowLeft")
    tab_to(page, "Write chats")
    press("Space")
    expect(dialog(page).get_by_role("radio", name="Custom", exact=True)).to_be_checked()
    tab_to(page, "Create key")
    press("Enter")
    expect(dialog(page).get_by_role("button", name="Copy key", exact=True)).to_be_focused()
    return dialog(page).locator("#reveal-key").inner_text()


def tab_to(page: Page, name: str) -> None:
    """Tab until the control whose name begins so has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim().replace(/\\s+/g, ' ')"
        )
        if focused.startswith(name):
            return
    pytest.fail(f"Tab never reaches {name}")


def test_from_the_keys_own_page(page: Page, world: World) -> None:
    world.key(NAME)
    open_list(page)
    page.get_by_role("link", name=NAME, exact=True).click()
    page.get_by_role("link", name="Revoke…").click()
    dialog(page).get_by_role("button", name="Revoke key").click()
    toast(page, "Key revoked")
    expect(page.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    expect(page.locator("main .badge").first).to_have_text("Revoked")
    page.get_by_role("link", name="Reactivate…").click()
    dialog(page).get_by_role("button", name="Reactivate key").click()
    toast(page, "Key reactivated")
    page.get_by_role("link", name="Delete…").click()
    dialog(page).get_by_role("textbox").fill(NAME)
    dialog(page).get_by_role("button", name="Delete key").click()
    toast(page, "Key deleted")
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()


def test_a_deleted_key_says_who_deleted_it(page: Page, world: World, record: Record) -> None:
    made = world.key(NAME)
    open_list(page)
    delete(page, NAME)
    record.expect_status(404)
    page.goto(f"/keys/{made.key.id}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("by Maya Okafor.")
    page.get_by_role("link", name="View its history").click()
    expect(page.locator("#event-rows .verb")).to_have_text(["Key deleted"])


def test_what_an_expired_key_needs_first(page: Page, world: World) -> None:
    world.demonstration()
    open_list(page)
    asked = act(page, "Support portal (legacy)", "Reactivate…")
    expect(asked.get_by_text("Set a new expiry first.")).to_be_visible()
    expect(asked.get_by_label("New expiry date")).to_be_focused()
    asked.get_by_role("button", name="Reactivate key").click()
    expect(asked.get_by_label("New expiry date")).to_be_focused()
    expect(asked.get_by_label("New expiry date")).to_have_attribute("aria-invalid", "true")
    asked.get_by_label("New expiry date").fill("2099-01-31")
    asked.get_by_role("button", name="Reactivate key").click()
    toast(page, "Key reactivated")
    expect_status(page, "Active", "Support portal (legacy)")


def test_recent_traffic_suggests_to_revoke_instead(page: Page, world: World) -> None:
    world.demonstration()
    open_list(page)
    asked = act(page, NAME, "Delete…")
    expect(asked.get_by_text("This key is in use.")).to_be_visible()
    asked.get_by_role("link", name="Revoke instead…").click()
    expect(dialog(page).get_by_role("heading", name=f"Revoke {NAME}?")).to_be_visible()
    expect(dialog(page)).to_have_count(1)
    expect(dialog(page).get_by_text("requests in the last 24 hours")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=f"Actions for {NAME}")).to_be_focused()


def test_an_owner_does_it_too_in_their_own_organisation(page_of: PageOf, world: World, address: str) -> None:
    page = page_of("jonas")
    page.goto("/")
    page.get_by_role("link", name="Create key").click()
    dialog(page).get_by_role("textbox", name="Name", exact=True).fill(NAME)
    dialog(page).get_by_role("button", name="Create key").click()
    program = Program(address, dialog(page).locator("#reveal-key").inner_text())
    assert program.call().json()["organisation"]["slug"] == "northwind"
    dialog(page).get_by_role("checkbox").check()
    dialog(page).get_by_role("button", name="Done").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="API keys", exact=False).first.click()
    items = ["View", "Edit…", "Copy key ID", "Regenerate…", "Revoke…", "Delete…"]
    expect(open_menu(page, NAME).get_by_role("menuitem")).to_have_text(items)
