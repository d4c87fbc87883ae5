"""*Create key* opened as a page: its channels and limits are those of the owner, however the page was reached."""

import re
import time
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from keyadmin.models import Bot, Channel, Key, Organisation
from tests.browser.console import ConsoleRecorder
from tests.browser.contexts import SignedInPage
from tests.browser.demo import Demo

CHANNELS = {"Northwind": ["Telegram", "WhatsApp"], "Contoso": ["SMS"], "Fabrikam": []}


@pytest.fixture
def world(demo: Demo, console: ConsoleRecorder) -> Demo:
    """Organisations with different channels and rules, and a bot of Contoso with an allow-list."""
    # htmx reports a request that the next one replaces.
    console.allow("^error: htmx:afterRequest", "^error: htmx:sendAbort")
    for organisation in (demo.northwind, demo.contoso):
        for name in CHANNELS[organisation.name]:
            Channel.objects.create(organisation=organisation, name=name, slug=name.lower())
    Organisation.objects.filter(id=demo.contoso.id).update(max_expiry_days=30, may_never_expire=False)
    bot = Bot.objects.create(organisation=demo.contoso, name="Courier")
    demo.rows.network("203.0.113.0/24", bot=bot)
    return demo


def owner(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Owner")


def expect_parts_of(page: Page, organisation: str) -> None:
    """The page shows the channels and limits of the organisation."""
    names = CHANNELS.get(organisation, [])
    labels = page.locator("#key-channels label")
    expect(labels).to_have_count(len(names))
    for label, name in zip(labels.all(), names, strict=True):
        expect(label).to_have_text(re.compile(name))
    expect(page.get_by_role("radio", name="Never")).to_have_count(0 if organisation == "Contoso" else 1)
    expect(page.get_by_role("radio", name="180 days")).to_have_count(0 if organisation == "Contoso" else 1)
    expect(page.locator("#id_tier")).to_have_count(1 if organisation else 0)


@pytest.mark.parametrize("start", ["/keys/create/", "/keys/create/?kind=master", "/keys/create/?organisation=fabrikam"])
def test_channels_and_limits_follow_the_owner(page: Page, world: Demo, start: str) -> None:
    page.goto(start)
    expect_parts_of(page, "Fabrikam" if "fabrikam" in start else "")
    if "fabrikam" not in start:
        expect(owner(page)).to_have_value("")
    for organisation in ("Northwind", "Contoso", "Fabrikam", "Northwind"):
        owner(page).select_option(label=organisation)
        expect_parts_of(page, organisation)
        # The parts that were replaced work as well.
        owner(page).select_option(label=f"{organisation} (Master User API key)")
        expect_parts_of(page, organisation)
    owner(page).select_option(label="Courier")
    expect_parts_of(page, "Contoso")
    expect(page.locator("#key-no-networks")).to_contain_text("203.0.113.0/24")


def test_owner_is_chosen_by_keyboard(page: Page, world: Demo) -> None:
    page.goto("/keys/create/")
    owner(page).focus()
    page.keyboard.type("Northwind")
    expect_parts_of(page, "Northwind")
    page.keyboard.press("ArrowUp")
    expect(owner(page)).not_to_have_value(f"standard:{world.northwind.id}")


def test_key_of_the_chosen_owner_is_created(page: Page, world: Demo) -> None:
    page.goto("/keys/create/")
    page.get_by_role("textbox", name="Name", exact=True).fill("Direct")
    owner(page).select_option(label="Northwind")
    page.get_by_role("checkbox", name="Telegram").check()
    owner(page).select_option(label="Contoso")
    expect_parts_of(page, "Contoso")
    page.get_by_role("checkbox", name="SMS").check()
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("heading", name="Save your secret now")).to_be_visible()
    key = Key.objects.get(name="Direct")
    assert (key.organisation, [channel.name for channel in key.channels.all()]) == (world.contoso, ["SMS"])
    page.get_by_label("I’ve stored this secret somewhere safe").check()


def test_page_with_errors_follows_the_owner(page: Page, world: Demo) -> None:
    page.goto("/keys/create/")
    owner(page).select_option(label="Northwind")
    expect_parts_of(page, "Northwind")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Fix 1 problem to create the key.")).to_be_visible()
    expect(owner(page)).to_have_value(f"standard:{world.northwind.id}")
    expect_parts_of(page, "Northwind")
    owner(page).select_option(label="Contoso")
    expect_parts_of(page, "Contoso")


