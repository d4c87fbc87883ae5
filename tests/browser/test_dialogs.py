"""Dialogs: focus, closing, unsaved input, and the same forms as pages without JavaScript."""

import re

import httpx
import pytest
from django.db.models import F
from playwright.sync_api import Dialog, Page, expect

from keyadmin.models import Key
from tests.browser.console import ConsoleRecorder
from tests.browser.contexts import SignedInPage
from tests.browser.demo import Demo
from tests.browser.scenes import KEYS, choose_action, modal, open_create, open_list

NAME = "CRM integration"


@pytest.mark.parametrize(("item", "safe"), [("Revoke…", "Keep key"), ("Delete…", "Cancel")])
def test_destructive_dialog_focuses_the_safe_button(page: Page, demo: Demo, item: str, safe: str) -> None:
    added = demo.add_key(NAME)
    open_list(page)
    dialog = choose_action(page, NAME, item)
    expect(dialog).to_have_role("alertdialog")
    expect(dialog.get_by_role("button", name=safe)).to_be_focused()
    expect(dialog).to_have_accessible_description(dialog.locator("#dialog-about").inner_text())
    page.keyboard.press("Escape")
    expect(modal(page)).to_have_count(0)
    expect(page.get_by_role("button", name=f"Actions for {NAME}")).to_be_focused()
    added.key.refresh_from_db()
    assert added.key.revoked_at is None


def test_reactivate_dialog_focuses_the_primary_button(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_list(page)
    dialog = choose_action(page, "Partner sandbox", "Reactivate…")
    expect(dialog).to_have_role("dialog")
    expect(dialog.get_by_role("button", name="Reactivate key")).to_be_focused()


def test_tab_stays_inside_the_dialog(page: Page, demo: Demo) -> None:
    demo.add_key(NAME)
    open_list(page)
    dialog = choose_action(page, NAME, "Revoke…")
    stops = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        stops.add(page.evaluate("document.activeElement.closest('dialog, body').tagName + document.hasFocus()"))
    assert stops <= {"DIALOGtrue", "BODYtrue", "BODYfalse"}  # the browser's own controls come in between
    assert "DIALOGtrue" in stops
    page.evaluate("document.getElementById('search').focus()")
    assert not page.evaluate("document.activeElement.matches('#search')"), "the page behind is inert"
    expect(dialog).to_be_visible()


def test_click_on_backdrop_cancels(page: Page, demo: Demo) -> None:
    demo.add_key(NAME)
    open_list(page)
    for item in ("Revoke…", "Delete…"):
        choose_action(page, NAME, item)
        page.mouse.click(5, 5)
        expect(modal(page)).to_have_count(0)
    expect(page.get_by_role("button", name=f"Actions for {NAME}")).to_be_focused()
    assert httpx.get(page.url.split("/keys/")[0] + "/api/whoami", headers=dict(demo.keys[NAME].headers)).is_success


def test_drag_from_dialog_to_backdrop_does_not_close(page: Page, demo: Demo) -> None:
    demo.add_key(NAME)
    open_list(page)
    dialog = choose_action(page, NAME, "Delete…")
    box = dialog.get_by_role("textbox").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(3, 3)
    page.mouse.up()
    expect(dialog).to_be_visible()


@pytest.mark.parametrize("means", ["Escape", "backdrop", "Cancel", "Close"])
def test_dialog_asks_before_it_discards_unsaved_input(page: Page, means: str) -> None:
    def try_to_close() -> None:
        if means == "backdrop":
            page.mouse.click(5, 5)
        elif means == "Escape":
            page.keyboard.press("Escape")
        else:
            modal(page).get_by_role("link", name=means, exact=True).or_(
                modal(page).get_by_role("button", name=means, exact=True)
            ).click()

    dialog = open_create(page)
    name = dialog.get_by_role("textbox", name="Name", exact=True)
    name.fill(NAME)
    try_to_close()
    expect(dialog.get_by_role("alert")).to_contain_text("You have unsaved changes.")
    expect(dialog.get_by_text("Press Esc again to discard them.")).to_be_visible(visible=means == "Escape")
    dialog.get_by_role("button", name="Keep editing").click()
    expect(name).to_be_focused()
    expect(name).to_have_value(NAME)
    expect(dialog.get_by_role("alert")).to_have_count(0)
    try_to_close()
    if means == "Escape":
        try_to_close()
    else:
        dialog.get_by_role("button", name="Discard").click()
    expect(modal(page)).to_have_count(0)
    expect(page.get_by_role("link", name="Create key")).to_be_focused()
    open_create(page)
    try_to_close()
    expect(modal(page)).to_have_count(0)


@pytest.mark.parametrize("place", ["dialog", "page"])
def test_leaving_a_page_with_unsaved_input_is_asked_about(page: Page, place: str) -> None:
    """Back, links and closing the tab: the browser asks."""
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.goto("/history/")
    if place == "dialog":
        open_create(page).get_by_role("textbox", name="Name", exact=True).fill(NAME)
    else:
        page.goto("/profile/")
        page.get_by_label("Name").first.fill("Someone else")
    page.evaluate("history.back()")
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]


