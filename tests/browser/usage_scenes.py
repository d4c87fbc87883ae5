"""The scenes of the overview, of usage and of the review report."""

from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.scenes import Place


def open_overview(page: Page, organisation: str = "northwind") -> None:
    page.goto(f"/?organisation={organisation}")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def open_usage(page: Page, query: str = "") -> None:
    page.goto(f"/usage/?organisation=northwind{query}")
    expect(page.get_by_role("heading", name="Usage", level=1)).to_be_visible()


def _of_a_bot(page: Page) -> None:
    open_usage(page, "&days=90")
    page.get_by_label("Owner").select_option("Concierge")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="Requests per day of Concierge")).to_be_visible()


def of_a_key(page: Page) -> None:
    open_usage(page)
    page.get_by_role("link", name="CRM integration", exact=True).click()
    expect(page.get_by_role("heading", name="Requests per day of CRM integration")).to_be_visible()


def open_review(page: Page, query: str = "") -> None:
    page.goto(f"/review/?organisation=northwind{query}")
    expect(page.get_by_role("heading", name="Review report", level=1)).to_be_visible()


def _table(page: Page) -> None:
    open_usage(page)
    page.get_by_text("View as table").click()
    expect(page.get_by_role("region", name="Requests per day as a table")).to_be_visible()


SCENES: Final[dict[str, Place]] = {
    "overview": Place(open_overview),
    "overview-empty": Place(lambda page: open_overview(page, "fabrikam")),
    "usage": Place(open_usage),
    "usage-of-a-bot": Place(_of_a_bot),
    "usage-of-a-key": Place(of_a_key),
    "usage-table": Place(_table),
    "review": Place(open_review),
    "review-of-one-finding": Place(lambda page: open_review(page, "&finding=open")),
}