def test_last_of_several_choices_wins_on_a_slow_network(page: Page, world: Demo) -> None:
    page.goto("/keys/create/")
    waits = iter([1.0, 0.6, 0.0])

    def slow(route: Route) -> None:
        time.sleep(next(waits, 0))
        route.continue_()

    page.route("**/create/limits/", slow)
    for organisation in ("Fabrikam", "Northwind", "Contoso"):
        owner(page).select_option(label=organisation)
    expect_parts_of(page, "Contoso")
    page.wait_for_load_state("networkidle")
    expect_parts_of(page, "Contoso")


@pytest.mark.parametrize("way", ["back", "reload", "forward"])
def test_restored_page_shows_the_parts_of_its_owner(page: Page, world: Demo, way: str) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/keys/")
    page.goto("/keys/create/")
    page.get_by_role("textbox", name="Name", exact=True).fill("Restored")
    owner(page).select_option(label="Contoso")
    expect_parts_of(page, "Contoso")
    if way == "reload":
        page.reload()
    elif way == "back":
        page.goto("/bots/")
        page.go_back()
    else:
        page.go_back()
        page.go_forward()
    expect(owner(page)).to_be_visible()
    page.wait_for_load_state("networkidle")
    chosen = owner(page).locator("option:checked").inner_text()
    expect_parts_of(page, {"Choose an owner": ""}.get(chosen, chosen))
    name = page.get_by_role("textbox", name="Name", exact=True).input_value() or "This key"
    expect(page.locator("#key-sentence")).to_contain_text(f"{name} can read chats")
    owner(page).select_option(label="Northwind")
    expect_parts_of(page, "Northwind")


def test_bot_page_leads_to_the_form_of_its_bot(page: Page, world: Demo) -> None:
    bot = Bot.objects.get(name="Courier")
    page.goto(f"/keys/create/?owner=bot:{bot.id}")
    expect(owner(page)).to_have_value(f"bot:{bot.id}")
    expect_parts_of(page, "Contoso")
    owner(page).select_option(label="Northwind")
    expect_parts_of(page, "Northwind")


def test_failed_reload_is_reported_and_can_be_repeated(page: Page, world: Demo, console: ConsoleRecorder) -> None:
    console.allow("ERR_FAILED", "^error: htmx:sendError")
    page.goto("/keys/create/")
    page.route("**/create/limits/", lambda route: route.abort())
    owner(page).select_option(label="Contoso")
    retry = page.get_by_role("button", name="Retry")
    expect(retry).to_be_visible()
    page.unroute("**/create/limits/")
    retry.click()
    expect_parts_of(page, "Contoso")


def test_channels_and_limits_are_loaded_without_javascript(signed_in_page: SignedInPage, world: Demo) -> None:
    page = signed_in_page("maya", java_script_enabled=False)
    page.goto("/keys/create/")
    page.get_by_role("textbox", name="Name", exact=True).fill("Plain")
    page.get_by_role("checkbox", name="Write chats").check()
    page.get_by_label("Add an IP address or range").fill("192.0.2.1 # Door")
    owner(page).select_option(label="Northwind")
    page.get_by_role("button", name="Show channels and limits").click()
    expect_parts_of(page, "Northwind")
    expect(page.get_by_role("checkbox", name="Write chats")).to_be_checked()
    expect(page.get_by_label("Note of 192.0.2.1/32")).to_have_value("Door")
    page.get_by_role("checkbox", name="Telegram").check()
    owner(page).select_option(label="Contoso")
    page.get_by_role("button", name="Show channels and limits").click()
    expect_parts_of(page, "Contoso")
    page.get_by_role("checkbox", name="SMS").check()
    # Enter presses the primary button.
    page.get_by_role("textbox", name="Name", exact=True).press("Enter")
    expect(page.get_by_role("heading", name="Save your secret now")).to_be_visible()
    key = Key.objects.get(name="Plain")
    assert (key.organisation, [channel.name for channel in key.channels.all()]) == (world.contoso, ["SMS"])
    assert {entry.note for entry in key.allow_list.all()} == {"Door"}
    assert key.expires_at is not None
    assert key.expires_at - key.created_at <= timedelta(days=31)
