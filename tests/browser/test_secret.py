"""A secret is shown once, and the browser stores it nowhere."""

import json
from typing import Any

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser.console import ConsoleRecorder
from tests.browser.contexts import SignedInPage
from tests.browser.demo import Demo
from tests.browser.scenes import KEYS, create_and_reveal, modal, open_history, open_list

NAME = "CRM sync"
ALREADY_SHOWN = "The secret was already shown. Regenerate to get a new one."
#: Everything that a page can store, as one text.
STORED = """async () => {
  const databases = await indexedDB.databases();
  const caches_ = await caches.keys();
  return JSON.stringify([{...localStorage}, {...sessionStorage}, databases, caches_, document.cookie, history.state,
    location.href, document.title, window.name, performance.getEntries().map((entry) => entry.name)]);
}"""


@pytest.fixture
def secret(page: Page, demo: Demo) -> str:
    """Create a key; returns the last part of its secret, which is in no other text."""
    secret_text: str = create_and_reveal(page, NAME).locator("#reveal-key").inner_text()
    return secret_text.rpartition("_")[2]


def accept_prompts(page: Page) -> list[str]:
    """Accept every prompt of the browser from now on; returns the list to which their types are added."""
    prompts: list[str] = []

    def accept(prompt: Dialog) -> None:
        prompts.append(prompt.type)
        prompt.accept()

    page.on("dialog", accept)
    return prompts


def test_secret_is_not_stored_by_the_browser(page: Page, secret: str, base_url: str) -> None:
    assert secret in page.content()
    assert secret not in page.evaluate(STORED)
    modal(page).get_by_role("checkbox").check()
    modal(page).get_by_role("button", name="Done").click()
    expect(page.locator("dialog")).to_have_count(0)
    assert secret not in page.content()
    link = page.get_by_role("link", name=NAME, exact=True).get_attribute("href")
    open_history(page)
    page.get_by_role("link", name="Key created").first.click()
    expect(page.locator("#panel")).to_be_visible()
    assert secret not in page.content()
    for path in (KEYS, link, "/history/", page.url.removeprefix(base_url), f"{link}revoke/", f"{link}delete/"):
        page.goto(str(path))
        assert secret not in page.content()
    assert secret not in page.evaluate(STORED)
    assert secret not in json.dumps(page.context.storage_state(indexed_db=True))


def test_reload_does_not_show_the_secret_again(page: Page, secret: str) -> None:
    accept_prompts(page)
    page.reload()
    expect(page.get_by_role("link", name=NAME, exact=True)).to_be_visible()
    assert secret not in page.content()
    assert secret not in page.evaluate(STORED)


def test_back_and_forward_do_not_show_the_secret_again(page: Page, secret: str) -> None:
    accept_prompts(page)
    page.goto("/history/")
    page.go_back()
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()
    assert secret not in page.content()
    page.go_forward()
    expect(page.get_by_role("heading", name="History", level=1)).to_be_visible()
    page.go_back()
    assert secret not in page.content()


def test_leaving_before_the_box_is_ticked_warns(page: Page, secret: str) -> None:
    page.locator("#reveal-key").click()  # browsers warn only if the page was used
    prompts = accept_prompts(page)
    page.close(run_before_unload=True)
    page.wait_for_event("close")
    assert prompts == ["beforeunload"]


def test_leaving_after_the_box_is_ticked_does_not_warn(page: Page, secret: str) -> None:
    modal(page).get_by_role("checkbox").check()
    prompts = accept_prompts(page)
    page.goto("/history/")
    assert prompts == []


def test_secret_is_removed_from_the_document_on_pagehide(page: Page, secret: str) -> None:
    """A browser keeps the document for Back in the state after `pagehide`."""
    assert page.locator("[data-secret]").count() >= 4
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    assert secret not in page.content()
    assert page.locator("[data-secret]").all_inner_texts() == [""] * page.locator("[data-secret]").count()