def test_saved_dialog_leaves_no_question_behind(page: Page, demo: Demo) -> None:
    demo.add_key(NAME)
    open_list(page)
    dialog = choose_action(page, NAME, "Edit…")
    dialog.get_by_role("textbox", name="Name", exact=True).fill("CRM, renamed")
    dialog.get_by_role("button", name="Save changes").click()
    expect(page.locator("#toasts").get_by_text("Key changed")).to_be_visible()
    page.goto("/history/")
    expect(page.get_by_role("heading", name="History", level=1)).to_be_visible()


def test_unchanged_dialog_says_so_without_an_error(page: Page, demo: Demo) -> None:
    demo.add_key(NAME)
    open_list(page)
    choose_action(page, NAME, "Edit…").get_by_role("button", name="Save changes").click()
    expect(modal(page).get_by_role("status").filter(has_text="No changes to save.")).to_be_focused()
    expect(modal(page).get_by_role("alert")).to_have_count(0)


def test_dialog_with_form_errors_stays_open_on_first_escape(page: Page) -> None:
    open_create(page).get_by_role("button", name="Create key").click()
    expect(modal(page).locator("[aria-invalid=true]")).not_to_have_count(0)
    page.keyboard.press("Escape")
    expect(modal(page).locator("[data-unsaved-notice]")).to_be_visible()


def test_confirmation_closes_on_first_escape(page: Page, demo: Demo) -> None:
    demo.add_key(NAME)
    open_list(page)
    dialog = choose_action(page, NAME, "Delete…")
    dialog.get_by_role("textbox").fill("Something else")
    page.keyboard.press("Escape")
    expect(modal(page)).to_have_count(0)


def test_dialog_with_edit_conflict_stays_open_on_first_escape(page: Page, demo: Demo, console: ConsoleRecorder) -> None:
    console.allow_status(409)
    added = demo.add_key(NAME)
    open_list(page)
    dialog = choose_action(page, NAME, "Edit…")
    dialog.get_by_role("textbox", name="Name", exact=True).fill("CRM, renamed")
    Key.objects.filter(pk=added.key.pk).update(description="A conflicting edit", revision=F("revision") + 1)
    dialog.get_by_role("button", name="Save changes").click()
    expect(modal(page).get_by_text("Review their change")).to_be_visible()
    page.keyboard.press("Escape")
    expect(modal(page).locator("[data-unsaved-notice]")).to_be_visible()


def test_close_and_cancel_close_the_dialog(page: Page, demo: Demo) -> None:
    for name in ("Close", "Cancel"):
        open_create(page).get_by_role("link", name=name, exact=True).click()
        expect(modal(page)).to_have_count(0)
        expect(page.get_by_role("link", name="Create key")).to_be_focused()
        expect(page).to_have_url(page.url.partition("/create")[0])


