"""The row editor of an allow-list, with and without JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from keyadmin.models import Key
from tests.browser.bot_scenes import RANGE_FIELD, add_range, create_public_key, open_editor, remove_range
from tests.browser.contexts import SignedInPage
from tests.browser.demo import Demo
from tests.browser.scenes import fill_create, modal


@pytest.fixture
def editor(page: Page, demo: Demo) -> Page:
    demo.add_rows()
    open_editor(page)
    return page


def test_add_button_is_enabled_only_for_a_valid_range(editor: Page) -> None:
    add_button, field = editor.get_by_role("button", name="Add range"), editor.get_by_label(RANGE_FIELD)
    expect(add_button).to_have_attribute("aria-disabled", "true")
    field.fill("192.0.2.64/2")
    expect(add_button).to_have_attribute("aria-disabled", "true")
    field.fill("192.0.2.64/26")
    expect(add_button).to_have_attribute("aria-disabled", "false")
    add_button.click()
    expect(editor.locator("#networks-status")).to_have_text("192.0.2.64/26 added")
    expect(field).to_be_focused()
    expect(field).to_have_value("")
    expect(add_button).to_have_attribute("aria-disabled", "true")


def test_click_on_disabled_add_button_shows_the_error(editor: Page) -> None:
    editor.get_by_label(RANGE_FIELD).fill("10.0.0.0/8")
    editor.get_by_role("button", name="Add range").click(force=True)
    expect(editor.get_by_text("/8 is too wide. Use a suffix from /16 to /32.")).to_be_visible()
    expect(editor.get_by_label(RANGE_FIELD)).to_be_focused()


def test_range_is_edited_in_place(editor: Page) -> None:
    editor.get_by_role("button", name="Edit 203.0.113.0/24").click()
    field = editor.get_by_label("Edit range 203.0.113.0/24")
    expect(field).to_be_focused()
    editor.keyboard.press("Escape")
    expect(field).to_have_count(0)
    editor.get_by_role("button", name="Edit 203.0.113.0/24").press("Enter")
    field.fill("203.0.0.0/16")
    field.press("Enter")
    expect(editor.locator("#networks-status")).to_have_text("203.0.113.0/24 is now 203.0.0.0/16")
    expect(editor.get_by_label(RANGE_FIELD)).to_be_focused()


def test_removed_range_can_be_restored_for_eight_seconds(page: Page, demo: Demo) -> None:
    demo.add_rows()
    page.clock.install()
    open_editor(page)
    add_range(page, "192.0.2.64/26")
    remove_range(page, "192.0.2.64/26")
    expect(page.locator("#networks-status")).to_have_text("192.0.2.64/26 removed")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Remove 192.0.2.64/26")).to_be_visible()
    remove_range(page, "192.0.2.64/26")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    page.mouse.move(0, 0)
    page.clock.run_for(8500)
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_removing_the_last_range_needs_confirmation(editor: Page) -> None:
    remove_range(editor, "203.0.113.0/24")
    expect(editor.get_by_text("This is the last range. Removing it allows any IP address.")).to_be_visible()
    expect(editor.get_by_role("button", name="Keep range")).to_be_focused()
    editor.get_by_role("button", name="Remove range").click()
    expect(editor.get_by_text("Any IP address is allowed.")).to_be_visible()


def test_ranges_are_added_removed_and_restored_without_javascript(signed_in_page: SignedInPage, demo: Demo) -> None:
    demo.add_rows()
    page = signed_in_page("jonas", java_script_enabled=False)
    open_editor(page)
    page.get_by_label(RANGE_FIELD).fill("192.0.2.64/26")
    page.get_by_role("button", name="Add range").click(force=True)
    expect(page.get_by_text("192.0.2.64/26 added")).to_be_visible()
    remove_range(page, "192.0.2.64/26")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Remove 192.0.2.64/26")).to_be_visible()


def test_pasted_list_is_added_and_wrong_entries_stay(editor: Page) -> None:
    field = editor.get_by_label(RANGE_FIELD)
    field.fill("192.0.2.64/26, 203.0.113.24/24\n10.0.0.0/8")
    field.press("Enter")
    expect(editor.locator("#networks-status")).to_have_text("192.0.2.64/26 added")
    expect(editor.get_by_text("/8 is too wide. Use a suffix from /16 to /32.")).to_be_visible()
    expect(editor.get_by_text("203.0.113.24/24 is an address inside a range.")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_value("203.0.113.24/24 10.0.0.0/8")


def test_suggestion_is_added_by_a_click(editor: Page) -> None:
    field = editor.get_by_label(RANGE_FIELD)
    field.fill("198.51.100.7/24")
    field.press("Enter")
    editor.get_by_role("button", name="198.51.100.0/24", exact=True).click()
    expect(editor.locator("#networks-status")).to_have_text("198.51.100.0/24 added")
    expect(field).to_be_focused()
    expect(field).to_have_value("")


def test_owner_generates_the_public_key(signed_in_page: SignedInPage, demo: Demo) -> None:
    page = signed_in_page("jonas")
    create_public_key(page)
    expect(page.get_by_role("link", name="Delete…")).to_be_visible()


def test_note_is_added_with_a_range_and_edited(editor: Page) -> None:
    editor.get_by_label(RANGE_FIELD).fill("192.0.2.64/26")
    note = editor.get_by_role("textbox", name="Note (optional)")
    note.fill("Build machines")
    note.press("Enter")
    expect(editor.locator("#networks-status")).to_have_text("192.0.2.64/26 added")
    expect(editor.get_by_label(RANGE_FIELD)).to_be_focused()
    expect(note).to_have_value("")
    expect(editor.get_by_text("Build machines")).to_be_visible()
    editor.get_by_role("button", name="Edit 192.0.2.64/26").click()
    own = editor.get_by_label("Note of 192.0.2.64/26")
    own.fill("Runners")
    own.press("Enter")
    expect(editor.locator("#networks-status")).to_have_text("Note of 192.0.2.64/26 saved")
    expect(editor.get_by_text("Runners")).to_be_visible()


def test_notes_in_the_form_of_a_key_are_kept_and_saved(page: Page, demo: Demo) -> None:
    form = fill_create(page, "Noted")
    field = form.get_by_label(RANGE_FIELD)
    field.fill("192.0.2.1 # Door 1\n192.0.2.2")
    field.press("Enter")
    note = form.get_by_label("Note of 192.0.2.2/32")
    note.fill("Door 2")
    # Enter in a note does not create the key.
    note.press("Enter")
    field.fill("198.51.100.7")
    field.press("Enter")
    expect(note).to_have_value("Door 2")
    form.get_by_role("button", name="Remove 192.0.2.1/32").click()
    form.get_by_role("button", name="Undo").click()
    expect(form.get_by_label("Note of 192.0.2.1/32")).to_have_value("Door 1")
    form.get_by_role("button", name="Create key").click()
    expect(modal(page).get_by_role("heading", name="Save your secret now")).to_be_visible()
    notes = {str(entry): entry.note for entry in Key.objects.get(name="Noted").allow_list.all()}
    assert notes == {"192.0.2.1/32": "Door 1", "192.0.2.2/32": "Door 2", "198.51.100.7/32": ""}
