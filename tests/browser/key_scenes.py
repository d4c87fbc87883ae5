"""The scenes of keys: one key's page, changing it, new secrets, and the list with its filters."""

from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.scenes import Scene, choose_action, in_steps, modal, open_key, open_list

#: Ids of the bulk revocations of tests/browser/bulk_rows.py: one that runs, and one that has ended.
RUNNING_REVOCATION: Final = "00000000-0000-4000-8000-000000000523"
ENDED_REVOCATION: Final = "00000000-0000-4000-8000-000000000524"


def _open_dialog(page: Page, link: str) -> None:
    page.get_by_role("link", name=link, exact=True).first.click()
    expect(modal(page)).to_be_visible()


def _regenerate_with_grace(page: Page) -> None:
    open_list(page)
    choose_action(page, "CRM integration", "Regenerate…").get_by_role("radio", name="24 hours").check()
    expect(modal(page).get_by_text("Both secrets work until").locator("visible=true")).to_be_visible()


def _edit(page: Page) -> None:
    open_key(page)
    _open_dialog(page, "Edit…")


def _edit_removes_permission(page: Page) -> None:
    _edit(page)
    modal(page).locator("[data-held]").first.uncheck()
    expect(modal(page).get_by_text("this week.").locator("visible=true")).to_be_in_viewport()
    expect(modal(page).get_by_text("You removed permissions that are in use.")).to_be_visible()


def _edit_blocking(page: Page) -> None:
    _edit(page)
    modal(page).get_by_label("Add an IP address or range").fill("198.51.100.0/24")
    modal(page).get_by_role("button", name="Add range").click()
    modal(page).get_by_role("button", name="Save changes").click()
    expect(modal(page).get_by_text("This would block 203.0.113.9")).to_be_in_viewport()
    expect(modal(page).get_by_role("button", name="Save anyway")).to_be_visible()


def _edit_unchanged(page: Page) -> None:
    _edit(page)
    modal(page).get_by_role("button", name="Save changes").click()
    expect(modal(page).get_by_text("No changes to save.")).to_be_visible()


def _edit_conflict(page: Page) -> None:
    """Another tab saves its edit first."""
    _edit(page)
    other = page.context.new_page()
    open_key(other)
    _open_dialog(other, "Edit…")
    description = modal(other).get_by_label("Description")
    description.fill(f"{description.input_value()}, and every change of one")
    modal(other).get_by_role("button", name="Save changes").click()
    expect(other.locator("#toasts").get_by_text("Key changed")).to_be_visible()
    other.close(run_before_unload=False)
    modal(page).get_by_role("textbox", name="Name", exact=True).fill("CRM, renamed")
    modal(page).get_by_role("button", name="Save changes").click()
    expect(modal(page).get_by_text("Someone else changed this key")).to_be_visible()


def _edit_description(page: Page) -> None:
    open_key(page)
    page.locator(".inline-edit").click()
    expect(page.get_by_label("Description", exact=True)).to_be_focused()


def _usage_table(page: Page) -> None:
    open_key(page)
    page.get_by_text("View as table").click()
    expect(page.get_by_role("region", name="Requests per day as a table")).to_be_visible()


def _90_days(page: Page) -> None:
    open_key(page)
    page.get_by_role("link", name="90 days").click()
    expect(page.locator('#days-90[aria-current="true"]')).to_be_visible()


def _end_grace(page: Page) -> None:
    open_key(page, "Payroll reminders")
    _open_dialog(page, "End now…")


def select_keys(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("checkbox", name=f"Select {name}", exact=True).check()


def _selected(page: Page) -> None:
    open_list(page)
    select_keys(page, "CRM integration", "Zapier trial")
    expect(page.get_by_text("2 keys selected")).to_be_visible()


def _revoke_many(page: Page) -> None:
    _selected(page)
    page.get_by_role("button", name="Revoke 2 keys…").click()
    expect(modal(page).get_by_role("heading", name="Revoke 2 keys?")).to_be_visible()


def _bulk_progress(page: Page) -> None:
    page.goto(f"/keys/revoke/{RUNNING_REVOCATION}/")
    expect(page.get_by_role("heading", name="Revoking 523 keys")).to_be_visible()


def _bulk_result(page: Page) -> None:
    page.goto(f"/keys/revoke/{ENDED_REVOCATION}/")
    expect(page.get_by_role("heading", name="520 keys revoked, 2 skipped, 1 failed")).to_be_visible()


def _filters(page: Page) -> None:
    open_list(page)
    page.get_by_role("button", name="Filter", exact=True).click()
    expect(page.get_by_label("Permission")).to_be_visible()


def _master_keys(page: Page) -> None:
    page.goto("/keys/?kind=master&organisation=northwind")
    expect(page.get_by_role("heading", name="Master User API keys", level=1)).to_be_visible()


def _denied_requests(page: Page) -> None:
    open_key(page)
    page.get_by_role("link", name="View denied requests").click()
    expect(page.get_by_role("heading", name="Denied requests", level=1)).to_be_visible()


SCENES: Final[dict[str, Scene]] = {
    "key-denied-requests": Scene(_denied_requests),
    "key-menu": in_steps(open_key, lambda page: page.locator(".kebab").first.click()),
    "key-table": Scene(_usage_table),
    "key-90-days": Scene(_90_days),
    "key-editing": Scene(_edit_description),
    "key-in-grace": Scene(lambda page: open_key(page, "Payroll reminders")),
    "key-revoked": Scene(lambda page: open_key(page, "Partner sandbox")),
    "key-never-used": Scene(lambda page: open_key(page, "Zapier trial")),
    "end-grace": Scene(_end_grace),
    "edit": Scene(_edit),
    "edit-permission-removed": Scene(_edit_removes_permission),
    "edit-blocking": Scene(_edit_blocking, 422),
    "edit-unchanged": Scene(_edit_unchanged, 422),
    "edit-conflict": Scene(_edit_conflict, 409),
    "regenerate": in_steps(open_list, lambda page: choose_action(page, "CRM integration", "Regenerate…")),
    "regenerate-grace": Scene(_regenerate_with_grace),
    "list-selected": Scene(_selected),
    "revoke-many": Scene(_revoke_many),
    "bulk-progress": Scene(_bulk_progress),
    "bulk-result": Scene(_bulk_result),
    "list-filters": Scene(_filters),
    "list-by-use": Scene(lambda page: open_list(page, "&sort=used&open=limited")),
    "master-keys": Scene(_master_keys),
}
