"""Every page and dialog, whatever is on it: accessible in both themes, and nowhere wider than the screen.

All scenes are set in one world, and in one context of the browser, whose cache holds the scripts and fonts.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.conftest import watched
from tests.browser.places import SCENES
from tests.browser.record import Record
from tests.browser.world import World
from tests.callpath.rows import Given
from tests.factories import TierFactory
from tests.live.servers import Server

AXE: Final = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
#: The only rules of TAGS that look at colours, and so the only ones whose findings a theme can change.
COLOURS: Final = ["color-contrast", "link-in-text-block"]
WIDTHS: Final = (320, 390, 768, 900, 1280, 1440)
THEMES: Final[tuple[Any, ...]] = ("light", "dark")


def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds, as one line a place; by these rules alone, if any are given.

    Evaluated: the policy lets no other script in.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    run_only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    options = json.dumps({"runOnly": run_only, "resultTypes": ["violations"]})
    # What an open menu covers is read in the scene without it; axe would take the menu for its background.
    place = "document.querySelector('.menu:popover-open') ?? document"
    found: list[dict[str, Any]] = page.evaluate(f"axe.run({place}, {options}).then(({{violations}}) => violations)")
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def overflow(page: Page) -> list[str]:
    """Elements that reach beyond the screen, unless they stand in a box that scrolls or clips by itself; tables that
    reach beyond their card, which clips them.
    """
    found: list[str] = page.evaluate("""() => {
      const root = document.documentElement;
      const wide = root.scrollWidth > root.clientWidth ? [`the page: ${root.scrollWidth}`] : [];
      const open = document.querySelector("dialog:modal");
      if (open && open.scrollWidth > open.clientWidth) wide.push(`the dialog: ${open.scrollWidth}`);
      const own = (element) => {
        for (let e = element; e && e !== document.body; e = e.parentElement)
          if (getComputedStyle(e).overflowX !== "visible" && !e.matches("dialog")) return true;
        return false;
      };
      for (const element of (open ?? document.body).querySelectorAll("*")) {
        const box = element.getBoundingClientRect();
        const unseen = ".visually-hidden, .visually-hidden *, .skip";
        if (box.width < 2 || !element.checkVisibility() || element.matches(unseen)) continue;
        if ((box.right > innerWidth + 1 || box.left < -1) && !own(element))
          wide.push(`${element.tagName}.${element.getAttribute("class")} ${box.left}–${box.right}`);
      }
      for (const table of document.querySelectorAll(".card table")) {
        const card = table.closest(".card").getBoundingClientRect();
        const scrolls = ["auto", "scroll"].includes(getComputedStyle(table.parentElement).overflowX);
        if (table.getBoundingClientRect().right > card.right + 1 && !scrolls && table.checkVisibility())
          wide.push(`a table in its card: ${table.getBoundingClientRect().right} of ${card.right}`);
      }
      return wide;
    }""")
    return found


def covered(page: Page) -> bool:
    """Whether something stands before the invalid field that has the focus, or before what is said of it."""
    found: bool = page.evaluate("""() => {
      const field = document.querySelector(":focus[aria-invalid=true]");
      const ids = field?.getAttribute("aria-describedby")?.split(" ") ?? [];
      return [field, ...ids.map((id) => document.getElementById(id))].some((element) => {
        if (!element?.checkVisibility()) return false;
        const box = element.getBoundingClientRect();
        const hit = document.elementFromPoint(box.left + 8, box.bottom - 4);
        return !hit || !(element.contains(hit) || hit.contains(element));
      });
    }""")
    return found


@pytest.fixture(scope="module")
def world(browser: Browser, committed_rows: None, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock():
        given = Given()
        world = World(given)
        world.demonstration()
        yield world
        given.remove()


@pytest.fixture(scope="module")
def watching() -> Record:
    return Record()


@pytest.fixture(scope="module")
def context(browser: Browser, server: Server, world: World, watching: Record) -> Iterator[BrowserContext]:
    """Maya's. It closes before the rows that it shows are removed."""
    address = f"http://localhost:{server.port}"
    with watched(browser, address, watching, viewport={"width": 1280, "height": 900}) as context:
        context.add_cookies([{"name": "sessionid", "value": world.session("maya"), "url": address}])
        yield context


@pytest.fixture
def record(watching: Record) -> Iterator[Record]:
    watching.begin()
    yield watching
    assert watching.unexpected() == []


@pytest.fixture
def page(context: BrowserContext, record: Record) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close(run_before_unload=False)


def fits(page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert overflow(page) == [], width


@pytest.mark.parametrize("name", SCENES)
def test_it_is_accessible_and_fits(page: Page, record: Record, name: str) -> None:
    place = SCENES[name]
    if place.status != 200:
        record.expect_status(place.status)
    place.scene(page)
    assert not covered(page)
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, *COLOURS) == [], "dark"
    page.set_viewport_size({"width": 390, "height": 800})
    assert violations(page) == [], "dark and narrow"
    fits(page)


def test_a_long_name_to_choose_fits(page: Page, world: World) -> None:
    world.given.organisation(name="AVeryLongNameIndeed" * 6)
    tier = TierFactory(name="WWWWWWWWWWWWWWWWWWWW" * 3)
    world.given.tiers.append(tier.id)
    SCENES["create"].scene(page)
    fits(page)


def test_sign_in_is_accessible_and_fits(browser: Browser, server: Server, record: Record) -> None:
    with watched(browser, f"http://localhost:{server.port}", record) as context:
        page = context.new_page()
        for address in ("/account/login/", "/account/password/reset/"):
            page.goto(address)
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                assert violations(page) == [], (address, theme)
            fits(page)
