"""The scenes of Explain."""

from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.scenes import Place, open_key


def open_explain(page: Page, key: str = "CRM integration") -> None:
    open_key(page, key)
    page.get_by_role("link", name="Explain", exact=True).first.click()
    expect(page.get_by_role("heading", name="No call yet")).to_be_visible()


def ask(page: Page, path: str, address: str = "203.0.113.24", method: str = "GET") -> None:
    page.get_by_label("Method").select_option(method)
    page.get_by_label("Path").fill(path)
    page.get_by_label("From address").fill(address)
    page.get_by_role("button", name="Explain").click()


def denied(page: Page) -> None:
    open_explain(page)
    ask(page, "/api/export")
    expect(page.get_by_role("heading", name="Denied by rule 6, Permission")).to_be_visible()


def _allowed(page: Page) -> None:
    open_explain(page)
    ask(page, "/api/chats")
    expect(page.get_by_role("heading", name="Allowed", exact=True)).to_be_visible()


def _refused(page: Page) -> None:
    """A whole key, pasted by mistake."""
    open_explain(page)
    page.get_by_label("Or another’s key ID").fill(f"kad_a1b2c3d4e5f6a7b8_{'x' * 49}")
    ask(page, "api/chats", "10.0.0.0/8")
    expect(page.get_by_text("Fix 3 problems to explain the request.")).to_be_visible()


SCENES: Final[dict[str, Place]] = {
    "explain": Place(open_explain),
    "explain-denied": Place(denied),
    "explain-allowed": Place(_allowed),
    "explain-422": Place(_refused, 422),
}
