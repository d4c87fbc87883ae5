"""Forms: errors at their fields, kept input, presets, and search fields."""

from playwright.sync_api import Locator, Page, expect

from keyadmin.models import Key, Organisation
from tests.browser.contexts import SignedInPage
from tests.browser.demo import Demo
from tests.browser.scenes import KEYS, fill_create, modal, open_create, open_list

HOST_BITS = (
    "203.0.113.24/24 is an address inside a range. Use 203.0.113.0/24 for the range, or 203.0.113.24 for the address."
)


def test_invalid_form_keeps_input_and_links_to_fields(page: Page, demo: Demo) -> None:
    demo.add_rows()
    form = send_with_errors(page)
    expect(form.get_by_text("Fix 3 problems to create the key.")).to_be_visible()
    expect(modal(page)).to_have_count(1)
    name = form.get_by_role("textbox", name="Name", exact=True)
    expect(name).to_be_focused()
    expect(name).to_have_accessible_description("This field is required.")
    expect_kept_input(form)

    summary = form.get_by_role("alert").first
    summary.get_by_role("link", name=HOST_BITS).click()
    expect(form.get_by_label("Add an IP address or range")).to_be_focused()
    summary.get_by_role("link", name="Choose a date.").click()
    expect(form.get_by_label("Expiry date")).to_be_focused()
    summary.get_by_role("link", name="This field is required.").click()
    expect(name).to_be_focused()
    assert "#" not in page.url

    page.keyboard.press("Escape")
    expect(form.get_by_text("You have unsaved changes.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(modal(page)).to_have_count(0)
    expect(page.get_by_role("link", name="Create key")).to_be_focused()


def send_with_errors(page: Page) -> Locator:
    """Send a form without a name and a date, and with an invalid range."""
    form = open_create(page)
    form.get_by_label("Description").fill("Creates a chat for every new deal")
    form.get_by_label("Owner").select_option(label="Concierge")
    form.get_by_role("checkbox", name="Write chats").check()
    form.get_by_role("checkbox", name="Telegram").check()
    network = form.get_by_label("Add an IP address or range")
    network.fill("198.51.100.0/24")
    network.press("Enter")
    expect(form.get_by_role("button", name="Remove 198.51.100.0/24")).to_be_visible()
    network.fill("203.0.113.24/24")
    form.get_by_role("radio", name="Custom date").check()
    form.get_by_role("radio", name="Admin").check()
    form.get_by_role("button", name="Create key").click()
    return form


def expect_kept_input(form: Locator) -> None:
    """The form still has the input of `send_with_errors`."""
    expect(form.get_by_label("Description")).to_have_value("Creates a chat for every new deal")
    expect(form.get_by_label("Owner").locator("option:checked")).to_have_text("Concierge")
    for box in ("Read chats", "Write chats", "Telegram"):
        expect(form.get_by_role("checkbox", name=box)).to_be_checked()
    for choice in ("Admin", "Custom", "Custom date"):
        expect(form.get_by_role("radio", name=choice, exact=choice == "Custom")).to_be_checked()
    expect(form.get_by_role("button", name="Remove 198.51.100.0/24")).to_be_visible()
    network = form.get_by_label("Add an IP address or range")
    expect(network).to_have_value("203.0.113.24/24")
    expect(network).to_have_accessible_description(HOST_BITS)


def test_corrected_form_creates_the_key(page: Page, demo: Demo) -> None:
    form = fill_create(page, "Corrected")
    network = form.get_by_label("Add an IP address or range")
    network.fill("203.0.113.24/24")
    form.get_by_role("button", name="Create key").click()
    expect(form.get_by_text("Fix 1 problem to create the key.")).to_be_visible()
    expect(network).to_be_focused()
    network.fill("203.0.113.0/24")
    form.get_by_role("button", name="Create key").click()
    expect(modal(page).get_by_text("1 IP range")).to_be_visible()


def test_key_without_permission_is_rejected(page: Page, demo: Demo) -> None:
    form = fill_create(page)
    form.get_by_role("checkbox", name="Read chats").uncheck()
    expect(form.get_by_text("A key without permissions can’t make any request.")).to_be_visible()
    form.get_by_role("button", name="Create key").click()
    expect(form.get_by_text("Fix 1 problem to create the key.")).to_be_visible()
    form.get_by_role("alert").get_by_role("link").click()
    assert page.evaluate("document.activeElement.closest('#id_scopes') !== null")


def test_summary_sentence_follows_presets_and_permissions(page: Page, demo: Demo) -> None:
    demo.add_rows()
    form = open_create(page)
    form.get_by_role("textbox", name="Name", exact=True).fill("Nightly")
    sentence = form.locator("#key-sentence")
    expect(sentence).to_contain_text("Nightly can read chats on all channels, from any IP address, until")
    form.get_by_role("radio", name="Data export").check()
    expect(sentence).to_contain_text("Nightly can read chats and export every chat on")
    select_all = form.get_by_role("checkbox", name="Select all Chats permissions")
    assert select_all.evaluate("(box) => box.indeterminate")
    select_all.check()
    expect(form.get_by_role("checkbox", name="Write chats")).to_be_checked()
    expect(form.get_by_role("radio", name="Custom", exact=True)).to_be_checked()
    warning = form.get_by_text("This key can write chats and export every chat from any IP address.")
    expect(warning).to_be_visible()
    form.get_by_label("Add an IP address or range").fill("203.0.113.9")
    form.get_by_role("button", name="Add range").click()
    expect(warning).to_be_hidden()
    expect(sentence).to_contain_text("from 203.0.113.9/32,")
    form.get_by_role("button", name="Remove 203.0.113.9/32").click()
    expect(form.get_by_label("Add an IP address or range")).to_be_focused()
    form.get_by_role("radio", name="Never").check()
    expect(form.get_by_text("Never expires. The review report will list it.")).to_be_visible()
    form.get_by_role("checkbox", name="Full access").check()
    expect(sentence).to_contain_text("Nightly can do everything you can")
    form.get_by_role("button", name="Add my address").click()
    expect(sentence).to_contain_text("from 127.0.0.1/32")


def test_pasted_list_becomes_rows_and_wrong_entries_stay(page: Page, demo: Demo) -> None:
    form = fill_create(page)
    field = form.get_by_label("Add an IP address or range")
    field.fill("198.51.100.0/24, 203.0.113.24/24\n198.51.100.7")
    field.press("Enter")
    expect(form.locator("#id_networks-status")).to_have_text("198.51.100.0/24 added")
    expect(form.get_by_text("198.51.100.7/32 is already covered by 198.51.100.0/24.")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_value("203.0.113.24/24 198.51.100.7")
    form.get_by_role("button", name="203.0.113.0/24", exact=True).click()
    expect(form.get_by_role("button", name="Remove 203.0.113.0/24")).to_be_visible()
    expect(field).to_have_value("198.51.100.7")
    field.fill("")
    expect(form.locator("#key-sentence")).to_contain_text("from 198.51.100.0/24 and 203.0.113.0/24,")
    expect(form.get_by_role("heading", name="Create API key")).to_be_visible()


def test_removed_row_of_a_form_is_restored_by_undo(page: Page, demo: Demo) -> None:
    form = fill_create(page)
    form.get_by_role("button", name="Add my address").click()
    form.get_by_role("button", name="Remove 127.0.0.1/32").click()
    expect(form.locator("#id_networks-status")).to_have_text("127.0.0.1/32 removed")
    form.get_by_role("button", name="Undo").click()
    expect(form.get_by_role("button", name="Remove 127.0.0.1/32")).to_be_visible()


def test_removed_row_counts_as_unsaved_input(page: Page, demo: Demo) -> None:
    added = demo.add_key("CRM integration", networks=("10.0.0.0/8", "192.0.2.0/24"))
    page.goto(f"/keys/{added.key.id}/edit/")
    modal(page).get_by_role("button", name="Remove 192.0.2.0/24").click()
    expect(modal(page).get_by_role("button", name="Undo")).to_be_visible()
    page.keyboard.press("Escape")
    expect(modal(page).get_by_text("You have unsaved changes.")).to_be_visible()


def test_preview_leaves_focus_and_typed_text_alone(page: Page, demo: Demo) -> None:
    form = open_create(page)
    name = form.get_by_role("textbox", name="Name", exact=True)
    for letter in "Nightly export":
        name.press_sequentially(letter, delay=60)
    expect(form.locator("#key-sentence")).to_contain_text("Nightly export can")
    expect(name).to_be_focused()
    expect(name).to_have_value("Nightly export")


def test_form_opened_as_a_page_follows_its_owner(page: Page, demo: Demo) -> None:
    demo.add_rows()
    page.goto("/keys/create/?organisation=northwind")
    form = modal(page)
    form.get_by_label("Owner").select_option(label="Concierge")
    expect(form.locator("#key-no-networks")).to_have_text("Its bot’s addresses: 203.0.113.0/24")


def test_key_is_created_and_edited_without_javascript(signed_in_page: SignedInPage, demo: Demo) -> None:
    page = signed_in_page("jonas", java_script_enabled=False)
    page.goto("/keys/create/")
    expect(page.locator("#key-sentence")).to_be_hidden()
    page.get_by_role("textbox", name="Name", exact=True).fill("Plain")
    page.get_by_label("Add an IP address or range").fill("192.0.2.0/24, 203.0.113.24/24")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("203.0.113.24/24 is an address inside a range.").first).to_be_visible()
    page.get_by_label("Add an IP address or range").fill("203.0.113.0/24")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("heading", name="Save your secret now")).to_be_visible()
    key = Key.objects.get(name="Plain")
    assert {str(entry) for entry in key.allow_list.all()} == {"192.0.2.0/24", "203.0.113.0/24"}
    page.goto(f"/keys/{key.id}/edit/")
    page.get_by_role("checkbox", name="Keep 192.0.2.0/24").uncheck()
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Key changed")).to_be_visible()
    assert {str(entry) for entry in key.allow_list.all()} == {"203.0.113.0/24"}


def test_choosing_a_bot_as_owner_shows_its_ranges(page: Page, demo: Demo) -> None:
    demo.add_rows()
    form = open_create(page)
    placeholder = form.locator("#key-no-networks")
    expect(placeholder).to_have_text("Any IP address. Add one to restrict this key.")
    form.get_by_label("Owner").select_option(label="Concierge")
    expect(placeholder).to_have_text("Its bot’s addresses: 203.0.113.0/24")
    form.get_by_label("Owner").select_option(label="Northwind")
    expect(placeholder).to_have_text("Any IP address. Add one to restrict this key.")


def test_delete_button_is_enabled_only_by_the_exact_name(page: Page, demo: Demo) -> None:
    added = demo.add_key("CRM integration")
    page.goto(f"/keys/{added.key.id}/delete/")
    dialog = modal(page)
    dialog.get_by_role("textbox").fill("CRM integratio")
    dialog.get_by_role("button", name="Delete key").click(force=True)
    dialog.get_by_role("textbox").press("Enter")
    expect(dialog.get_by_role("button", name="Delete key")).to_have_attribute("aria-disabled", "true")
    dialog.get_by_role("textbox").press("End")
    dialog.get_by_role("textbox").press_sequentially("n")
    expect(dialog.get_by_role("button", name="Delete key")).to_have_attribute("aria-disabled", "false")
    dialog.get_by_role("textbox").press("Enter")
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()
    expect(page.locator("#toasts").get_by_text("Key deleted")).to_be_visible()


def test_search_and_status_are_kept_in_the_url(page: Page, demo: Demo) -> None:
    demo.add_rows()
    open_list(page)
    page.keyboard.press("/")
    page.keyboard.type("export")
    names = page.locator(".key-name")
    expect(names).to_have_count(2)
    expect(page).to_have_url(f"{page.url.split('/keys/')[0]}/keys/?organisation=northwind&q=export")
    page.reload()
    expect(names).to_have_count(2)
    page.locator("#status-tabs").get_by_role("link", name="Revoked").click()
    expect(page.get_by_text("No key matches “export”.")).to_be_visible()
    page.get_by_role("link", name="Show all keys").click()
    page.goto(f"{KEYS}&status=revoked")
    expect(names).to_have_text(["Partner sandbox"])


def test_history_search_shows_count_and_is_kept_by_filters(page: Page, demo: Demo) -> None:
    demo.add_rows()
    page.goto("/history/?organisation=northwind")
    page.get_by_label("Search history").press_sequentially("holidays")
    expect(page.locator("#found")).to_have_text("2 events")
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Action").select_option("Key revoked")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("Search history")).to_have_value("holidays")
    expect(page.locator("#event-rows tbody tr")).to_have_count(1)
    page.get_by_label("Search history").fill("holidays on Mars")
    expect(page.locator("#found")).to_have_text("No events match.")
    page.get_by_role("link", name="Remove filter Action Key revoked").click()
    expect(page.get_by_label("Search history")).to_have_value("holidays on Mars")


def test_another_owner_brings_its_channels_and_rules_to_the_form_as_a_page_too(page: Page, demo: Demo) -> None:
    demo.add_rows()
    Organisation.objects.filter(id=demo.contoso.id).update(may_never_expire=False, max_expiry_days=30)
    page.goto("/keys/create/")
    form = modal(page)
    owner = form.get_by_label("Owner")
    expect(owner).to_have_value("")
    expect(form.get_by_role("checkbox", name="Telegram")).to_have_count(0)
    owner.select_option(label="Concierge")
    expect(form.get_by_role("checkbox", name="Telegram")).to_be_visible()
    expect(form.get_by_role("radio", name="Admin")).to_be_visible()
    expect(form.get_by_text("Its bot’s addresses: 203.0.113.0/24")).to_be_visible()
    owner.select_option(value=f"standard:{demo.contoso.id}")
    expect(form.get_by_role("checkbox", name="Telegram")).to_have_count(0)
    expect(form.get_by_role("radio", name="Never")).to_have_count(0)
    expect(form.get_by_text("Its bot’s addresses")).to_have_count(0)
