"""The secret exists on one page, once, and nothing that the browser keeps has it."""

import json
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.record import Record
from tests.browser.scenes import KEYS, dialog, open_history, open_list, reveal
from tests.browser.world import World

NAME = "CRM sync"
ALREADY = "The secret was already shown. Regenerate to get a new one."
#: Everything that a page can keep, as one text.
KEPT = """async () => {
  const databases = await indexedDB.databases();
  const caches_ = await caches.keys();
  return JSON.stringify([{...localStorage}, {...sessionStorage}, databases, caches_, document.cookie, history.state,
    location.href, document.title, window.name, performance.getEntries().map((entry) => entry.name)]);
}"""


@pytest.fixture
def secret(page: Page, world: World) -> str:
    """What the open dialog shows; its last part is nowhere else."""
    whole: str = reveal(page, NAME).locator("#reveal-key").inner_text()
    return whole.rpartition("_")[2]


def leave(page: Page) -> list[str]:
    """Accept leaving; returns the kinds of the dialogs the browser asked with."""
    asked: list[str] = []

    def answer(browsers: Dialog) -> None:
        asked.append(browsers.type)
        browsers.accept()

    page.on("dialog", answer)
    return asked


def test_it_is_kept_nowhere(page: Page, secret: str, address: str) -> None:
    assert secret in page.content()
    assert secret not in page.evaluate(KEPT)
    dialog(page).get_by_role("checkbox").check()
    dialog(page).get_by_role("button", name="Done").click()
    expect(page.locator("dialog")).to_have_count(0)
    assert secret not in page.content()
    link = page.get_by_role("link", name=NAME, exact=True).get_attribute("href")
    open_history(page)
    page.get_by_role("link", name="Key created").first.click()
    expect(page.locator("#panel")).to_be_visible()
    assert secret not in page.content()
    for path in (KEYS, link, "/history/", page.url.removeprefix(address), f"{link}revoke/", f"{link}delete/"):
        page.goto(str(path))
        assert secret not in page.content()
    assert secret not in page.evaluate(KEPT)
    assert secret not in json.dumps(page.context.storage_state(indexed_db=True))


def test_reload_does_not_bring_it_back(page: Page, secret: str) -> None:
    leave(page)
    page.reload()
    expect(page.get_by_role("link", name=NAME, exact=True)).to_be_visible()
    assert secret not in page.content()
    assert secret not in page.evaluate(KEPT)


def test_back_and_forward_do_not_bring_it_back(page: Page, secret: str) -> None:
    leave(page)
    page.goto("/history/")
    page.go_back()
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()
    assert secret not in page.content()
    page.go_forward()
    expect(page.get_by_role("heading", name="History", level=1)).to_be_visible()
    page.go_back()
    assert secret not in page.content()


def test_leaving_warns_until_the_box_is_ticked(page: Page, secret: str) -> None:
    page.locator("#reveal-key").click()  # browsers ask only people who have touched the page
    asked = leave(page)
    page.close(run_before_unload=True)
    page.wait_for_event("close")
    assert asked == ["beforeunload"]


def test_leaving_after_the_box_is_ticked_does_not_warn(page: Page, secret: str) -> None:
    dialog(page).get_by_role("checkbox").check()
    asked = leave(page)
    page.goto("/history/")
    assert asked == []


def test_the_page_that_is_left_is_wiped(page: Page, secret: str) -> None:
    """What a browser keeps for Back is the document as `pagehide` leaves it."""
    assert page.locator("[data-secret]").count() >= 4
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    assert secret not in page.content()
    assert page.locator("[data-secret]").all_inner_texts() == [""] * page.locator("[data-secret]").count()


def test_the_same_form_again_shows_no_secret(page: Page, world: World) -> None:
    bodies: list[str] = []
    page.on("request", lambda request: bodies.append(request.post_data or "") if request.method == "POST" else None)
    whole = reveal(page, NAME).locator("#reveal-key").inner_text()
    again: dict[str, Any] = page.evaluate(
        """async (body) => {
          const answer = await fetch("/keys/create/", {method: "POST", body, credentials: "same-origin",
            headers: {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}});
          return {status: answer.status, text: await answer.text()};
        }""",
        bodies[0],
    )
    assert again["status"] == 200
    assert ALREADY in again["text"]
    assert whole.rpartition("_")[2] not in again["text"]
    leave(page)
    open_list(page)
    expect(page.get_by_role("link", name=NAME, exact=True)).to_have_count(1)


def test_sending_twice_by_back_shows_no_secret(page_of: Any, world: World, record: Record) -> None:
    """As a page: Back shows the form once more, with what was typed, and it is sent again."""
    page = page_of("maya", java_script_enabled=False)
    page.goto("/keys/create/")
    page.get_by_role("textbox", name="Name", exact=True).fill(NAME)
    page.get_by_role("button", name="Create key").click()
    secret = page.locator("#reveal-key").inner_text().rpartition("_")[2]
    page.reload()
    expect(page.get_by_text(ALREADY)).to_be_visible()
    assert secret not in page.content()
    page.go_back()
    assert secret not in page.content()


def test_hiding_showing_and_copying(page: Page, world: World, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    shown = reveal(page, NAME)
    key = shown.locator("#reveal-key")
    whole = key.inner_text()
    clipboard = "navigator.clipboard.readText()"
    shown.get_by_role("button", name="Copy key", exact=True).click()
    expect(page.locator("#toasts").get_by_text("Copied to clipboard")).to_be_visible()
    assert page.evaluate(clipboard) == whole
    shown.get_by_role("button", name="Copy key ID").click()
    expect(shown.get_by_role("button", name="Copy key ID")).to_contain_text("Copied")
    key_id = page.evaluate(clipboard)
    shown.get_by_role("button", name="Copy secret").click()
    expect(shown.get_by_role("button", name="Copy secret")).to_contain_text("Copied")
    assert f"{key_id}_{page.evaluate(clipboard)}" == whole

    hide = shown.get_by_role("button", name="Hide secret")
    hide.click()
    expect(hide).to_have_attribute("aria-pressed", "true")
    assert key.evaluate("(node) => getComputedStyle(node).filter") == "blur(5px)"
    hide.click()
    assert key.evaluate("(node) => getComputedStyle(node).filter") == "none"


def test_formats_ready_to_paste(page: Page, world: World, address: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    shown = reveal(page, NAME)
    whole = shown.locator("#reveal-key").inner_text()
    tabs = shown.get_by_role("tab")
    expect(tabs).to_have_text([".env", "cURL", "Python", "JavaScript"])
    with page.expect_download() as downloaded:
        shown.get_by_role("button", name="Download .env file").click()
    assert downloaded.value.suggested_filename == "crm-sync.env"
    assert f"KEYADMIN_API_KEY={whole}\n" in downloaded.value.path().read_text()

    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    expect(shown.get_by_role("tab", name="cURL")).to_be_focused()
    shown.get_by_role("button", name="Copy snippet").click()
    expect(page.locator("#toasts").get_by_text("Snippet copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == (
        f'curl {address}/api/whoami \\\n  -H "X-API-Key: {whole}"'
    )
    page.keyboard.press("Shift+Tab")
    for name in ("Python", "JavaScript"):
        shown.get_by_role("tab", name=name).click()
        expect(shown.get_by_role("tabpanel")).to_have_count(1)
        expect(shown.get_by_role("tabpanel", name=name)).to_contain_text(f"{address}/api/whoami")
        assert whole not in shown.get_by_role("tabpanel", name=name).inner_text()
