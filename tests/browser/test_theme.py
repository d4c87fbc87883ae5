"""The theme is a cookie. The server renders it, so that a page never flashes in another theme."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.contexts import SignedInPage
from tests.browser.demo import Demo
from tests.browser.scenes import open_list


def brightness(page: Page) -> int:
    """The brightness of the page's background, 0 to 255."""
    colour: int = page.evaluate("""() => {
      const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1}).getContext("2d");
      canvas.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
      canvas.fillRect(0, 0, 1, 1);
      return Math.max(...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3));
    }""")
    return colour


def test_chosen_theme_is_applied_and_kept(page: Page, demo: Demo) -> None:
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
def test_theme_cookie_is_rendered_by_the_server(
    signed_in_page: SignedInPage, demo: Demo, base_url: str, cookie: str, rendered: str
) -> None:
    page = signed_in_page("maya", java_script_enabled=False)
    page.context.add_cookies([{"name": "keyadmin_theme", "value": cookie, "url": base_url}])
    open_list(page)
    expect(page.locator("html")).to_have_attribute("data-theme", rendered)
