"""The scenes of keys: one key's page, changing it, new secrets, and the list with its filters."""

from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.scenes import Place, act, dialog, open_key, open_list


def _open(page: Page, button: str) -> None:
    page.get_by_role("link", name=button, exact=True).first.click()
    expect(dialog(page)).to_be_visible()


def _grace(page: Page) -> None:
    open_list(page)
    act(page, "CRM integration", "Regenerate…").get_by_role("radio", name="24 hours").check()
    expect(dialog(page).get_by_text("Both secrets work until").locator("visible=true")).to_be_visible()


def _edit(page: Page) -> None:
    open_key(page)
    _open(page, "Edit…")


def _edit_less(page: Page) -> None:
    _edit(page)
    dialog(page).locator("[data-held]").first.uncheck()
    expect(dialog(page).get_by_text("this week.").locator("visible=true")).to_be_in_viewport()
    expect(dialog(page).get_by_text("This is in use.")).to_be_visible()


def _edit_blocking(page: Page) -> None:
    _edit(page)
    dialog(page).get_by_label("Add an IP address or range").fill("198.51.100.0/24")
    dialog(page).get_by_role("button", name="Add range").click()
    dialog(page).get_by_role("button", name="Save changes").click()
    expect(dialog(page).get_by_text("This would block 203.0.113.9")).to_be_in_viewport()
    expect(dialog(page).get_by_role("button", name="Save anyway")).to_be_visible()


def _edit_unchanged(page: Page) -> None:
    _edit(page)
    dialog(page).get_by_role("button", name="Save changes").click()
    expect(dialog(page).get_by_text("No changes to save.")).to_be_visible()


def _edit_conflict(page: Page) -> None:
    """Another tab saves its edit first."""
    _edit(page)
    other = page.context.new_page()
    open_key(other)
    _open(other, "Edit…")
    description = dialog(other).get_by_label("Description")
    description.fill(f"{description.input_value()}, and every change of one")
    dialog(other).get_by_role("button", name="Save changes").click()
    expect(other.locator("#toasts").get_by_text("Key changed")).to_be_visible()
    other.close(run_before_unload=False)
    dialog(page).get_by_role("textbox", name="Name", exact=True).fill("CRM, renamed")
    dialog(page).get_by_role("button", name="Save changes").click()
    expect(dialog(page).get_by_text("Someone else changed this key")).to_be_visible()


def _describe(page: Page) -> None:
    open_key(page)
    page.locator("#edit-description").click()
    expect(page.get_by_label("Description", exact=True)).to_be_focused()


def _table(page: Page) -> None:
    open_key(page)
    page.get_by_text("View as table").click()
    expect(page.get_by_role("region", name="Requests per day as a table")).to_be_visible()


def _quarter(page: Page) -> None:
    open_key(page)
    page.get_by_role("link", name="90 days").click()
    expect(page.locator('#days-90[aria-current="true"]')).to_be_visible()


def _end_grace(page: Page) -> None:
    open_key(page, "Payroll reminders")
    _open(page, "End now…")


def select(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("checkbox", name=f"Select {name}", exact=True).check()


def _selected(page: Page) -> None:
    open_list(page)
    select(page, "CRM integration", "Zapier trial")
    expect(page.get_by_text("2 keys selected")).to_be_visible()


def _revoke_many(page: Page) -> None:
    _selected(page)
    page.get_by_role("button", name="Revoke 2 keys…").click()
    expect(dialog(page).get_by_role("heading", name="Revoke 2 keys?")).to_be_visible()


def _filters(page: Page) -> None:
    open_list(page)
    page.get_by_role("button", name="Filters").click()
    expect(page.get_by_label("Permission")).to_be_visible()


def _master(page: Page) -> None:
    page.goto("/keys/?kind=master&organisation=northwind")
    expect(page.get_by_role("heading", name="Master User API keys", level=1)).to_be_visible()


def _refused(page: Page) -> None:
    open_key(page)
    page.get_by_role("link", name="By hour and reason").click()
    expect(page.get_by_role("heading", name="Denied requests", level=1)).to_be_visible()


SCENES: Final[dict[str, Place]] = {
    "key-refused": Place(_refused),
    "key-menu": Place(lambda page: (open_key(page), page.locator(".kebab").first.click())[0]),
    "key-table": Place(_table),
    "key-90-days": Place(_quarter),
    "key-editing": Place(_describe),
    "key-in-grace": Place(lambda page: open_key(page, "Payroll reminders")),
    "key-revoked": Place(lambda page: open_key(page, "Partner sandbox")),
    "key-never-used": Place(lambda page: open_key(page, "Zapier trial")),
    "end-grace": Place(_end_grace),
    "edit": Place(_edit),
    "edit-less": Place(_edit_less),
    "edit-blocking": Place(_edit_blocking, 422),
    "edit-unchanged": Place(_edit_unchanged, 422),
    "edit-conflict": Place(_edit_conflict, 409),
    "regenerate": Place(lambda page: (open_list(page), act(page, "CRM integration", "Regenerate…"))[0]),
    "regenerate-grace": Place(_grace),
    "list-selected": Place(_selected),
    "revoke-many": Place(_revoke_many),
    "list-filters": Place(_filters),
    "list-by-use": Place(lambda page: open_list(page, "&sort=used&open=limited")),
    "master-keys": Place(_master),
}
