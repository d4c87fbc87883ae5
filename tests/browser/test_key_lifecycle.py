"""The lifecycle of a key: created, used by a program, revoked, reactivated and deleted; history shows each step."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.console import ConsoleRecorder
from tests.browser.contexts import NewContext, SignedInPage
from tests.browser.demo import PASSWORD, Demo
from tests.browser.scenes import KEYS, choose_action, delete_key, modal, open_list, open_menu

NAME = "CRM integration"
REMINDER = "Confirm that you’ve stored the secret. It can’t be shown again."


class Program:
    """A program that calls the API with the key."""

    def __init__(self, base_url: str, secret: str) -> None:
        self.base_url, self.secret = base_url, secret

    def call(self) -> httpx.Response:
        return httpx.get(f"{self.base_url}/api/whoami", headers={"X-API-Key": self.secret})


def sign_in(page: Page, email: str, password: str) -> None:
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()


def expect_status(page: Page, status: str, name: str = NAME) -> None:
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
    expect(row.locator(".badge")).to_have_text(status)


def expect_toast(page: Page, text: str) -> None:
    expect(page.locator("#toasts").get_by_text(text, exact=True)).to_be_visible()


def test_sign_in_by_keyboard_returns_to_requested_page(new_context: NewContext, demo: Demo, base_url: str) -> None:
    page = new_context().new_page()
    page.goto(KEYS)
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(demo.people["maya"].email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{base_url}{KEYS}")


def test_key_is_created_revoked_and_deleted_by_mouse(new_context: NewContext, demo: Demo, base_url: str) -> None:
    page = new_context().new_page()
    page.goto(KEYS)
    sign_in(page, demo.people["maya"].email, PASSWORD)
    expect(page).to_have_url(f"{base_url}{KEYS}")

    page.get_by_role("link", name="Create key").click()
    modal(page).get_by_role("textbox", name="Name", exact=True).fill(NAME)
    modal(page).get_by_role("button", name="Create key").click()
    program = Program(base_url, modal(page).locator("#reveal-key").inner_text())
    assert program.call().status_code == 200
    assert program.call().json()["name"] == NAME
    close_once_stored(page)
    expect_status(page, "Active")

    revoke(page, "Moved to the new CRM")
    assert program.call().status_code == 401
    reactivate(page, "Moved to the new CRM")
    assert program.call().status_code == 200
    delete_key(page, NAME)
    expect(page.get_by_role("link", name=NAME, exact=True)).to_have_count(0)
    assert program.call().status_code == 401

    page.get_by_role("link", name="History", exact=True).click()
    read_history(page)


def close_once_stored(page: Page) -> None:
    """Done, Escape and the backdrop show a reminder and do not close the dialog before the box is ticked."""
    shown = modal(page)
    done, stored = shown.get_by_role("button", name="Done"), shown.get_by_role("checkbox")
    reminder = shown.get_by_text(REMINDER)
    for leave in (
        lambda: done.click(force=True),
        lambda: page.keyboard.press("Escape"),
        lambda: page.mouse.click(4, 4),
    ):
        expect(reminder).to_be_hidden()
        leave()
        expect(reminder).to_be_visible()
        expect(stored).to_be_focused()
        stored.check()
        expect(reminder).to_be_hidden()
        stored.uncheck()
    stored.check()
    done.click()
    expect(modal(page)).to_have_count(0)


def revoke(page: Page, reason: str) -> None:
    dialog = choose_action(page, NAME, "Revoke…")
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name="Revoke key").click()
    expect_toast(page, "Key revoked")
    expect_status(page, "Revoked")


def reactivate(page: Page, reason: str) -> None:
    """Reactivate the key; the dialog shows why it was revoked."""
    dialog = choose_action(page, NAME, "Reactivate…")
    expect(dialog.get_by_text(reason)).to_be_visible()
    dialog.get_by_role("button", name="Reactivate key").click()
    expect_toast(page, "Key reactivated")
    expect_status(page, "Active")


def read_history(page: Page) -> None:
    """History lists each action, newest first. The panel shows the changed fields and links to the next event."""
    actions = page.locator("#event-rows tbody tr").filter(has_text=NAME).locator(".verb")
    expect(actions).to_have_text(["Key deleted", "Key reactivated", "Key revoked", "Key created"])
    actions.nth(2).click()
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
    expect(panel.locator("del").filter(has_text="UTC")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def panel_url(page: Page) -> str:
    number = page.locator("#panel").get_attribute("data-number")
    return f"{page.url.split('/history/')[0]}/history/{number}/?organisation=northwind"


def test_key_is_created_and_revoked_with_the_keyboard_only(page: Page, demo: Demo, base_url: str) -> None:
    demo.add_key("Zapier trial")
    open_list(page)
    program = Program(base_url, create_by_keyboard(page))
    assert program.call().json()["scopes"] == ["chats:read", "chats:write"]
    press = page.keyboard.press
    tab_to(page, "I’ve stored this secret somewhere safe")
    press("Space")
    press("Tab")
    press("Enter")
    expect(modal(page)).to_have_count(0)
    expect(page.get_by_role("link", name="Create key")).to_be_focused()

    opener = page.get_by_role("button", name=f"Actions for {NAME}")
    opener.focus()
    press("Enter")
    expect(page.get_by_role("menuitem", name="View")).to_be_focused()
    for item in ("Edit…", "Copy key ID", "Regenerate…", "Revoke…"):
        press("ArrowDown")
        expect(page.get_by_role("menuitem", name=item)).to_be_focused()
    press("Enter")
    expect(modal(page).get_by_role("button", name="Keep key")).to_be_focused()
    press("Shift+Tab")
    page.keyboard.type("Lost")
    press("Tab")
    press("Tab")
    press("Enter")
    expect_toast(page, "Key revoked")
    expect(opener).to_be_focused()
    assert program.call().status_code == 401


def create_by_keyboard(page: Page) -> str:
    """Create a key that reads and writes chats; returns its secret."""
    press = page.keyboard.press
    press("c")
    expect(modal(page).get_by_role("textbox", name="Name", exact=True)).to_be_focused()
    page.keyboard.type(NAME)
    press("Tab")
    press("Tab")
    expect(modal(page).get_by_role("radio", name="Read-only chats")).to_be_focused()
    press("ArrowRight")
    expect(modal(page).get_by_role("checkbox", name="Send messages")).to_be_checked()
    press("ArrowLeft")
    tab_to(page, "Write chats")
    press("Space")
    expect(modal(page).get_by_role("radio", name="Custom", exact=True)).to_be_checked()
    tab_to(page, "Create key")
    press("Enter")
    expect(modal(page).get_by_role("button", name="Copy key", exact=True)).to_be_focused()
    return modal(page).locator("#reveal-key").inner_text()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until a control has the focus whose name starts with `name`."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim().replace(/\\s+/g, ' ')"
        )
        if focused.startswith(name):
            return
    pytest.fail(f"Tab never reaches {name}")


def test_key_page_revokes_reactivates_and_deletes(page: Page, demo: Demo) -> None:
    demo.add_key(NAME)
    open_list(page)
    page.get_by_role("link", name=NAME, exact=True).click()
    page.get_by_role("link", name="Revoke…").click()
    modal(page).get_by_role("button", name="Revoke key").click()
    expect_toast(page, "Key revoked")
    expect(page.get_by_role("heading", name=NAME, level=1)).to_be_visible()
    expect(page.locator("main .badge").first).to_have_text("Revoked")
    page.get_by_role("link", name="Reactivate…").click()
    modal(page).get_by_role("button", name="Reactivate key").click()
    expect_toast(page, "Key reactivated")
    page.get_by_role("link", name="Delete…").click()
    modal(page).get_by_role("textbox").fill(NAME)
    modal(page).get_by_role("button", name="Delete key").click()
    expect_toast(page, "Key deleted")
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()


def test_page_of_deleted_key_names_who_deleted_it(page: Page, demo: Demo, console: ConsoleRecorder) -> None:
    added = demo.add_key(NAME)
    open_list(page)
    delete_key(page, NAME)
    console.allow_status(404)
    page.goto(f"/keys/{added.key.id}/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("by Maya Okafor.")
    page.get_by_role("link", name="View its history").click()
    expect(page.locator("#event-rows .verb")).to_have_text(["Key deleted"])


def test_expired_key_needs_a_new_expiry_to_be_reactivated(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_list(page)
    dialog = choose_action(page, "Support portal (legacy)", "Reactivate…")
    expect(dialog.get_by_text("Set a new expiry first.").first).to_be_visible()
    expect(dialog.get_by_label("New expiry date")).to_be_focused()
    dialog.get_by_role("button", name="Reactivate key").click()
    expect(dialog.get_by_label("New expiry date")).to_be_focused()
    expect(dialog.get_by_label("New expiry date")).to_have_attribute("aria-invalid", "true")
    dialog.get_by_label("New expiry date").fill("2099-01-31")
    dialog.get_by_role("button", name="Reactivate key").click()
    expect_toast(page, "Key reactivated")
    expect_status(page, "Active", "Support portal (legacy)")


def test_deleting_a_key_in_use_suggests_revoking(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_list(page)
    dialog = choose_action(page, NAME, "Delete…")
    expect(dialog.get_by_text("This key is in use.")).to_be_visible()
    dialog.get_by_role("link", name="Revoke instead…").click()
    expect(modal(page).get_by_role("heading", name=f"Revoke {NAME}?")).to_be_visible()
    expect(modal(page)).to_have_count(1)
    expect(modal(page).get_by_text("requests in the last 24 hours")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=f"Actions for {NAME}")).to_be_focused()


def test_owner_creates_a_key_of_their_organisation(signed_in_page: SignedInPage, demo: Demo, base_url: str) -> None:
    page = signed_in_page("jonas")
    page.goto("/")
    page.get_by_role("link", name="Create key").click()
    modal(page).get_by_role("textbox", name="Name", exact=True).fill(NAME)
    modal(page).get_by_role("button", name="Create key").click()
    program = Program(base_url, modal(page).locator("#reveal-key").inner_text())
    assert program.call().json()["organisation"]["slug"] == "northwind"
    modal(page).get_by_role("checkbox").check()
    modal(page).get_by_role("button", name="Done").click()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="API keys", exact=False).first.click()
    items = ["View", "Edit…", "Copy key ID", "Regenerate…", "Revoke…", "Delete…"]
    expect(open_menu(page, NAME).get_by_role("menuitem")).to_have_text(items)
