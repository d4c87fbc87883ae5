"""Dialogs: modal by the browser's own means, closed by everything but a slip, and pages without JavaScript."""

import re

import httpx
import pytest
from django.db.models import F
from playwright.sync_api import Page, expect

from keyadmin.models import Key
from tests.browser.conftest import PageOf, Record
from tests.browser.scenes import KEYS, act, dialog, open_create, open_list
from tests.browser.world import World

NAME = "CRM integration"


@pytest.mark.parametrize(("item", "safe"), [("Revoke…", "Keep key"), ("Delete…", "Cancel")])
def test_destructive_ones_begin_on_the_safe_side(page: Page, world: World, item: str, safe: str) -> None:
    made = world.key(NAME)
    open_list(page)
    asked = act(page, NAME, item)
    expect(asked).to_have_role("alertdialog")
    expect(asked.get_by_role("button", name=safe)).to_be_focused()
    expect(asked).to_have_accessible_description(asked.locator("#dialog-about").inner_text())
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    expect(page.get_by_role("button", name=f"Actions for {NAME}")).to_be_focused()
    made.key.refresh_from_db()
    assert made.key.revoked_at is None


def test_reactivating_begins_on_the_primary_action(page: Page, world: World) -> None:
    world.demonstration()
    open_list(page)
    asked = act(page, "Partner sandbox", "Reactivate…")
    expect(asked).to_have_role("dialog")
    expect(asked.get_by_role("button", name="Reactivate key")).to_be_focused()


def test_the_focus_stays_inside(page: Page, world: World) -> None:
    world.key(NAME)
    open_list(page)
    asked = act(page, NAME, "Revoke…")
    stops = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        stops.add(page.evaluate("document.activeElement.closest('dialog, body').tagName + document.hasFocus()"))
    assert stops <= {"DIALOGtrue", "BODYtrue", "BODYfalse"}  # the browser's own controls come in between
    assert "DIALOGtrue" in stops
    page.evaluate("document.getElementById('search').focus()")
    assert not page.evaluate("document.activeElement.matches('#search')"), "what is behind is inert"
    expect(asked).to_be_visible()


def test_the_backdrop_cancels_and_never_confirms(page: Page, world: World) -> None:
    world.key(NAME)
    open_list(page)
    for item in ("Revoke…", "Delete…"):
        act(page, NAME, item)
        page.mouse.click(5, 5)
        expect(dialog(page)).to_have_count(0)
    expect(page.get_by_role("button", name=f"Actions for {NAME}")).to_be_focused()
    assert httpx.get(page.url.split("/keys/")[0] + "/api/whoami", headers=dict(world.keys[NAME].headers)).is_success


def test_a_press_that_begins_inside_does_not_close(page: Page, world: World) -> None:
    world.key(NAME)
    open_list(page)
    asked = act(page, NAME, "Delete…")
    box = asked.get_by_role("textbox").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(3, 3)
    page.mouse.up()
    expect(asked).to_be_visible()


@pytest.mark.parametrize("by", ["Esc", "backdrop"])
def test_what_was_entered_is_not_lost_by_a_slip(page: Page, by: str) -> None:
    def leave() -> None:
        page.mouse.click(5, 5) if by == "backdrop" else page.keyboard.press("Escape")

    asked = open_create(page)
    asked.get_by_role("textbox", name="Name").fill(NAME)
    leave()
    expect(asked.get_by_role("alert")).to_contain_text("unsaved changes")
    asked.get_by_role("textbox", name="Name").press_sequentially("!")
    expect(asked.get_by_role("alert")).to_have_count(0)
    leave()
    leave()
    expect(dialog(page)).to_have_count(0)
    open_create(page)
    leave()
    expect(dialog(page)).to_have_count(0)


def test_what_was_refused_is_not_lost_by_a_slip(page: Page) -> None:
    open_create(page).get_by_role("button", name="Create key").click()
    expect(dialog(page).locator("[aria-invalid=true]")).not_to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog(page).locator("[data-unsaved-notice]")).to_be_visible()


def test_a_confirmation_closes_at_once(page: Page, world: World) -> None:
    world.key(NAME)
    open_list(page)
    asked = act(page, NAME, "Delete…")
    asked.get_by_role("textbox").fill("Something else")
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)


