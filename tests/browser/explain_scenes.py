"""The scenes of the page Explain."""

from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.scenes import Scene, open_key


def open_explain(page: Page, key: str = "CRM integration") -> None:
    open_key(page, key)
    page.get_by_role("main").get_by_role("link", name="Explain", exact=True).first.click()
    expect(page.get_by_role("heading", name="No request yet")).to_be_visible()


def explain_request(page: Page, path: str, address: str = "203.0.113.24", method: str = "GET") -> None:
    page.get_by_label("Method").select_option(method)
    page.get_by_label("Path").fill(path)
    page.get_by_label("From address").fill(address)
    page.get_by_role("button", name="Explain").click()


def _denied(page: Page) -> None:
    open_explain(page)
    explain_request(page, "/api/export")
    expect(page.get_by_role("heading", name="Denied by rule 6, Permission")).to_be_visible()


def _allowed(page: Page) -> None:
    open_explain(page)
    explain_request(page, "/api/chats")
    expect(page.get_by_role("heading", name="Allowed", exact=True)).to_be_visible()


def _invalid(page: Page) -> None:
    """A whole key was pasted instead of its ID."""
    open_explain(page)
    page.get_by_label("Or another key’s ID").fill(f"kad_a1b2c3d4e5f6a7b8_{'x' * 49}")
    explain_request(page, "api/chats", "10.0.0.0/8")
    expect(page.get_by_text("Fix 3 problems to explain the request.")).to_be_visible()


SCENES: Final[dict[str, Scene]] = {
    "explain": Scene(open_explain),
    "explain-denied": Scene(_denied),
    "explain-allowed": Scene(_allowed),
    "explain-422": Scene(_invalid, 422),
}
