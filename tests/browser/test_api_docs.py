"""The API docs: requests as the signed-in person, and what the page never does with the access token."""

import re

import httpx
import pytest
from playwright.sync_api import Page, Request, expect

from keyadmin.models import Event, EventType, Key, Person
from tests.browser.api_docs_scenes import STATUS, open_api_docs, open_operation, operation, try_out
from tests.browser.console import ConsoleRecorder
from tests.browser.contexts import NewContext, SignedInPage
from tests.browser.demo import Demo
from tests.browser.scenes import modal, open_list
from tests.live.servers import Server

MAX_STATIC_REQUESTS = 12
#: Everything that a page can store or show, as one text.
KEPT = """async () => JSON.stringify([{...localStorage}, {...sessionStorage}, await indexedDB.databases(),
  await caches.keys(), document.cookie, history.state, location.href, document.documentElement.outerHTML,
  performance.getEntries().map((entry) => entry.name)])"""


@pytest.fixture
def base_url(own_server: Server) -> str:
    """The example project has an API of its own, so these tests use a server without it."""
    return f"http://localhost:{own_server.port}"


@pytest.fixture
def jonas(signed_in_page: SignedInPage) -> Page:
    return signed_in_page("jonas")


def tokens_sent(page: Page) -> list[str]:
    """The access tokens of all requests of the page from now on."""
    tokens: list[str] = []

    def note(request: Request) -> None:
        if "authorization" in request.headers:
            tokens.append(request.headers["authorization"].removeprefix("Bearer "))

    page.on("request", note)
    return tokens


def status_of(base_url: str, token: str) -> int:
    return httpx.get(f"{base_url}/api/whoami", headers={"Authorization": f"Bearer {token}"}).status_code


def test_person_tries_requests_until_they_sign_out(jonas: Page, demo: Demo, base_url: str) -> None:
    key = demo.add_key("Old importer").key
    open_list(jonas)
    jonas.get_by_role("navigation", name="Main").get_by_role("link", name="API docs").click()
    expect(jonas.get_by_role("heading", name="API docs", level=1)).to_be_visible()
    tokens = tokens_sent(jonas)
    jonas.get_by_role("button", name="Authorise").click()
    expect(jonas.locator(STATUS)).to_have_text(re.compile(r"^Authorised until \d\d:\d\d\.$"))
    assert tokens == []

    details = try_out(jonas, "GET", "/api/whoami")
    details.get_by_role("button", name="Execute").click()
    expect(jonas.locator(STATUS)).to_have_text("GET /api/whoami: 200")
    expect(details.get_by_text("jonas@northwind.example").first).to_be_visible()

    details = try_out(jonas, "DELETE", "/api/keys/{key}")
    details.get_by_role("textbox").first.fill(str(key.id))
    details.get_by_role("button", name="Execute").click()
    expect(modal(jonas)).to_contain_text(f"DELETE /api/keys/{key.id}")
    expect(modal(jonas).get_by_role("button", name="Cancel")).to_be_focused()
    jonas.keyboard.press("Enter")
    expect(jonas.locator("dialog")).to_have_count(0)
    expect(details.get_by_role("button", name="Execute")).to_be_focused()
    assert Key.objects.filter(id=key.id).exists()
    assert len(tokens) == 1

    details.get_by_role("button", name="Execute").click()
    modal(jonas).get_by_role("button", name="Send request").click()
    expect(jonas.locator(STATUS)).to_have_text(f"DELETE /api/keys/{key.id}: 204")
    expect(details.get_by_role("button", name="Execute")).to_be_focused()
    assert not Key.objects.filter(id=key.id).exists()
    assert len(set(tokens)) == 1
    assert tokens[0] not in jonas.evaluate(KEPT)
    expect(jonas.locator("#toasts")).to_have_text("")

    assert status_of(base_url, tokens[0]) == 200
    jonas.get_by_role("button", name=re.compile("Jonas Lind")).click()
    jonas.get_by_role("menuitem", name="Sign out").click()
    expect(jonas.get_by_role("heading", name="Sign in")).to_be_visible()
    assert status_of(base_url, tokens[0]) == 401
    assert tokens[0] not in jonas.evaluate(KEPT)


def test_request_without_authorisation_gets_a_token_first(jonas: Page, console: ConsoleRecorder) -> None:
    console.allow_status(404)
    open_api_docs(jonas)
    tokens = tokens_sent(jonas)
    details = try_out(jonas, "POST", "/api/explain")
    details.get_by_role("button", name="Execute").click()
    expect(jonas.locator(STATUS)).to_have_text("POST /api/explain: 404")  # it changes nothing, so nothing is asked
    assert len(tokens) == 1
    person = Person.objects.get(email="jonas@northwind.example")
    assert Event.objects.filter(actor_id=person.id, type=EventType.TOKEN_ISSUED).count() == 1
    jonas.reload()
    open_api_docs(jonas)
    expect(jonas.locator(STATUS)).to_have_text("")