def test_what_somebody_else_overtook_is_not_lost_by_a_slip(page: Page, world: World, record: Record) -> None:
    record.expect_status(409)
    made = world.key(NAME)
    open_list(page)
    asked = act(page, NAME, "Edit…")
    asked.get_by_role("textbox", name="Name", exact=True).fill("CRM, renamed")
    Key.objects.filter(pk=made.key.pk).update(description="A conflicting edit", revision=F("revision") + 1)
    asked.get_by_role("button", name="Save changes").click()
    expect(dialog(page).get_by_text("Review their change")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog(page).locator("[data-unsaved-notice]")).to_be_visible()


def test_the_cross_and_cancel_close(page: Page, world: World) -> None:
    for name in ("Close", "Cancel"):
        open_create(page).get_by_role("link", name=name, exact=True).click()
        expect(dialog(page)).to_have_count(0)
        expect(page.get_by_role("link", name="Create key")).to_be_focused()
        expect(page).to_have_url(page.url.partition("/create")[0])


def test_the_page_of_a_key_refreshes_and_the_focus_goes_on_to_what_can_be_done_next(page: Page, world: World) -> None:
    page.goto(f"/keys/{world.key(NAME).key.id}/")
    for word, heir in (("Revoke", "Reactivate"), ("Reactivate", "Edit")):
        page.get_by_role("main").get_by_role("link", name=f"{word}…").click()
        dialog(page).get_by_role("button", name=f"{word} key").click()
        expect(dialog(page)).to_have_count(0)
        expect(page.get_by_role("link", name=f"{heir}…")).to_be_focused()


def test_an_address_of_a_dialog_opens_it_over_its_page(page: Page, world: World) -> None:
    made = world.key(NAME)
    page.goto(f"/keys/{made.key.id}/revoke/")
    expect(dialog(page).get_by_role("button", name="Keep key")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()


def test_on_a_phone_they_are_sheets_at_the_bottom(page: Page, world: World) -> None:
    world.key(NAME)
    page.set_viewport_size({"width": 390, "height": 844})
    open_list(page)
    box = act(page, NAME, "Revoke…").bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, 390)
    assert box["y"] + box["height"] == pytest.approx(844, abs=1)


def test_the_whole_story_without_javascript(page_of: PageOf, world: World, address: str) -> None:
    page = page_of("maya", java_script_enabled=False)
    page.goto(KEYS)
    headers = {"X-API-Key": create_without_javascript(page)}

    def answer() -> int:
        return httpx.get(f"{address}/api/whoami", headers=headers).status_code

    def act_on_its_page(item: str, **typed: str) -> None:
        page.get_by_role("link", name=NAME, exact=True).click()
        page.get_by_role("link", name=f"{item}…").click()
        for name, text in typed.items():
            page.locator(f"[name={name}]").fill(text)
        page.get_by_role("button", name=f"{item} key").click()

    assert answer() == 200
    act_on_its_page("Revoke", reason="No longer needed")
    expect(page.get_by_text("Key revoked", exact=True)).to_be_visible()
    assert answer() == 401
    act_on_its_page("Reactivate")
    expect(page.get_by_text("Key reactivated", exact=True)).to_be_visible()
    assert answer() == 200
    act_on_its_page("Delete", name="something else")
    expect(page.get_by_text("This is not the key's name.")).to_be_visible()
    page.get_by_role("textbox").fill(NAME)
    page.get_by_role("button", name="Delete key").click()
    expect(page.get_by_text("Key deleted", exact=True)).to_be_visible()
    assert answer() == 401

    page.goto("/history/?organisation=northwind")
    told = page.locator("#event-rows .verb")
    expect(told).to_have_text(["Key deleted", "Key reactivated", "Key revoked", "Key created"])
    told.nth(2).click()
    expect(page.locator("#panel").get_by_text("No longer needed", exact=True)).to_be_visible()


def create_without_javascript(page: Page) -> str:
    """The second attempt succeeds; returns the whole key."""
    page.get_by_role("link", name="Create key").click()
    expect(page.get_by_role("radiogroup", name="Permission preset")).to_have_count(0)
    expect(page.get_by_text("A date applies only with “Custom date”.")).to_be_visible()
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Fix 1 problem to create the key.")).to_be_visible()
    page.get_by_role("textbox", name="Name", exact=True).fill(NAME)
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("heading", name="Save your secret now")).to_be_visible()
    expect(page.get_by_role("tabpanel")).to_have_count(4)
    expect(page.get_by_role("button", name=re.compile("Copy|Hide|Download"))).to_have_count(0)
    whole = page.locator("#reveal-key").inner_text()
    page.get_by_text("Done", exact=True).click()
    page.goto(KEYS)
    return whole
