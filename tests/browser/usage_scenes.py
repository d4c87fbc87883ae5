"""The scenes of the overview, of usage and of the review report."""

from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.scenes import Scene


def open_overview(page: Page, organisation: str = "northwind") -> None:
    page.goto(f"/?organisation={organisation}")
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()


def open_usage(page: Page, query: str = "") -> None:
    page.goto(f"/usage/?organisation=northwind{query}")
    expect(page.get_by_role("heading", name="Usage", level=1)).to_be_visible()


def _usage_of_bot(page: Page) -> None:
    open_usage(page, "&days=90")
    page.get_by_label("Owner").select_option("Concierge")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="Requests per day of Concierge")).to_be_visible()


def open_usage_of_key(page: Page) -> None:
    open_usage(page)
    page.get_by_role("link", name="CRM integration", exact=True).click()
    expect(page.get_by_role("heading", name="Requests per day of CRM integration")).to_be_visible()


def open_review(page: Page, query: str = "") -> None:
    page.goto(f"/review/?organisation=northwind{query}")
    expect(page.get_by_role("heading", name="Review report", level=1)).to_be_visible()


def _usage_table(page: Page) -> None:
    open_usage(page)
    page.get_by_text("View as table").click()
    expect(page.get_by_role("region", name="Requests per day as a table")).to_be_visible()


SCENES: Final[dict[str, Scene]] = {
    "overview": Scene(open_overview),
    "overview-empty": Scene(lambda page: open_overview(page, "fabrikam")),
    "usage": Scene(open_usage),
    "usage-of-a-bot": Scene(_usage_of_bot),
    "usage-of-a-key": Scene(open_usage_of_key),
    "usage-table": Scene(_usage_table),
    "review": Scene(open_review),
    "review-of-one-finding": Scene(lambda page: open_review(page, "&finding=open")),
}