def test_repeated_form_shows_no_secret_and_creates_no_key(page: Page, demo: Demo) -> None:
    bodies: list[str] = []
    page.on("request", lambda request: bodies.append(request.post_data or "") if request.method == "POST" else None)
    secret_text = create_and_reveal(page, NAME).locator("#reveal-key").inner_text()
    repeated: dict[str, Any] = page.evaluate(
        """async (body) => {
          const answer = await fetch("/keys/create/", {method: "POST", body, credentials: "same-origin",
            headers: {"Content-Type": "application/x-www-form-urlencoded", "HX-Request": "true"}});
          return {status: answer.status, text: await answer.text()};
        }""",
        bodies[0],
    )
    assert repeated["status"] == 200
    assert ALREADY_SHOWN in repeated["text"]
    assert secret_text.rpartition("_")[2] not in repeated["text"]
    accept_prompts(page)
    open_list(page)
    expect(page.get_by_role("link", name=NAME, exact=True)).to_have_count(1)


def test_form_resent_without_javascript_shows_no_secret(
    signed_in_page: SignedInPage, demo: Demo, console: ConsoleRecorder
) -> None:
    """A reload sends the form again, and Back shows the form with its input."""
    page = signed_in_page("maya", java_script_enabled=False)
    page.goto("/keys/create/?organisation=northwind")
    page.get_by_role("textbox", name="Name", exact=True).fill(NAME)
    page.get_by_role("button", name="Create key").click()
    secret = page.locator("#reveal-key").inner_text().rpartition("_")[2]
    page.reload()
    expect(page.get_by_text(ALREADY_SHOWN)).to_be_visible()
    assert secret not in page.content()
    page.go_back()
    assert secret not in page.content()


def test_secret_can_be_hidden_shown_and_copied(page: Page, demo: Demo, base_url: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=base_url)
    shown = create_and_reveal(page, NAME)
    key = shown.locator("#reveal-key")
    secret_text = key.inner_text()
    clipboard = "navigator.clipboard.readText()"
    shown.get_by_role("button", name="Copy key", exact=True).click()
    expect(page.locator("#toasts").get_by_text("Copied to clipboard")).to_be_visible()
    assert page.evaluate(clipboard) == secret_text
    shown.get_by_role("button", name="Copy key ID").click()
    expect(shown.get_by_role("button", name="Copy key ID")).to_contain_text("Copied")
    key_id = page.evaluate(clipboard)
    shown.get_by_role("button", name="Copy secret").click()
    expect(shown.get_by_role("button", name="Copy secret")).to_contain_text("Copied")
    assert f"{key_id}_{page.evaluate(clipboard)}" == secret_text

    hide = shown.get_by_role("button", name="Hide secret")
    hide.click()
    expect(hide).to_have_attribute("aria-pressed", "true")
    assert key.evaluate("(node) => getComputedStyle(node).filter") == "blur(5px)"
    hide.click()
    assert key.evaluate("(node) => getComputedStyle(node).filter") == "none"


def test_secret_formats_can_be_copied_and_downloaded(page: Page, demo: Demo, base_url: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=base_url)
    shown = create_and_reveal(page, NAME)
    secret_text = shown.locator("#reveal-key").inner_text()
    tabs = shown.get_by_role("tab")
    expect(tabs).to_have_text([".env", "cURL", "Python", "JavaScript"])
    with page.expect_download() as downloaded:
        shown.get_by_role("button", name="Download .env file").click()
    assert downloaded.value.suggested_filename == "crm-sync.env"
    assert f"KEYADMIN_API_KEY={secret_text}\n" in downloaded.value.path().read_text()

    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    expect(shown.get_by_role("tab", name="cURL")).to_be_focused()
    shown.get_by_role("button", name="Copy snippet").click()
    expect(page.locator("#toasts").get_by_text("Snippet copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == (
        f'curl {base_url}/api/whoami \\\n  -H "X-API-Key: {secret_text}"'
    )
    page.keyboard.press("Shift+Tab")
    for name in ("Python", "JavaScript"):
        shown.get_by_role("tab", name=name).click()
        expect(shown.get_by_role("tabpanel")).to_have_count(1)
        expect(shown.get_by_role("tabpanel", name=name)).to_contain_text(f"{base_url}/api/whoami")
        assert secret_text not in shown.get_by_role("tabpanel", name=name).inner_text()