def test_action_on_key_page_moves_focus_to_the_next_action(page: Page, demo: Demo) -> None:
    page.goto(f"/keys/{demo.add_key(NAME).key.id}/")
    for action, next_action in (("Revoke", "Reactivate"), ("Reactivate", "Edit")):
        page.get_by_role("main").get_by_role("link", name=f"{action}…").click()
        modal(page).get_by_role("button", name=f"{action} key").click()
        expect(modal(page)).to_have_count(0)
        expect(page.get_by_role("link", name=f"{next_action}…")).to_be_focused()


def test_url_of_a_dialog_opens_it_over_its_page(page: Page, demo: Demo) -> None:
    added = demo.add_key(NAME)
    page.goto(f"/keys/{added.key.id}/revoke/")
    expect(modal(page).get_by_role("button", name="Keep key")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()


def test_dialog_on_a_small_screen_is_at_the_bottom(page: Page, demo: Demo) -> None:
    demo.add_key(NAME)
    page.set_viewport_size({"width": 390, "height": 844})
    open_list(page)
    box = choose_action(page, NAME, "Revoke…").bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, 390)
    assert box["y"] + box["height"] == pytest.approx(844, abs=1)


def test_key_lifecycle_without_javascript(signed_in_page: SignedInPage, demo: Demo, base_url: str) -> None:
    page = signed_in_page("maya", java_script_enabled=False)
    page.goto(KEYS)
    headers = {"X-API-Key": create_without_javascript(page)}

    def api_status() -> int:
        return httpx.get(f"{base_url}/api/whoami", headers=headers).status_code

    def submit_on_key_page(item: str, **fields: str) -> None:
        page.get_by_role("link", name=NAME, exact=True).click()
        page.get_by_role("link", name=f"{item}…").click()
        for name, text in fields.items():
            page.locator(f"[name={name}]").fill(text)
        page.get_by_role("button", name=f"{item} key").click()

    assert api_status() == 200
    submit_on_key_page("Revoke", reason="No longer needed")
    expect(page.get_by_text("Key revoked", exact=True)).to_be_visible()
    assert api_status() == 401
    submit_on_key_page("Reactivate")
    expect(page.get_by_text("Key reactivated", exact=True)).to_be_visible()
    assert api_status() == 200
    submit_on_key_page("Delete", name="something else")
    expect(page.get_by_text("This is not the key’s name.")).to_be_visible()
    page.get_by_role("textbox").fill(NAME)
    page.get_by_role("button", name="Delete key").click()
    expect(page.get_by_text("Key deleted", exact=True)).to_be_visible()
    assert api_status() == 401

    page.goto("/history/?organisation=northwind")
    actions = page.locator("#event-rows .verb")
    expect(actions).to_have_text(["Key deleted", "Key reactivated", "Key revoked", "Key created"])
    actions.nth(2).click()
    expect(page.locator("#panel").get_by_text("No longer needed", exact=True)).to_be_visible()


def create_without_javascript(page: Page) -> str:
    """Create a key at the second attempt; returns its secret."""
    page.get_by_role("link", name="Create key").click()
    expect(page.get_by_role("radiogroup", name="Permission preset")).to_have_count(0)
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Fix 1 problem to create the key.")).to_be_visible()
    page.get_by_role("textbox", name="Name", exact=True).fill(NAME)
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("heading", name="Save your secret now")).to_be_visible()
    expect(page.get_by_role("tabpanel")).to_have_count(4)
    expect(page.get_by_role("button", name=re.compile("Copy|Hide|Download"))).to_have_count(0)
    secret = page.locator("#reveal-key").inner_text()
    page.get_by_text("Done", exact=True).click()
    page.goto(KEYS)
    return secret
