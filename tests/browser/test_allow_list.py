"""The row editor of an allow-list, with and without JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.bot_scenes import NEW, add, generated, open_editor, remove
from tests.browser.conftest import PageOf
from tests.browser.world import World


@pytest.fixture
def editor(page: Page, world: World) -> Page:
    world.demonstration()
    open_editor(page)
    return page


def test_the_tick_wakes_when_the_value_is_valid(editor: Page) -> None:
    tick, field = editor.get_by_role("button", name="Add range"), editor.get_by_label(NEW)
    expect(tick).to_have_attribute("aria-disabled", "true")
    field.fill("192.0.2.64/2")
    expect(tick).to_have_attribute("aria-disabled", "true")
    field.fill("192.0.2.64/26")
    expect(tick).to_have_attribute("aria-disabled", "false")
    tick.click()
    expect(editor.locator("#network-status")).to_have_text("192.0.2.64/26 added")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    expect(tick).to_have_attribute("aria-disabled", "true")


def test_a_sleeping_tick_says_why(editor: Page) -> None:
    editor.get_by_label(NEW).fill("10.0.0.0/8")
    editor.get_by_role("button", name="Add range").click(force=True)
    expect(editor.get_by_text("/8 is too wide. Use a suffix from /16 to /32.")).to_be_visible()
    expect(editor.get_by_label(NEW)).to_be_focused()


def test_a_value_is_edited_in_place(editor: Page) -> None:
    editor.get_by_role("button", name="Edit 203.0.113.0/24").click()
    field = editor.get_by_label("Edit range 203.0.113.0/24")
    expect(field).to_be_focused()
    editor.keyboard.press("Escape")
    expect(field).to_have_count(0)
    editor.get_by_role("button", name="Edit 203.0.113.0/24").press("Enter")
    field.fill("203.0.0.0/16")
    field.press("Enter")
    expect(editor.locator("#network-status")).to_have_text("203.0.113.0/24 is now 203.0.0.0/16")
    expect(editor.get_by_label(NEW)).to_be_focused()


def test_removal_can_be_undone_for_a_while(page: Page, world: World) -> None:
    world.demonstration()
    page.clock.install()
    open_editor(page)
    add(page, "192.0.2.64/26")
    remove(page, "192.0.2.64/26")
    expect(page.locator("#network-status")).to_have_text("192.0.2.64/26 removed")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Remove 192.0.2.64/26")).to_be_visible()
    remove(page, "192.0.2.64/26")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.mouse.move(0, 0)
    page.clock.run_for(8500)
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_the_last_range_asks(editor: Page) -> None:
    remove(editor, "203.0.113.0/24")
    expect(editor.get_by_text("Any address will be allowed.")).to_be_visible()
    expect(editor.get_by_role("button", name="Keep range")).to_be_focused()
    editor.get_by_role("button", name="Remove range").click()
    expect(editor.get_by_text("Any IP address is allowed.")).to_be_visible()


def test_without_scripts(page_of: PageOf, world: World) -> None:
    world.demonstration()
    page = page_of("jonas", java_script_enabled=False)
    open_editor(page)
    page.get_by_label(NEW).fill("192.0.2.64/26")
    page.get_by_role("button", name="Add range").click(force=True)
    expect(page.get_by_text("192.0.2.64/26 added")).to_be_visible()
    remove(page, "192.0.2.64/26")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Remove 192.0.2.64/26")).to_be_visible()


def test_an_owner_generates_the_public_key(page_of: PageOf, world: World) -> None:
    page = page_of("jonas")
    generated(page)
    expect(page.get_by_role("link", name="Delete…")).to_be_visible()
