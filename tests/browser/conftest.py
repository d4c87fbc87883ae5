"""Fixtures of the browser tests: Chromium, the live server, the demonstration's rows and signed-in pages."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import launch
from tests.browser.console import ConsoleRecorder
from tests.browser.contexts import NewContext, SignedInPage, recorded_context
from tests.browser.demo import Demo
from tests.fixtures.committed_rows import CommittedRows
from tests.live.servers import Server


@pytest.fixture(scope="package")
def browser(django_db_setup: None) -> Iterator[Browser]:
    """Chromium. Playwright runs an event loop in this thread, where Django allows queries only by this variable."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        chromium = launch(playwright)
        yield chromium
        chromium.close()
        connections.close_all()


@pytest.fixture
def base_url(server: Server) -> str:
    return f"http://localhost:{server.port}"


@pytest.fixture
def console() -> Iterator[ConsoleRecorder]:
    """Records the browser's errors and warnings. The test fails if there is one that it has not allowed."""
    recorder = ConsoleRecorder()
    yield recorder
    assert recorder.unexpected() == []


@pytest.fixture
def new_context(browser: Browser, base_url: str, console: ConsoleRecorder, rows: CommittedRows) -> Iterator[NewContext]:
    """Creates recorded contexts. They close before the rows that they show are deleted."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(recorded_context(browser, base_url, console, **options))


@pytest.fixture
def demo(browser: Browser, rows: CommittedRows) -> Demo:
    """The demonstration's organisations and people, without keys."""
    return Demo(rows)


@pytest.fixture
def signed_in_page(new_context: NewContext, demo: Demo, base_url: str) -> SignedInPage:
    """Opens a blank page on which a person, such as "jonas", is signed in. Takes the options of a context."""

    def open_page(person: str, **options: Any) -> Page:
        context = new_context(**options)
        context.add_cookies([{"name": "sessionid", "value": demo.session_cookie(person), "url": base_url}])
        return context.new_page()

    return open_page


@pytest.fixture
def page(signed_in_page: SignedInPage) -> Page:
    """A blank page on which Maya, the system administrator, is signed in."""
    return signed_in_page("maya")
