"""The theme: a cookie that the server renders, so that nothing flashes."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PageOf
from tests.browser.scenes import open_list
from tests.browser.world import World


def brightness(page: Page) -> int:
    """Of the page's background, 0 to 255."""
    colour: int = page.evaluate("""() => {
      const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d");
      canvas.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
      canvas.fillRect(0, 0, 1, 1);
      return Math.max(...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3));
    }""")
    return colour


def test_choosing_one(page: Page, world: World) -> None:
    open_list(page)
    assert brightness(page) > 200
    page.locator("#me-button").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    assert brightness(page) < 60
    page.reload()
    assert brightness(page) < 60
    page.locator("#me-button").click()
    expect(page.get_by_role("menuitemradio", name="Dark")).to_be_checked()
    page.get_by_role("menuitemradio", name="System theme").click()
    page.emulate_media(color_scheme="dark")
    assert brightness(page) < 60
    page.emulate_media(color_scheme="light")
    assert brightness(page) > 200


@pytest.mark.parametrize(("cookie", "rendered"), [("dark", "dark"), ("light", "light"), ('"><b', "auto")])
def test_the_server_renders_it(page_of: PageOf, world: World, address: str, cookie: str, rendered: str) -> None:
    page = page_of("maya", java_script_enabled=False)
    page.context.add_cookies([{"name": "keyadmin_theme", "value": cookie, "url": address}])
    open_list(page)
    expect(page.locator("html")).to_have_attribute("data-theme", rendered)
