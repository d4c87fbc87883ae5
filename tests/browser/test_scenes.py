"""Every page and dialog, whatever is on it: accessible in both themes, and nowhere wider than the screen."""

import json
from pathlib import Path
from typing import Any, Final

import axe_playwright_python
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import PageOf
from tests.browser.places import SCENES
from tests.browser.record import Record
from tests.browser.world import World
from tests.factories import TierFactory

AXE: Final = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDTHS: Final = (320, 390, 768, 900, 1280, 1440)


def violations(page: Page) -> list[str]:
    """What axe finds, as one line a place. Evaluated: the policy lets no other script in."""
    page.evaluate(AXE)
    options = json.dumps({"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]})
    found: list[dict[str, Any]] = page.evaluate(f"axe.run(document, {options}).then(({{violations}}) => violations)")
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


@pytest.fixture
def scene(request: pytest.FixtureRequest, world: World, record: Record, page_of: PageOf) -> Page:
    world.demonstration()
    place = SCENES[request.param]
    if place.status != 200:
        record.expect_status(place.status)
    page = page_of("maya", viewport={"width": 1280, "height": 900})
    place.scene(page)
    return page


@pytest.mark.parametrize("scene", SCENES, indirect=True)
def test_it_is_accessible_and_fits(scene: Page) -> None:
    for theme in ("light", "dark"):
        scene.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert violations(scene) == [], theme
    for width in WIDTHS:
        scene.set_viewport_size({"width": width, "height": 800})
        assert overflow(scene) == [], width
        if width == 390:
            assert violations(scene) == [], "narrow"


def test_a_long_name_to_choose_fits(world: World, page_of: PageOf) -> None:
    world.demonstration()
    world.given.organisation(name="AVeryLongNameIndeed" * 6)
    world.given.tiers.append(TierFactory(name="WWWWWWWWWWWWWWWWWWWW" * 3).id)
    page = page_of("maya", viewport={"width": 1280, "height": 900})
    SCENES["create"].scene(page)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert overflow(page) == [], width


def test_sign_in_is_accessible_and_fits(new_context: Any, record: Record) -> None:
    page = new_context().new_page()
    for address in ("/account/login/", "/account/password/reset/"):
        page.goto(address)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            assert violations(page) == [], (address, theme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert overflow(page) == [], (address, width)
