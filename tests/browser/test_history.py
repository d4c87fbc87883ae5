"""The page History: the count of new events, and the focus when the panel of an event opens and closes."""

from playwright.sync_api import Page, expect

from keyadmin.operations import keys
from tests.browser.console import ConsoleRecorder
from tests.browser.contexts import SignedInPage
from tests.browser.demo import Demo
from tests.browser.scenes import open_history
from tests.factories import as_actor


def test_new_events_are_announced_and_not_inserted(page: Page, demo: Demo, console: ConsoleRecorder) -> None:
    console.allow("ERR_INTERNET_DISCONNECTED", "^error: htmx:sendError", "^error: htmx:afterRequest")
    demo.add_rows()
    page.clock.install()
    open_history(page)
    rows = page.locator("#event-rows tbody tr")
    before = rows.count()
    pill = page.locator("#new-events")
    expect(pill).to_be_empty()
    for operation in (keys.revoke, keys.reactivate):
        operation(actor=as_actor(demo.people["jonas"]), key=demo.keys["CRM integration"].key.id)
    page.clock.fast_forward(30_000)
    expect(pill).to_have_text("2 new events")
    expect(rows).to_have_count(before)
    # A search counts only new events that match it. A poll that fails shows no error.
    page.get_by_label("Search history").fill("reactivated by a stranger")
    expect(pill).to_be_empty()
    page.context.set_offline(True)
    with page.expect_event("requestfailed"):
        page.clock.fast_forward(30_000)
    page.context.set_offline(False)
    expect(page.locator("#toasts .toast")).to_have_count(0)
    page.get_by_label("Search history").fill("")
    expect(rows.first).to_contain_text("Key reactivated")


def test_event_panel_takes_focus_and_returns_it(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_history(page)
    list_url = page.url
    row = page.get_by_role("link", name="Key revoked").first
    row.focus()
    page.keyboard.press("Enter")
    panel = page.locator("#panel")
    expect(panel.get_by_role("heading", name="Key revoked")).to_be_focused()
    panel_url = page.url
    assert panel_url != list_url
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page).to_have_url(list_url)
    expect(row).to_be_focused()
    page.go_back()
    expect(page).to_have_url(panel_url)
    expect(panel.get_by_role("heading", name="Key revoked")).to_be_focused()
    panel.get_by_role("link", name="Close details").click()
    expect(page.get_by_role("link", name="Key revoked").first).to_be_focused()


def test_event_panel_covers_the_list_on_a_small_screen(signed_in_page: SignedInPage, demo: Demo) -> None:
    demo.add_rows()
    page = signed_in_page("priya", viewport={"width": 390, "height": 800})
    open_history(page)
    page.get_by_role("link", name="Key revoked").first.click()
    panel = page.locator("#panel")
    expect(panel.get_by_text("The trial pauses over the holidays.", exact=True)).to_be_visible()
    expect(page.locator("#event-rows")).to_be_hidden()
    focused = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        focused.add(page.evaluate("document.activeElement.closest('#panel, body > *, .skip')?.id ?? ''"))
    assert focused <= {"panel", "", "skip"}, focused
    panel.get_by_role("link", name="Close details").click()
    expect(page.get_by_role("link", name="Key revoked").first).to_be_focused()