def test_ended_session_leads_to_sign_in(jonas: Page, console: ConsoleRecorder) -> None:
    console.allow_status(401)
    open_api_docs(jonas)
    details = try_out(jonas, "GET", "/api/whoami")
    jonas.context.clear_cookies()
    details.get_by_role("button", name="Execute").click()
    expect(jonas.locator(STATUS)).to_have_text("Your session ended. Sign in to continue.")
    link = jonas.locator("#authorise").get_by_role("link", name="Sign in")
    expect(link).to_have_attribute("href", "/account/login/?next=/api/docs")
    link.click()
    expect(jonas.get_by_role("heading", name="Sign in")).to_be_visible()


def test_refused_token_is_replaced_by_the_next_request(jonas: Page, demo: Demo, console: ConsoleRecorder) -> None:
    console.allow_status(401)
    open_api_docs(jonas)
    tokens = tokens_sent(jonas)
    details = try_out(jonas, "GET", "/api/whoami")
    details.get_by_role("button", name="Execute").click()
    expect(jonas.locator(STATUS)).to_have_text("GET /api/whoami: 200")
    Person.objects.filter(email="jonas@northwind.example").update(name="Jonas L.", revision=2)
    details.get_by_role("button", name="Execute").click()
    expect(jonas.locator(STATUS)).to_have_text("The access token has ended. The next request gets a new one.")
    details.get_by_role("button", name="Execute").click()
    expect(jonas.locator(STATUS)).to_have_text("GET /api/whoami: 200")
    assert len(set(tokens)) == 2


def test_reader_without_sign_in_reads_and_sends_nothing(new_context: NewContext) -> None:
    page = new_context().new_page()
    open_api_docs(page)
    details = open_operation(page, "POST", "/api/keys")
    expect(details.get_by_role("button", name="Try it out")).to_have_count(0)
    details.get_by_role("tab", name="cURL").focus()
    page.keyboard.press("ArrowRight")
    expect(details.get_by_role("tab", name="Python")).to_be_focused()
    expect(details.get_by_role("tabpanel", name="Python")).to_have_text(re.compile("import httpx"))
    expect(details.get_by_role("tabpanel", name="cURL")).to_have_count(0)
    expect(page.get_by_role("main").get_by_role("link", name="Sign in")).to_be_visible()


def test_page_makes_few_static_requests_and_none_elsewhere(jonas: Page, base_url: str) -> None:
    requested: list[str] = []
    jonas.on("request", lambda request: requested.append(request.url))
    open_api_docs(jonas)
    for method, path in (("GET", "/api/history"), ("POST", "/api/keys"), ("PATCH", "/api/scopes/{name}")):
        try_out(jonas, method, path)
    jonas.get_by_role("button", name="Schemas").click()
    assert [url for url in requested if not url.startswith((base_url, "data:"))] == []
    # Production joins the style sheets of the product.
    static = {re.sub(r"/css/.*", "/css/", url) for url in requested if "/static/" in url}
    assert len(static) <= MAX_STATIC_REQUESTS, sorted(static)
    assert not [url for url in requested if url.startswith("data:")]


def test_no_text_of_the_page_shows_backticks(jonas: Page) -> None:
    open_api_docs(jonas)
    for method, path in (("POST", "/api/verify"), ("POST", "/api/keys"), ("DELETE", "/api/allow-list-entries/{entry}")):
        details = open_operation(jonas, method, path)
        for tab in details.get_by_role("tab", name="Schema").all():
            tab.click()
    text = jonas.get_by_role("main").inner_text()
    assert "A key needs keys:write." in text
    assert "`" not in text.replace("`Bearer ${process.env.TOKEN}`", "")


def test_operation_is_reached_and_opened_by_keyboard(jonas: Page) -> None:
    open_api_docs(jonas)
    button = operation(jonas, "GET", "/api/whoami")
    for _ in range(60):
        jonas.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            break
    expect(button).to_be_focused()
    jonas.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    jonas.keyboard.press("Tab")
    expect(jonas.get_by_role("button", name="Try it out")).to_be_focused()
    jonas.keyboard.press("Enter")
    execute = jonas.get_by_role("button", name="Execute")
    for _ in range(10):
        jonas.keyboard.press("Tab")
        if execute.evaluate("element => element === document.activeElement"):
            break
    jonas.keyboard.press("Enter")
    expect(jonas.locator(STATUS)).to_have_text("GET /api/whoami: 200")
    expect(execute).to_be_focused()
