"""The History page in use: what is new is told and not put in, and an event's panel takes and gives the focus."""

from playwright.sync_api import Page, expect

from keyadmin.operations import keys
from tests.browser.conftest import PageOf
from tests.browser.record import Record
from tests.browser.scenes import open_history
from tests.browser.world import World
from tests.factories import as_actor


def test_new_events_are_told_when_asked_for(page: Page, world: World, record: Record) -> None:
    record.expect("ERR_INTERNET_DISCONNECTED", "^error: htmx:sendError", "^error: htmx:afterRequest")
    world.demonstration()
    page.clock.install()
    open_history(page)
    rows = page.locator("#event-rows tbody tr")
    before = rows.count()
    pill = page.locator("#new-events")
    expect(pill).to_be_empty()
    for act in (keys.revoke, keys.reactivate):
        act(actor=as_actor(world.people["jonas"]), key=world.keys["CRM integration"].key.id)
    page.clock.fast_forward(30_000)
    expect(pill).to_have_text("2 new events")
    expect(rows).to_have_count(before)
    # A search asks for what is new to it; a poll that fails is not talked about.
    page.get_by_label("Search history").fill("reactivated by a stranger")
    expect(pill).to_be_empty()
    page.context.set_offline(True)
    with page.expect_event("requestfailed"):
        page.clock.fast_forward(30_000)
    page.context.set_offline(False)
    expect(page.locator("#toasts .toast")).to_have_count(0)
    page.get_by_label("Search history").fill("")
    expect(rows.first).to_contain_text("Key reactivated")


def test_the_panel_takes_the_focus_and_gives_it_back(page: Page, world: World) -> None:
    world.demonstration()
    open_history(page)
    listed = page.url
    row = page.get_by_role("link", name="Key revoked").first
    row.focus()
    page.keyboard.press("Enter")
    panel = page.locator("#panel")
    expect(panel.get_by_role("heading", name="Key revoked")).to_be_focused()
    shown = page.url
    assert shown != listed
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(page).to_have_url(listed)
    expect(row).to_be_focused()
    page.go_back()
    expect(page).to_have_url(shown)
    expect(panel.get_by_role("heading", name="Key revoked")).to_be_focused()
    panel.get_by_role("link", name="Close details").click()
    expect(page.get_by_role("link", name="Key revoked").first).to_be_focused()


def test_on_a_small_screen_the_panel_is_all_there_is(page_of: PageOf, world: World) -> None:
    world.demonstration()
    page = page_of("priya", viewport={"width": 390, "height": 800})
    open_history(page)
    page.get_by_role("link", name="Key revoked").first.click()
    panel = page.locator("#panel")
    expect(panel.get_by_text("The trial pauses over the holidays.", exact=True)).to_be_visible()
    expect(page.locator("#event-rows")).to_be_hidden()
    reached = set()
    for _ in range(20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.closest('#panel, body > *, .skip')?.id ?? ''"))
    assert reached <= {"panel", "", "skip"}, reached
    panel.get_by_role("link", name="Close details").click()
    expect(page.get_by_role("link", name="Key revoked").first).to_be_focused()
