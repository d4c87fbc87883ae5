"""A browser against the live server: the cast signed in, and a record of everything it complains about."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.chromium import launch
from tests.browser.record import Record
from tests.browser.world import World
from tests.callpath.conftest import committed_rows, given
from tests.callpath.rows import Given
from tests.live.fixtures import database_url, server
from tests.live.servers import Server

__all__ = ["committed_rows", "database_url", "given", "server"]

type NewContext = Callable[..., BrowserContext]
type PageOf = Callable[..., Page]


@pytest.fixture(scope="package")
def browser(django_db_setup: None) -> Iterator[Browser]:
    """While it is open, its loop runs in this thread: Django would refuse to query, and has connections of its own."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        running = launch(playwright)
        yield running
        running.close()
        connections.close_all()


@pytest.fixture
def address(server: Server) -> str:
    return f"http://localhost:{server.port}"


@pytest.fixture
def record() -> Iterator[Record]:
    """What pages complained about; after the test nothing may be left that it did not expect."""
    found = Record()
    yield found
    assert found.unexpected() == []


@contextmanager
def watched(browser: Browser, address: str, record: Record, **options: Any) -> Iterator[BrowserContext]:
    """A context of Chromium that knows the server, and whose complaints are recorded."""
    with browser.new_context(**{"base_url": address, "reduced_motion": "reduce"} | options) as context:
        context.set_default_timeout(10_000)
        record.watch(context)
        yield context


@pytest.fixture
def new_context(browser: Browser, address: str, record: Record, given: Given) -> Iterator[NewContext]:
    """Makes watched contexts, which close before the rows that they show are removed."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(watched(browser, address, record, **options))


@pytest.fixture
def world(browser: Browser, given: Given) -> World:
    """Northwind and its people, bots and keys, with the demonstration's names."""
    return World(given)


@pytest.fixture
def page_of(new_context: NewContext, world: World, address: str) -> PageOf:
    """A page of one of the cast, signed in."""

    def sign_in(name: str, **options: Any) -> Page:
        context = new_context(**options)
        context.add_cookies([{"name": "sessionid", "value": world.session(name), "url": address}])
        return context.new_page()

    return sign_in


@pytest.fixture
def page(page_of: PageOf) -> Page:
    """Maya's: the system administrator."""
    return page_of("maya")
