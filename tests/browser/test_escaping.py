"""Markup that people enter is shown as text and never runs."""

import pytest
from playwright.sync_api import Page, expect

from keyadmin.models import Bot
from tests.browser.demo import Demo
from tests.browser.scenes import choose_action, delete_key, fill_create, modal, open_history, open_list

MARKUP = "<img src=x onerror=\"document.title='run'\">"
MARKUP_BOT = "<svg onload=\"document.title='run'\">"
MARKUP_REASON = "<script>document.title='run'</script>{{ 7|add:1 }}"


@pytest.fixture(autouse=True)
def _no_markup_runs(page: Page) -> object:
    yield
    assert "run" not in page.title()
    assert page.locator("img[src=x], svg[onload], main script, dialog script").count() == 0


def test_markup_in_names_and_reasons_is_shown_as_text(page: Page, demo: Demo) -> None:
    Bot.objects.create(organisation=demo.northwind, name=MARKUP_BOT)
    create_key_of_bot(page)
    expect(page.get_by_role("link", name=MARKUP)).to_be_visible()
    expect(page.locator(".key-meta").filter(has_text=MARKUP_BOT)).to_be_visible()

    dialog = choose_action(page, MARKUP, "Revoke…")
    expect(dialog.get_by_role("heading")).to_have_text(f"Revoke {MARKUP}?")
    dialog.get_by_label("Reason").fill(MARKUP_REASON)
    dialog.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_role("row").filter(has_text=MARKUP_BOT).locator(".badge")).to_have_text("Revoked")
    expect(choose_action(page, MARKUP, "Reactivate…")).to_contain_text(MARKUP_REASON)
    page.keyboard.press("Escape")

    page.get_by_role("link", name=MARKUP).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP)
    expect(page.locator(".description")).to_contain_text(MARKUP)
    check_history(page)
    open_list(page)
    delete_key(page, MARKUP)


def create_key_of_bot(page: Page) -> None:
    """Create a key of the bot. Both have markup as names."""
    form = fill_create(page, MARKUP)
    form.get_by_label("Description").fill(MARKUP)
    form.get_by_label("Owner").select_option(label=MARKUP_BOT)
    expect(form.locator("#key-sentence")).to_contain_text(MARKUP)
    form.get_by_role("button", name="Create key").click()
    reveal = modal(page)
    expect(reveal.locator("#dialog-about")).to_contain_text(MARKUP)
    expect(reveal.locator("#panel-env")).to_contain_text(MARKUP)
    reveal.get_by_role("checkbox").check()
    reveal.get_by_role("button", name="Done").click()


def check_history(page: Page) -> None:
    """History shows the markup as text in the list, the panel and the JSON."""
    open_history(page)
    row = page.locator("#event-rows tr").filter(has_text="Key revoked")
    expect(row).to_contain_text(MARKUP)
    expect(row).to_contain_text(MARKUP_REASON)
    row.get_by_role("link", name="Key revoked").click()
    panel = page.locator("#panel")
    expect(panel).to_contain_text(MARKUP_REASON)
    panel.get_by_text("JSON").click()
    expect(panel.locator(".json")).to_contain_text("onerror")


def test_markup_in_search_and_rejected_field_is_shown_as_text(page: Page, demo: Demo) -> None:
    page.goto("/keys/?q=" + MARKUP.replace(" ", "%20").replace("#", "%23"))
    expect(page.get_by_text(f"No key matches “{MARKUP}”.")).to_be_visible()
    form = fill_create(page, MARKUP)
    form.get_by_label("Add an IP address or range").fill(MARKUP)
    form.get_by_role("button", name="Create key").click()
    expect(form.get_by_role("alert").first).to_be_visible()
    expect(form.get_by_label("Add an IP address or range")).to_have_value(MARKUP)
