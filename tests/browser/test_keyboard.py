"""Menus and shortcuts from the keyboard."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.demo import Demo
from tests.browser.scenes import choose_action, modal, open_create, open_list

NAME = "CRM integration"


@pytest.fixture
def menu(page: Page, demo: Demo) -> Page:
    """A page with a key's menu open, its first item focused."""
    demo.add_key(NAME)
    open_list(page)
    page.get_by_role("button", name=f"Actions for {NAME}").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="View")).to_be_focused()
    return page


@pytest.mark.parametrize(
    ("pressed", "item"),
    [
        (["ArrowDown"], "Edit…"),
        (["ArrowUp"], "Delete…"),
        (["End"], "Delete…"),
        (["End", "ArrowDown"], "View"),
        (["End", "Home"], "View"),
        (["r", "e", "v"], "Revoke…"),
        (["d"], "Delete…"),
        (["c", "o"], "Copy key ID"),
    ],
)
def test_menu_moves_focus_by_key(menu: Page, pressed: list[str], item: str) -> None:
    for key in pressed:
        menu.keyboard.press(key)
    expect(menu.get_by_role("menuitem", name=item)).to_be_focused()


def test_escape_closes_menu_and_returns_focus(menu: Page) -> None:
    menu.keyboard.press("Escape")
    expect(menu.locator(".menu:popover-open")).to_have_count(0)
    expect(menu.get_by_role("button", name=f"Actions for {NAME}")).to_be_focused()
    expect(menu.get_by_role("button", name=f"Actions for {NAME}")).to_have_attribute("aria-expanded", "false")


def test_reopened_menu_forgets_typed_letters(menu: Page) -> None:
    for key in ("r", "Escape", "Enter", "d"):
        menu.keyboard.press(key)
    expect(menu.get_by_role("menuitem", name="Delete…")).to_be_focused()


def test_arrow_down_opens_menu_and_outside_click_closes_it(page: Page, demo: Demo) -> None:
    demo.add_key(NAME)
    open_list(page)
    page.get_by_role("button", name=f"Actions for {NAME}").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="View")).to_be_focused()
    page.mouse.click(700, 20)
    expect(page.locator(".menu:popover-open")).to_have_count(0)


def test_arrow_up_opens_menu_at_its_last_item(page: Page, demo: Demo) -> None:
    demo.add_key(NAME)
    open_list(page)
    page.get_by_role("button", name=f"Actions for {NAME}").focus()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitem", name="Delete…")).to_be_focused()


@pytest.mark.parametrize(("key", "item"), [("ArrowUp", "Delete…"), ("ArrowDown", "View"), ("v", "View"), ("r", "Reg")])
def test_key_on_button_moves_focus_in_open_menu(menu: Page, key: str, item: str) -> None:
    menu.get_by_role("button", name=f"Actions for {NAME}").evaluate("button => button.focus()")
    expect(menu.locator(".menu:popover-open")).to_be_visible()
    menu.keyboard.press(key)
    expect(menu.get_by_role("menuitem", name=item)).to_be_focused()


def test_menu_is_next_to_its_button_within_the_viewport(page: Page, demo: Demo) -> None:
    demo.add_rows()
    page.set_viewport_size({"width": 1280, "height": 620})
    open_list(page)
    buttons = page.get_by_role("button", name=re.compile("^Actions for"))
    for button in (buttons.first, buttons.last):
        button.scroll_into_view_if_needed()
        button.click()
        anchor, menu = button.bounding_box(), page.locator(".menu:popover-open").bounding_box()
        assert anchor is not None
        assert menu is not None
        assert menu["x"] + menu["width"] == pytest.approx(anchor["x"] + anchor["width"], abs=1)
        below = menu["y"] - anchor["y"] - anchor["height"]
        above = anchor["y"] - menu["y"] - menu["height"]
        assert 0 <= max(below, above) <= 8
        assert menu["y"] >= 0
        assert menu["y"] + menu["height"] <= 620
        page.keyboard.press("Escape")


def test_shortcuts_open_pages_and_dialogs(page: Page, demo: Demo) -> None:
    demo.add_key(NAME)
    open_list(page)
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("c?gk/")
    expect(page.locator("#search")).to_have_value("c?gk/")
    expect(modal(page)).to_have_count(0)

    open_list(page)
    page.keyboard.press("?")
    expect(modal(page).get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("c")
    expect(modal(page).get_by_role("heading")).to_have_text("Keyboard shortcuts")
    page.keyboard.press("Escape")
    expect(modal(page)).to_have_count(0)

    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page.get_by_role("heading", name="History", level=1)).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("/")
    expect(page.get_by_label("Search history")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+G")
    page.keyboard.press("k")
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()
    page.wait_for_load_state()
    page.keyboard.press("Control+c")
    expect(modal(page)).to_have_count(0)
    page.keyboard.press("c")
    expect(modal(page).get_by_role("heading", name="Create API key")).to_be_visible()


def test_shortcuts_are_ignored_in_a_dialog(page: Page, demo: Demo) -> None:
    form = open_create(page)
    form.get_by_role("textbox", name="Name", exact=True).press_sequentially("cg?/h")
    expect(form.get_by_role("textbox", name="Name", exact=True)).to_have_value("cg?/h")
    form.get_by_role("button", name="Create key").focus()
    page.keyboard.press("/")
    expect(form.get_by_role("button", name="Create key")).to_be_focused()


def test_shortcuts_are_ignored_when_switched_off(page: Page, demo: Demo) -> None:
    page.goto("/profile/")
    page.get_by_role("group", name="Keyboard shortcuts").get_by_role("button", name="Off").click()
    expect(page.get_by_role("button", name="Off")).to_have_attribute("aria-pressed", "true")
    open_list(page)
    expect(page.locator("main kbd:visible")).to_have_count(0)
    for key in ("c", "?", "/", "g", "h"):
        page.keyboard.press(key)
    expect(page.locator("#search")).not_to_be_focused()
    expect(modal(page)).to_have_count(0)
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()


def test_space_activates_a_link_with_the_role_button(page: Page, demo: Demo) -> None:
    demo.add_key(NAME)
    open_list(page)
    choose_action(page, NAME, "Delete…")
    modal(page).get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Space")
    expect(modal(page)).to_have_count(0)


def test_time_shows_tooltip_on_hover_and_focus(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_list(page)
    time = page.locator("time").first
    for show in (time.hover, time.focus):
        show()
        tip = page.get_by_role("tooltip")
        expect(tip).to_contain_text("UTC")
        expect(tip).to_contain_text("your time")
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()
        page.mouse.move(700, 20)
