"""The scenes of the API docs."""

import re
from typing import Final

from playwright.sync_api import Locator, Page, expect

from tests.browser.scenes import Scene, in_steps, modal

STATUS: Final = "[data-status]"


def open_api_docs(page: Page) -> None:
    page.goto("/api/docs")
    expect(page.get_by_role("heading", name="API docs", level=1)).to_be_visible()
    expect(operation(page, "GET", "/api/whoami")).to_be_visible()


def operation(page: Page, method: str, path: str) -> Locator:
    """The button that opens an operation."""
    name = re.escape(path).replace("/", r"\/")
    return page.get_by_role("button", name=re.compile(rf"^{method} {name}(?![\w\/{{])"))


def open_operation(page: Page, method: str, path: str) -> Locator:
    """Open an operation; returns the part of the page with its details."""
    button = operation(page, method, path)
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    details = page.locator(".opblock", has=button)
    expect(details.get_by_role("heading", name="Responses").first).to_be_visible()
    return details


def try_out(page: Page, method: str, path: str) -> Locator:
    details = open_operation(page, method, path)
    details.get_by_role("button", name="Try it out").click()
    expect(details.get_by_role("button", name="Execute")).to_be_visible()
    return details


def _body(page: Page) -> None:
    open_api_docs(page)
    details = try_out(page, "POST", "/api/keys")
    expect(details.get_by_role("textbox").last).to_have_value(re.compile("CRM integration"))


def _schema(page: Page) -> None:
    open_api_docs(page)
    details = open_operation(page, "GET", "/api/keys/{key}")
    details.get_by_role("tab", name="Schema").first.click()
    expect(details.get_by_text("effective_scopes").first).to_be_visible()


def _response(page: Page) -> None:
    open_api_docs(page)
    details = try_out(page, "GET", "/api/whoami")
    details.get_by_role("button", name="Execute").click()
    expect(page.locator(STATUS)).to_have_text("GET /api/whoami: 200")
    expect(details.get_by_role("heading", name="Server response")).to_be_visible()


def _question(page: Page) -> None:
    open_api_docs(page)
    try_out(page, "DELETE", "/api/keys/{key}").get_by_role("button", name="Execute").click()
    expect(modal(page).get_by_role("heading", name="Send this request?")).to_be_visible()


def _long_paths(page: Page) -> None:
    open_operation(page, "DELETE", "/api/people/{person}/links/{link_id}")
    open_operation(page, "GET", "/api/history/export")


SCENES: Final[dict[str, Scene]] = {
    "api-docs": Scene(open_api_docs),
    "api-docs-body": Scene(_body),
    "api-docs-schema": Scene(_schema),
    "api-docs-response": Scene(_response),
    "api-docs-question": Scene(_question),
    "api-docs-long": in_steps(open_api_docs, _long_paths),
}
