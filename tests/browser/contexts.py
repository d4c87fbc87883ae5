"""Browser contexts whose errors and warnings are recorded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.console import ConsoleRecorder

type NewContext = Callable[..., BrowserContext]
type SignedInPage = Callable[..., Page]


@contextmanager
def recorded_context(
    browser: Browser, base_url: str, console: ConsoleRecorder, **options: Any
) -> Iterator[BrowserContext]:
    """A browser context for the server, whose errors and warnings are recorded."""
    with browser.new_context(**{"base_url": base_url, "reduced_motion": "reduce"} | options) as context:
        context.set_default_timeout(10_000)
        console.watch(context)
        yield context
