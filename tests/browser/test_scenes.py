"""Every scene is accessible in both themes and fits every width.

All scenes share their rows and one browser context, whose cache holds the scripts and fonts.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.all_scenes import SCENES
from tests.browser.console import ConsoleRecorder
from tests.browser.contexts import recorded_context
from tests.browser.demo import Demo
from tests.browser.layout import overflowing_elements
from tests.factories import TierFactory
from tests.fixtures.committed_rows import CommittedRows
from tests.live.servers import Server

AXE: Final = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDTHS: Final = (390, 320, 768, 900, 1280, 1440)
THEMES: Final[tuple[Any, ...]] = ("light", "dark")


def violations(page: Page) -> list[str]:
    """The violations of TAGS that axe finds, one text per element.

    axe is evaluated, because the Content-Security-Policy allows no foreign script.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    run_only = {"type": "tag", "values": TAGS}
    options = json.dumps({"runOnly": run_only, "resultTypes": ["violations"], "preload": False})
    # Of an open menu only the menu is checked: axe would take it for the background of the text that it covers. Of a
    # modal dialog only the dialog: the page behind it is inert, and is a scene of its own.
    root = "document.querySelector('.menu:popover-open') ?? document.querySelector('dialog:modal') ?? document"
    rules_violated: list[dict[str, Any]] = page.evaluate(
        f"axe.run({root}, {options}).then(({{violations}}) => violations)"
    )
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in rules_violated
        for node in rule["nodes"]
    ]


def focused_error_is_covered(page: Page) -> bool:
    """Whether another element covers the invalid field that has the focus, or its error message."""
    covered: bool = page.evaluate("""() => {
      const field = document.querySelector(":focus[aria-invalid=true]");
      const ids = field?.getAttribute("aria-describedby")?.split(" ") ?? [];
      return [field, ...ids.map((id) => document.getElementById(id))].some((element) => {
        if (!element?.checkVisibility()) return false;
        const box = element.getBoundingClientRect();
        const hit = document.elementFromPoint(box.left + 8, box.bottom - 4);
        return !hit || !(element.contains(hit) || hit.contains(element));
      });
    }""")
    return covered


@pytest.fixture(scope="module")
def demo(browser: Browser, call_path_connections: None, django_db_blocker: Any) -> Iterator[Demo]:
    with django_db_blocker.unblock():
        rows = CommittedRows()
        demo = Demo(rows)
        demo.add_rows()
        yield demo
        rows.remove()


@pytest.fixture(scope="module")
def shared_console() -> ConsoleRecorder:
    return ConsoleRecorder()


@pytest.fixture(scope="module")
def context(
    browser: Browser, own_server: Server, demo: Demo, shared_console: ConsoleRecorder
) -> Iterator[BrowserContext]:
    """The system administrator's context. It closes before the rows that it shows are deleted."""
    base_url = f"http://localhost:{own_server.port}"
    with recorded_context(browser, base_url, shared_console, viewport={"width": 1280, "height": 900}) as context:
        context.add_cookies([{"name": "sessionid", "value": demo.session_cookie("maya"), "url": base_url}])
        yield context


@pytest.fixture
def console(shared_console: ConsoleRecorder) -> Iterator[ConsoleRecorder]:
    shared_console.reset()
    yield shared_console
    assert shared_console.unexpected() == []


@pytest.fixture
def page(context: BrowserContext, console: ConsoleRecorder) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close(run_before_unload=False)


def assert_fits(page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert overflowing_elements(page) == [], width


@pytest.mark.parametrize("name", SCENES)
def test_scene_is_accessible_and_fits_every_width(page: Page, console: ConsoleRecorder, name: str) -> None:
    scene = SCENES[name]
    if scene.status != 200:
        console.allow_status(scene.status)
    scene.open(page)
    assert not focused_error_is_covered(page)
    assert violations(page) == [], "light and wide"
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    assert violations(page) == [], "dark and narrow"
    assert_fits(page)


def test_select_with_long_names_fits_every_width(page: Page, demo: Demo) -> None:
    demo.rows.organisation(name="AVeryLongNameIndeed" * 6)
    tier = TierFactory.create(name="WWWWWWWWWWWWWWWWWWWW" * 3)
    demo.rows.tiers.append(tier.id)
    SCENES["create"].open(page)
    assert_fits(page)


def test_sign_in_is_accessible_and_fits_every_width(
    browser: Browser, own_server: Server, console: ConsoleRecorder
) -> None:
    with recorded_context(browser, f"http://localhost:{own_server.port}", console) as context:
        page = context.new_page()
        for path in ("/account/login/", "/account/password/reset/"):
            page.goto(path)
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                assert violations(page) == [], (path, theme)
            assert_fits(page)
