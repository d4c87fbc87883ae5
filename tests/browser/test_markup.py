"""What people type is text, wherever it is shown."""

import pytest
from playwright.sync_api import Page, expect

from keyadmin.models import Bot
from tests.browser.scenes import act, delete, dialog, fill_create, open_history, open_list
from tests.browser.world import World

EVIL = "<img src=x onerror=\"document.title='run'\">"
EVIL_BOT = "<svg onload=\"document.title='run'\">"
EVIL_REASON = "<script>document.title='run'</script>{{ 7|add:1 }}"


@pytest.fixture(autouse=True)
def _nothing_runs(page: Page) -> object:
    yield
    assert "run" not in page.title()
    assert page.locator("img[src=x], svg[onload], main script, dialog script").count() == 0


def test_as_names_and_reasons(page: Page, world: World) -> None:
    Bot.objects.create(organisation=world.northwind, name=EVIL_BOT)
    create(page)
    expect(page.get_by_role("link", name=EVIL)).to_be_visible()
    expect(page.locator(".key-meta").filter(has_text=EVIL_BOT)).to_be_visible()

    asked = act(page, EVIL, "Revoke…")
    expect(asked.get_by_role("heading")).to_have_text(f"Revoke {EVIL}?")
    asked.get_by_label("Reason").fill(EVIL_REASON)
    asked.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_role("row").filter(has_text=EVIL_BOT).locator(".badge")).to_have_text("Revoked")
    expect(act(page, EVIL, "Reactivate…")).to_contain_text(EVIL_REASON)
    page.keyboard.press("Escape")

    page.get_by_role("link", name=EVIL).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(EVIL)
    expect(page.locator("#description")).to_contain_text(EVIL)
    read(page)
    open_list(page)
    delete(page, EVIL)


def create(page: Page) -> None:
    """A key of the bot, both with markup for names."""
    form = fill_create(page, EVIL)
    form.get_by_label("Description").fill(EVIL)
    form.get_by_label("Owner").select_option(label=EVIL_BOT)
    expect(form.locator("p[data-sentence]")).to_contain_text(EVIL)
    form.get_by_role("button", name="Create key").click()
    shown = dialog(page)
    expect(shown.locator("#dialog-about")).to_contain_text(EVIL)
    expect(shown.locator("#panel-env")).to_contain_text(EVIL)
    shown.get_by_role("checkbox").check()
    shown.get_by_role("button", name="Done").click()


def read(page: Page) -> None:
    """What the history says of it, in the list and in the panel."""
    open_history(page)
    row = page.locator("#event-rows tr").filter(has_text="Key revoked")
    expect(row).to_contain_text(EVIL)
    expect(row).to_contain_text(EVIL_REASON)
    row.get_by_role("link").click()
    panel = page.locator("#panel")
    expect(panel).to_contain_text(EVIL_REASON)
    panel.get_by_text("JSON").click()
    expect(panel.locator(".json")).to_contain_text("onerror")


def test_as_a_search_and_in_an_error(page: Page, world: World) -> None:
    page.goto("/keys/?q=" + EVIL.replace(" ", "%20").replace("#", "%23"))
    expect(page.get_by_text(f"No key matches “{EVIL}”.")).to_be_visible()
    form = fill_create(page, EVIL)
    form.get_by_label("Add an IP address or range").fill(EVIL)
    form.get_by_role("button", name="Create key").click()
    expect(form.get_by_role("alert").first).to_be_visible()
    expect(form.get_by_label("Add an IP address or range")).to_have_value(EVIL)
