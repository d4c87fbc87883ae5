"""The page History: the count of new events, the panel of an event beside the list, and the width of lists."""

import re
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from keyadmin.operations import keys
from tests.browser.console import ConsoleRecorder
from tests.browser.contexts import SignedInPage
from tests.browser.demo import Demo
from tests.browser.scenes import open_history
from tests.factories import as_actor

COLUMNS: Final = ["Time (UTC)", "Actor", "Action", "Target", "Summary", "Source IP"]


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


def test_filter_form_covers_neither_sidebar_nor_chips(signed_in_page: SignedInPage, demo: Demo) -> None:
    demo.add_rows()
    for width in (920, 1280, 1920):
        page = signed_in_page("priya", viewport={"width": width, "height": 900})
        for url in ("/history/", "/history/?type=key.issued", "/people/", "/keys/"):
            page.goto(url)
            button = page.get_by_role("button", name=re.compile("^Filter"))
            if not button.count():
                continue
            button.first.click()
            form = page.locator(".filter-form:popover-open")
            expect(form).to_be_visible()
            box, side, anchor = (
                form.bounding_box(),
                page.locator(".sidebar").bounding_box(),
                button.first.bounding_box(),
            )
            assert box
            assert side
            assert anchor
            assert box["x"] >= side["x"] + side["width"], (url, width)
            assert box["x"] + box["width"] <= width, (url, width)
            assert box["y"] >= anchor["y"] + anchor["height"], (url, width)
        page.context.close()


@pytest.mark.parametrize(("width", "height"), [(1280, 700), (1920, 1080)])
def test_selected_event_and_its_panel_stay_in_view(
    signed_in_page: SignedInPage, demo: Demo, width: int, height: int
) -> None:
    """Opened far down in the list, by Next, and by its URL; also on the next page of the list."""
    demo.add_rows()
    key = demo.keys["CRM integration"].key
    for _ in range(30):
        for operation in (keys.revoke, keys.reactivate):
            operation(actor=as_actor(demo.people["jonas"]), key=key.id)
    page = signed_in_page("priya", viewport={"width": width, "height": height})
    page.goto(f"/history/?target={key.id}")
    rows = page.locator("#event-rows tbody tr")
    expect(rows).to_have_count(50)
    selected, heading = page.locator("tr[aria-current]"), page.locator("#panel-title")
    rows.nth(44).get_by_role("link").first.click()
    for place in range(45, 54):
        expect(page.locator(".panel-foot")).to_contain_text(f"{place} of 6")
        expect(selected).to_have_count(1)
        expect(selected).to_be_in_viewport(ratio=0.99)
        expect(heading).to_be_in_viewport()
        number = page.locator("#panel").get_attribute("data-number")
        expect(selected).to_have_id(f"event-{number}")
        page.get_by_role("link", name="Next").click()
        expect(page.locator("#panel")).not_to_have_attribute("data-number", number or "")
    page.reload()
    expect(selected).to_be_in_viewport(ratio=0.99)
    expect(heading).to_be_in_viewport()
    list_url = page.get_by_role("link", name="Close details").get_attribute("href") or ""
    page.goto(list_url)
    expect(page.locator(f"#{list_url.partition('#')[2]}")).to_be_visible()


LISTS: Final = (
    *("/keys/", "/bots/", "/people/", "/organisations/", "/history/", "/channels/", "/tiers/", "/usage/", "/review/"),
    *("/security/public-keys/", "/security/allow-lists/"),
)


def test_lists_use_the_width_of_a_large_window(signed_in_page: SignedInPage, demo: Demo) -> None:
    """The card of each list ends at the same distance from the window as it begins from the sidebar."""
    demo.add_rows()
    page = signed_in_page("maya", viewport={"width": 1920, "height": 1080})
    for url in LISTS:
        page.goto(url)
        cards = page.locator("main .card:has(table)")
        if not cards.count():
            continue
        box, side = cards.first.bounding_box(), page.locator(".sidebar").bounding_box()
        assert box
        assert side
        before = box["x"] - side["x"] - side["width"]
        assert abs(1920 - box["x"] - box["width"] - before) <= 2, url


def test_list_keeps_its_columns_beside_an_open_panel(signed_in_page: SignedInPage, demo: Demo) -> None:
    demo.add_rows()
    page = signed_in_page("priya", viewport={"width": 1920, "height": 1080})
    open_history(page)
    columns = page.locator("#event-rows thead th")
    assert [text.strip() for text in columns.all_inner_texts()] == COLUMNS
    page.get_by_role("link", name="Key revoked").first.click()
    expect(page.locator("#panel")).to_be_visible()
    for place in range(len(COLUMNS)):
        expect(columns.nth(place)).to_be_visible()
        expect(page.locator("tr[aria-current] td").nth(place)).to_be_visible()


def test_target_of_a_row_is_a_link_of_its_own(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_history(page)
    page.locator("tr", has_text="Key revoked").first.locator(".history-target a").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("History")
    assert "/keys/" in page.url
